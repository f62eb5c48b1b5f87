//! `acmite apply`.

use std::sync::Arc;

use time::OffsetDateTime;

use super::Global;
use super::apply_report::{exit, json, plan_exit, plan_json, plan_text, text};
use super::configured::ConfigArgs;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::providers::ProviderPool;
use super::setup::on_signals;
use super::view::{AllNames, all_names};
use crate::config::file::schema;
use crate::flow::{self, Choice, Event, Plan, RenewOptions, RenewRun};

/// Make the certificates as acmite.toml describes them: get what is missing, get anew what has changed.
///
/// What is as described is left alone, and so is what is not in the file: nothing is deleted. A change that needs no new
/// certificate (hooks, providers, the account) is kept for the next renewal.
///
/// Examples:
///   acmite apply --plan
///   acmite apply --config /etc/acmite/acmite.toml
///   acmite apply --schema > acmite.schema.json
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Say what would happen and do nothing; the exit code is 13 if something would change
    #[arg(long)]
    plan: bool,
    /// Do not wait where a CA has asked to (429 or 503 with Retry-After)
    #[arg(long)]
    ignore_rate_limit: bool,
    /// Print the JSON schema of acmite.toml
    #[arg(long, conflicts_with = "plan")]
    schema: bool,
}

pub(super) async fn run(args: Args, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    if args.schema {
        let schema = schema();
        printer.result(&format!("{schema:#}"), &schema);
        return Ok(Exit::Done);
    }
    let configured = args.config.read(global)?;
    let AllNames { found: known, unread } = all_names(&configured.state);
    unread.iter().for_each(|failure| printer.failure(failure));
    let wanted = &configured.described.certificates;
    if args.plan {
        let plan = Plan::new(&configured.state, wanted, &known);
        printer.result(&plan_text(&plan), &plan_json(&plan, &configured));
        return Ok(if unread.is_empty() { plan_exit(&plan) } else { Exit::State });
    }
    let cancel = on_signals(printer)?;
    let ignores_rate_limits = args.ignore_rate_limit;
    let options = RenewOptions { ignores_rate_limits, ..configured.options(Choice::Forced) };
    let pool = ProviderPool::new(&configured.state);
    let observe = |certificate: &str, event: Event| printer.event_of(certificate, &event);
    let run = RenewRun {
        state: &configured.state,
        providers: &pool,
        observe: &observe,
        cancel: cancel.clone(),
        clock: OffsetDateTime::now_utc,
        options: &options,
    };
    let report = flow::apply(&run, wanted, &known).await;
    printer.result(&text(&report), &json(&report));
    Ok(match exit(&report) {
        _ if cancel.is_requested() => Exit::Interrupted,
        Exit::Done if !unread.is_empty() => Exit::State,
        exit => exit,
    })
}
