//! `acmite renew`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;

use super::Global;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::providers::ProviderPool;
use super::setup::{DnsArgs, absolute, on_signals, open_state, staging_of};
use crate::flow::{self, Cancel, Choice, Event, Outcome, RenewOptions, RenewReport, RenewRun};
use crate::store::renewal;
use crate::store::renewal_state::HoldBy;

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
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    at_once: u8,
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
    Ok(if cancel.is_requested() { Exit::Interrupted } else { exit(&report) })
}

fn chosen(args: &Args, known: &[String]) -> Result<Vec<String>, Failure> {
    if args.names.is_empty() {
        return Ok(known.to_vec());
    }
    match args.names.iter().find(|name| !known.contains(name)) {
        Some(name) => {
            let message = format!("no certificate {name:?} can be renewed; `acmite list` shows those there are");
            Err(Failure::new(Exit::Usage, message))
        }
        None => Ok(args.names.clone()),
    }
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

fn exit(report: &RenewReport) -> Exit {
    let failed = report.outcomes.iter().find_map(|(_, outcome)| match outcome {
        Outcome::Failed(error) => Some(Failure::from(error.as_ref()).exit),
        _ => None,
    });
    let hook_failed = report.failed_post_hooks > 0 || report.outcomes.iter().any(|(_, outcome)| hooks(outcome) > 0);
    failed.unwrap_or(if hook_failed { Exit::HookFailed } else { Exit::Done })
}

fn hooks(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Renewed { failed_hooks, .. } | Outcome::Deployed { failed_hooks } => *failed_hooks,
        _ => 0,
    }
}

fn text(report: &RenewReport) -> String {
    let mut lines: Vec<String> = report.outcomes.iter().map(|(name, outcome)| line(name, outcome)).collect();
    if report.not_due > 0 || lines.is_empty() {
        lines.push(format!("{} not due", report.not_due));
    }
    lines.join("\n")
}

fn line(name: &str, outcome: &Outcome) -> String {
    let hooks = match hooks(outcome) {
        0 => String::new(),
        count => format!("; {count} deploy hooks failed and are run again next time"),
    };
    match outcome {
        Outcome::Renewed { leaf, .. } => format!("{name}: renewed, valid until {}{hooks}", moment(leaf.not_after)),
        Outcome::Tried => format!("{name}: the trial went well; nothing was stored"),
        Outcome::Deployed { .. } => format!("{name}: deploy hooks of the last renewal were run again{hooks}"),
        Outcome::Held { until, by: HoldBy::RateLimit } => {
            format!("{name}: due, and the CA asked to wait until {}", moment(*until))
        }
        Outcome::Held { until, .. } => {
            format!("{name}: due; after the last failure it is tried again from {} on, or with --force", moment(*until))
        }
        Outcome::Elsewhere => format!("{name}: left alone, another process has it or has just renewed it"),
        Outcome::NotBegun => format!("{name}: not begun"),
        Outcome::Failed(error) => {
            let Failure { message, remedy, .. } = Failure::from(error.as_ref());
            let wait = error.retry_after().map(|after| format!("; the CA asks to wait {} s", after.as_secs()));
            let remedy = remedy.map(|remedy| format!("\n  what to do: {remedy}"));
            format!("{name}: failed: {message}{}{}", wait.unwrap_or_default(), remedy.unwrap_or_default())
        }
    }
}

fn json(report: &RenewReport) -> Value {
    let certificate = |(name, outcome): &(String, Outcome)| {
        let mut json = outcome_json(outcome);
        json["name"] = name.as_str().into();
        json
    };
    json!({
        "event": "renew",
        "certificates": report.outcomes.iter().map(certificate).collect::<Vec<_>>(),
        "not_due": report.not_due,
        "failed_post_hooks": report.failed_post_hooks,
    })
}

fn outcome_json(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Renewed { leaf, failed_hooks } => {
            json!({"result": "renewed", "not_after": moment(leaf.not_after), "failed_hooks": failed_hooks})
        }
        Outcome::Tried => json!({"result": "tried"}),
        Outcome::Deployed { failed_hooks } => json!({"result": "deployed", "failed_hooks": failed_hooks}),
        Outcome::Held { until, by } => json!({"result": "held", "until": moment(*until), "by": by}),
        Outcome::Elsewhere => json!({"result": "elsewhere"}),
        Outcome::NotBegun => json!({"result": "not-begun"}),
        Outcome::Failed(error) => {
            let Failure { message, remedy, exit } = Failure::from(error.as_ref());
            let wait = error.retry_after().map(|after| after.as_secs());
            json!({"result": "failed", "message": message, "remedy": remedy, "exit_code": exit as u8, "retry_after": wait})
        }
    }
}

fn moment(at: OffsetDateTime) -> String {
    let whole = at.replace_nanosecond(0).unwrap_or(at);
    whole.format(&Rfc3339).unwrap_or_default()
}
