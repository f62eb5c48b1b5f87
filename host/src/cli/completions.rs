//! `acmite completions`.

use clap_complete::Shell;

use super::exit::{Exit, Failure};
use super::{Printer, usage};

/// Print what makes a shell complete acmite's commands and options.
///
/// Examples:
///   acmite completions bash > /etc/bash_completion.d/acmite
///   acmite completions zsh > ~/.zfunc/_acmite
///   acmite completions fish > ~/.config/fish/completions/acmite.fish
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut usage::command(), "acmite", &mut script);
    printer.file(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
