//! `acmite renew`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use url::Url;

use super::Global;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::providers::ProviderPool;
use super::renew_report::{exit, json, text};
use super::setup::{DnsArgs, absolute, on_signals, open_state, staging_of};
use super::view;
use crate::flow::{self, Cancel, Choice, Event, RenewOptions, RenewRun};
use crate::store::renewal;

/// Renew the certificates that are due, and nothing else.
///
/// Due is what the CA suggests (RFC 9773), else a certificate with a third of its lifetime left, or half of a short one.
///
/// Examples:
///   acmite renew
///   acmite renew example.com --force
///   acmite renew --dry-run
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// Look only at these certificates, by their names in the state folder
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Renew also what is not due
    #[arg(long)]
    force: bool,
    /// Try every step and store nothing, at the CA's staging server where it has one
    #[arg(long, conflicts_with = "force")]
    dry_run: bool,
    /// PEM file of root certificates to trust, instead of the one remembered
    #[arg(long, value_name = "PEM")]
    ca_bundle: Option<PathBuf>,
    #[command(flatten)]
    dns: DnsArgs,
    /// How many certificates to renew at once
    #[arg(long, value_name = "NUMBER", env = "ACMITE_AT_ONCE", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    at_once: u8,
    /// Do not wait where a CA has asked to (429 or 503 with Retry-After)
    #[arg(long)]
    ignore_rate_limit: bool,
    /// For timers: begin at a random moment within the next hour
    #[arg(long)]
    random_delay: bool,
}

pub(super) async fn run(args: Args, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    let state = open_state(global)?;
    let names = chosen(&args, &renewal::list(&state).map_err(|error| Failure::of(Exit::State, &error))?)?;
    let cancel = on_signals(printer)?;
    if args.random_delay && !delayed(&cancel, printer).await? {
        return Ok(Exit::Interrupted);
    }
    let options = options(&args);
    let pool = ProviderPool::new(&state);
    let observe = |certificate: &str, event: Event| printer.event_of(certificate, &event);
    let run = RenewRun {
        state: &state,
        providers: &pool,
        observe: &observe,
        cancel: cancel.clone(),
        clock: OffsetDateTime::now_utc,
        options: &options,
    };
    let report = flow::renew(&run, &names).await;
    printer.result(&text(&report), &json(&report));
    let outcomes = report.outcomes.iter().map(|(_, outcome)| outcome);
    Ok(if cancel.is_requested() { Exit::Interrupted } else { exit(outcomes, report.failed_post_hooks) })
}

fn chosen(args: &Args, known: &[String]) -> Result<Vec<String>, Failure> {
    if args.names.is_empty() {
        return Ok(known.to_vec());
    }
    let unknown = |name: &str| {
        let message = format!("no certificate {name:?} can be renewed; `acmite list` shows those there are");
        Failure::new(Exit::Usage, message)
    };
    let meant = |name: &String| view::meant(known, name).map(str::to_owned).ok_or_else(|| unknown(name));
    // Each once, however often it is named: two runs of one would be in each other's way.
    Ok(args.names.iter().map(meant).collect::<Result<BTreeSet<_>, _>>()?.into_iter().collect())
}

fn options(args: &Args) -> RenewOptions {
    let choice = match (args.dry_run, args.force) {
        (true, _) => Choice::Trial(|server: &Url| staging_of(server).unwrap_or_else(|| server.clone())),
        (_, true) => Choice::Forced,
        _ => Choice::Due,
    };
    RenewOptions {
        choice,
        ca_bundle: args.ca_bundle.as_deref().map(absolute),
        resolvers: args.dns.resolvers.clone(),
        zone: args.dns.zone.clone(),
        at_once: usize::from(args.at_once),
        next_run: if args.random_delay { TIMER_PERIOD } else { Duration::ZERO },
        ignores_rate_limits: args.ignore_rate_limit,
    }
}

/// Of the timer that `acmite timer` makes.
const TIMER_PERIOD: Duration = Duration::from_secs(12 * 3600);
const LONGEST_DELAY_SECONDS: u32 = 3600;

/// False if the user stopped it.
async fn delayed(cancel: &Cancel, printer: &Printer) -> Result<bool, Failure> {
    let mut random = [0; 4];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| Failure::new(Exit::Failed, "the system gives no random bytes; try again"))?;
    let seconds = u32::from_be_bytes(random) % LONGEST_DELAY_SECONDS;
    printer.note(&format!("beginning in {} minutes", seconds / 60));
    Ok(tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(seconds.into())) => true,
        () = cancel.requested() => false,
    })
}
