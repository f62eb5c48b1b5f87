//! `acmite lab`.

use std::sync::Arc;

use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::setup::on_signals;

/// Run a CA, name servers and mock provider APIs on loopback, to try acmite or a provider without any account.
///
/// Prints where everything is, and runs until it is interrupted.
///
/// Example: acmite lab --zone example.test --nameservers 2
#[derive(clap::Args)]
pub(super) struct Args {
    /// A zone to serve; may be repeated
    #[arg(long, value_name = "NAME", default_value = "example.test")]
    zone: Vec<String>,
    /// How many name servers serve every zone
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=20))]
    nameservers: u8,
}

pub(super) async fn run(args: Args, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    let builder = acmite_lab::Lab::builder().nameservers(args.nameservers);
    let builder = args.zone.iter().fold(builder, |builder, zone| builder.zone(zone));
    let lab = builder.start().await.map_err(|error| Failure::of(Exit::Failed, &error))?;
    let description = serde_json::to_value(lab.description()).unwrap_or_default();
    let text = serde_json::to_string_pretty(&description).unwrap_or_default();
    printer.result(&text, &description);
    printer.note("running; Ctrl-C ends it");
    on_signals(printer)?.requested().await;
    Ok(Exit::Done)
}
