//! `acmite cleanup`.

use std::sync::Arc;

use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::providers::{ProviderArgs, Providers};
use super::setup::{DnsArgs, Opened, on_signals, open_state};
use crate::flow::{self, Event, Leftover, LeftoversReport};
use crate::words::counted;

/// Remove the records and token files that crashed or interrupted runs left published.
///
/// Only what stands in the journal is removed, value by value; what runs that are alive need is left alone.
///
/// What the provider does not remove, because a key is not valid any more, say, is named with its values. Remove it by
/// hand at the provider then, and have it forgotten.
///
/// Examples:
///   acmite cleanup
///   acmite cleanup --forget
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// Forget the records that could not be removed: no run tries again
    #[arg(long)]
    forget: bool,
    #[command(flatten)]
    providers: ProviderArgs,
    #[command(flatten)]
    dns: DnsArgs,
}

pub(super) async fn run(args: Args, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    let state = open_state(global)?;
    let providers = Arc::new(Providers::new(&state, &args.providers)?);
    let opened = Opened::new(state, &args.dns, providers, on_signals(printer)?)?;
    let observe = |event: Event| printer.event(&event);
    opened.state.tidy();
    let session = opened.session(&observe);
    let mut report = flow::remove_leftovers(&session).await?;
    let forgotten = if args.forget && !session.cancel.is_requested() {
        report.left.clear();
        flow::forget_leftovers(&session)?
    } else {
        Vec::new()
    };
    printer.result(&text(&report, &forgotten), &json(&report, &forgotten));
    let clean = report.left.is_empty() && report.left_files.is_empty() && report.damaged.is_empty();
    Ok(if clean { Exit::Done } else { Exit::LeftBehind })
}

fn text(report: &LeftoversReport, forgotten: &[Leftover]) -> String {
    let removed = report.removed.iter().map(|one| format!("removed      {}", line(one)));
    let left = report.left.iter().map(|one| format!("still there  {}: {}{}", line(one), one.why, records(one)));
    let forgotten = forgotten.iter().map(|one| format!("forgotten    {}{}", line(one), records(one)));
    let damaged = report.damaged.iter().map(|one| format!("unreadable   {one}"));
    let files = report.removed_files.iter().map(|path| format!("removed      {}", path.display()));
    let left_files = report.left_files.iter().map(|path| format!("still there  {}", path.display()));
    let lines: Vec<String> =
        removed.chain(files).chain(left).chain(forgotten).chain(left_files).chain(damaged).collect();
    if lines.is_empty() { "nothing was left behind".to_owned() } else { lines.join("\n") }
}

fn line(one: &Leftover) -> String {
    format!("{} in {} by {}", counted(one.records.len(), "value"), one.zone, one.plugin)
}

/// For whoever removes them by hand.
fn records(one: &Leftover) -> String {
    one.records.iter().map(|(name, value)| format!("\n               {name} TXT \"{value}\"")).collect()
}

fn json(report: &LeftoversReport, forgotten: &[Leftover]) -> serde_json::Value {
    let batch = |one: &Leftover| {
        let names: Vec<_> = one.records.iter().map(|(name, _)| name).collect();
        let values: Vec<_> = one.records.iter().map(|(_, value)| value).collect();
        json!({"zone": one.zone, "plugin": one.plugin, "names": names, "values": values, "why": one.why})
    };
    json!({
        "event": "cleanup",
        "removed": report.removed.iter().map(batch).collect::<Vec<_>>(),
        "left": report.left.iter().map(batch).collect::<Vec<_>>(),
        "forgotten": forgotten.iter().map(batch).collect::<Vec<_>>(),
        "removed_files": report.removed_files,
        "left_files": report.left_files,
        "unreadable": report.damaged.iter().map(|one| json!({"path": one.path, "set_aside": one.set_aside})).collect::<Vec<_>>(),
    })
}
