//! `acmite plugin install` and `acmite plugin remove`.

use std::io::IsTerminal;
use std::path::PathBuf;

use serde_json::json;

use super::exit::{Exit, Failure};
use super::providers::Providers;
use super::setup::{absolute, open_state};
use super::{Global, Printer, providers};
use crate::causes::chain;
use crate::plugin::bundled;
use crate::plugin::inspect::Inspected;
use crate::secure_file::read_named;
use crate::store::plugin_pins::{Pin, PinError, PluginPins};

/// Install a provider, so that it can be named by its id; shows what it may do and asks.
///
/// Its bytes are pinned: a file changed later is refused. An upgrade that may do more asks again.
///
/// Example: acmite plugin install ./quillzone.wasm
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The component
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Agree without being asked
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let state = open_state(global)?;
    let path = absolute(&args.file);
    let component = read_named(&path)
        .map_err(|error| Failure::new(Exit::Configuration, format!("could not read {}: {error}", path.display())))?;
    // Compiled now, never first at a renewal.
    let loaded = Providers::new(&state, &providers::ProviderArgs::default())?.load_bytes(&component, &path)?;
    let Inspected { manifest, sha256, .. } = &loaded.inspected;
    if bundled::component(&manifest.id).is_some() {
        let text = format!(
            "the id {:?} belongs to a bundled plugin; give this one another id, or its path to --dns-plugin",
            manifest.id
        );
        return Err(Failure::new(Exit::Configuration, text));
    }
    let pin = Pin {
        version: manifest.version.clone(),
        sha256: sha256.clone(),
        source: path.display().to_string(),
        permissions: manifest.permissions().lines().into_iter().collect(),
    };
    let pins = PluginPins::new(&state);
    let before = pins.all().map_err(state_failure)?.remove(&manifest.id);
    agree(args, printer, &manifest.id, before.as_ref(), &pin)?;
    let kept = pins.install(&manifest.id, &component, pin).map_err(state_failure)?;
    let json =
        json!({"event": "installed", "id": manifest.id, "version": manifest.version, "sha256": sha256, "path": kept});
    printer.result(&format!("installed {} {} ({sha256})", manifest.id, manifest.version), &json);
    Ok(Exit::Done)
}

/// The user's yes to what is new in `pin`; not asked for if nothing is.
fn agree(args: &Args, printer: &Printer, id: &str, before: Option<&Pin>, pin: &Pin) -> Result<(), Failure> {
    let asks: Vec<&str> = match before {
        Some(before) => before.widened_by(pin),
        None => pin.permissions.iter().map(String::as_str).collect(),
    };
    if asks.is_empty() {
        return Ok(());
    }
    let what = if before.is_some() { "asks for more than the installed version" } else { "asks for this" };
    printer.note(&format!("{id} {} {what}:", pin.version));
    asks.iter().for_each(|line| printer.note(&format!("  {line}")));
    if args.yes || (std::io::stdin().is_terminal() && asked(printer)) {
        return Ok(());
    }
    let text = format!("{id} {what}, and nobody said yes; nothing was installed. Look at it, then give --yes");
    Err(Failure::new(Exit::Configuration, format!("{text}: {}", asks.join("; "))))
}

fn asked(printer: &Printer) -> bool {
    printer.ask("install it? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// Take an installed provider away.
///
/// Example: acmite plugin remove quillzone
#[derive(clap::Args)]
pub(in crate::cli) struct RemoveArgs {
    /// Its id
    #[arg(value_name = "ID")]
    id: String,
}

pub(super) fn remove(args: &RemoveArgs, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let state = open_state(global)?;
    if !PluginPins::new(&state).remove(&args.id).map_err(state_failure)? {
        let text = format!("no plugin {:?} is installed; `acmite plugin list` shows those there are", args.id);
        return Err(Failure::new(Exit::Configuration, text));
    }
    printer.result(&format!("removed {}", args.id), &json!({"event": "removed", "id": args.id}));
    Ok(Exit::Done)
}

fn state_failure(error: PinError) -> Failure {
    Failure::new(Exit::State, chain(&error))
}
