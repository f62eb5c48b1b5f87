//! `acmite account update`.

use url::Url;

use super::super::exit::{Exit, Failure};
use super::super::printer::Printer;
use super::super::registration::contacts;
use super::{Global, Which, json, text};

/// Replace the addresses where the CA may write to.
///
/// Example: acmite account update --email admin@example.com
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    which: Which,
    /// The new address; may be repeated
    #[arg(long, value_name = "ADDR", required_unless_present = "no_email")]
    email: Vec<String>,
    /// Have none
    #[arg(long, conflicts_with = "email")]
    no_email: bool,
}

pub(super) async fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let contacts = contacts(&args.email)?;
    let (store, handle) = args.which.open(global).await?;
    let account = handle.update_contacts(&contacts).await?;
    if let Ok(url) = Url::parse(handle.url()) {
        store.save_url(&url, &contacts)?;
    }
    printer.result(&text(&account, &store), &json(&account, &store));
    Ok(Exit::Done)
}
