//! `acmite cleanup`.

use std::sync::Arc;

use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::providers::{ProviderArgs, Providers};
use super::setup::{DnsArgs, Opened, on_signals, open_state};
use crate::flow::{self, Event, Leftover, LeftoversReport};

/// Remove the records and token files that crashed or interrupted runs left published.
///
/// Only what stands in the journal is removed, value by value; what runs that are alive need is left alone.
///
/// Example: acmite cleanup
#[derive(clap::Args)]
pub(super) struct Args {
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
    let report = flow::remove_leftovers(&opened.session(&observe)).await?;
    printer.result(&text(&report), &json(&report));
    let clean = report.left.is_empty() && report.left_files.is_empty() && report.damaged.is_empty();
    Ok(if clean { Exit::Done } else { Exit::LeftBehind })
}

fn text(report: &LeftoversReport) -> String {
    let removed = report.removed.iter().map(|one| format!("removed      {}", line(one)));
    let left = report.left.iter().map(|one| format!("still there  {}: {}", line(one), one.why));
    let damaged = report.damaged.iter().map(|one| format!("unreadable   {one}"));
    let files = report.removed_files.iter().map(|path| format!("removed      {}", path.display()));
    let left_files = report.left_files.iter().map(|path| format!("still there  {}", path.display()));
    let lines: Vec<String> = removed.chain(files).chain(left).chain(left_files).chain(damaged).collect();
    if lines.is_empty() { "nothing was left behind".to_owned() } else { lines.join("\n") }
}

fn line(one: &Leftover) -> String {
    format!("{} values in {} by {}", one.names.len(), one.zone, one.plugin)
}

fn json(report: &LeftoversReport) -> serde_json::Value {
    let batch = |one: &Leftover| json!({"zone": one.zone, "plugin": one.plugin, "names": one.names, "why": one.why});
    json!({
        "event": "cleanup",
        "removed": report.removed.iter().map(batch).collect::<Vec<_>>(),
        "left": report.left.iter().map(batch).collect::<Vec<_>>(),
        "removed_files": report.removed_files,
        "left_files": report.left_files,
        "unreadable": report.damaged.iter().map(|one| json!({"path": one.path, "set_aside": one.set_aside})).collect::<Vec<_>>(),
    })
}
