//! `acmite man`.

use std::path::PathBuf;

use serde_json::json;

use super::exit::{Exit, Failure};
use super::{Printer, usage};

/// Write a manual page for acmite and one for each of its commands.
///
/// Examples:
///   acmite man /usr/local/share/man/man1
///   acmite man . && man ./acmite-issue.1
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// The folder for the pages; made where it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let folder = &args.folder;
    let write = || {
        std::fs::create_dir_all(folder)?;
        clap_mangen::generate_to(usage::command(), folder)
    };
    write().map_err(|error| {
        let path = folder.display();
        Failure::new(Exit::Configuration, format!("could not write the manual pages to {path}: {error}"))
    })?;
    printer.result(&format!("manual pages  {}", folder.display()), &json!({"event": "man", "folder": folder}));
    Ok(Exit::Done)
}
