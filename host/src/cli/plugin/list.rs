//! `acmite plugin list`.

use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::providers::{Place, available, component};
use super::setup::open_state;
use super::{Global, Printer};
use crate::plugin::inspect::{Inspected, inspect};
use crate::store::StateDir;

/// List the providers that can be named after --dns-plugin.
///
/// Example: acmite plugin list
#[derive(clap::Args)]
pub(in crate::cli) struct Args {}

pub(super) fn run(_args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let state = open_state(global)?;
    let found = available(&state).map_err(|error| Failure::of(Exit::State, &error))?;
    let rows: Vec<(String, Value)> = found.iter().map(|(id, place)| row(&state, id, *place)).collect();
    let lines: Vec<&str> = rows.iter().map(|(line, _)| line.as_str()).collect();
    let json: Vec<&Value> = rows.iter().map(|(_, json)| json).collect();
    let text = if lines.is_empty() {
        "no plugin is bundled or installed; give the path of a .wasm file to --dns-plugin".to_owned()
    } else {
        lines.join("\n")
    };
    printer.result(&text, &json!({"event": "plugins", "plugins": json}));
    Ok(Exit::Done)
}

fn row(state: &StateDir, id: &str, place: Place) -> (String, Value) {
    let from = match place {
        Place::Bundled => "bundled",
        Place::Installed => "installed",
    };
    match look_at(state, id) {
        Ok(Inspected { manifest, sha256, .. }) => (
            format!("{id:<14} {:<8} {from:<9} {}", manifest.version, manifest.name),
            json!({"id": id, "version": manifest.version, "name": manifest.name, "from": from, "sha256": sha256}),
        ),
        Err(error) => (format!("{id:<14} cannot be used: {error}"), json!({"id": id, "from": from, "error": error})),
    }
}

fn look_at(state: &StateDir, id: &str) -> Result<Inspected, String> {
    let component = component(state, id).map_err(|error| error.to_string())?;
    inspect(&component).map_err(|error| crate::causes::chain(&error))
}
