//! `acmite plugin build`.

use std::path::PathBuf;

use serde_json::json;

use super::Printer;
use super::exit::{Exit, Failure};
use crate::plugin::inspect::inspect;

/// Build a provider written in Rust: its crate to a component with its manifest inside.
///
/// Needs cargo and the target wasm32-unknown-unknown.
///
/// Example: acmite plugin build ./quillzone -o quillzone.wasm
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Folder of Cargo.toml and plugin.toml
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Where the component goes [default: ID.wasm here]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let built = acmite_build::build_plugin(&args.folder).map_err(|error| Failure::of(Exit::Configuration, &error))?;
    let inspected = inspect(&built.component).map_err(|error| {
        let text = crate::causes::chain(&error);
        Failure::new(Exit::Configuration, format!("the component was built and would not be run: {text}"))
    })?;
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.wasm", built.id)));
    std::fs::write(&path, &built.component)
        .map_err(|error| Failure::new(Exit::Failed, format!("could not write {}: {error}", path.display())))?;
    let (bytes, sha256) = (built.component.len(), &inspected.sha256);
    let json = json!({"event": "built", "id": built.id, "path": path, "bytes": bytes, "sha256": sha256});
    printer.result(&format!("{}  {bytes} bytes  sha256 {sha256}", path.display()), &json);
    Ok(Exit::Done)
}
