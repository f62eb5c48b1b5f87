//! The command line, and what is said of one that makes no sense.

use std::ffi::OsString;

use clap::Parser as _;
use clap::error::ErrorKind;

use super::Cli;
use super::exit::{Exit, Failure};
use super::printer::{Mode, Printer};
use crate::words::one_line;

impl Cli {
    /// Reads the command line; otherwise what was asked for, or why it makes no sense, has been shown.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Exit> {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        Self::try_parse_from(&arguments).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                // A reader that went away is no reason for another exit code.
                error.print().unwrap_or_default();
                Exit::Done
            }
            _ => {
                refuse(&arguments, error);
                Exit::Usage
            }
        })
    }
}

/// Says why, with the words of the command line such that they cannot pass for acmite's own.
fn refuse(arguments: &[OsString], error: clap::Error) {
    let shown: Vec<String> = arguments.iter().map(|argument| one_line(&argument.to_string_lossy())).collect();
    let error = match Cli::try_parse_from(&shown) {
        Err(harmless) => harmless,
        Ok(_) => error,
    };
    if shown.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json") {
        Printer::new(Mode::Json).failure(&failure(&error));
    } else {
        error.print().unwrap_or_default();
    }
}

/// The first paragraph, and the one with a tip where there is one.
fn failure(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let first = paragraphs.next().unwrap_or_default();
    let tip = paragraphs.find_map(|text| Some(text.strip_prefix("tip: ")?.to_owned()));
    Failure { remedy: tip, ..Failure::new(Exit::Usage, first.trim_start_matches("error: ")) }
}
