//! The command line, and what is said of one that makes no sense.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _, FromArgMatches as _};

use super::Cli;
use super::exit::{Exit, Failure};
use super::printer::{Mode, Printer};
use crate::words::one_line;

impl Cli {
    /// Reads the command line; otherwise what was asked for, or why it makes no sense, has been shown.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Exit> {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        parsed(&arguments).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                let printer = Printer::new(Mode::Plain);
                printer.written(error.print());
                printer.settled(Exit::Done)
            }
            _ => {
                refuse(&arguments, error);
                Exit::Usage
            }
        })
    }
}

fn parsed<T: Into<OsString> + Clone>(arguments: &[T]) -> Result<Cli, clap::Error> {
    let mut command = command();
    let mut matches = command.try_get_matches_from_mut(arguments.iter().cloned())?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// All commands, with a paragraph of their help in one line, which is broken where the terminal ends.
pub(super) fn command() -> Command {
    reflowed(Cli::command())
}

fn reflowed(command: Command) -> Command {
    let about = command.get_about().map(|about| about.to_string().trim_end_matches('.').to_owned());
    let long = command.get_long_about().map(|about| in_lines(&about.to_string()));
    let command = command.mut_subcommands(reflowed);
    let command = about.into_iter().fold(command, Command::about);
    long.into_iter().fold(command, Command::long_about)
}

/// What is indented, an example, stays a line of its own, and so does what follows it.
fn in_lines(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let stands_alone = |line: &str| line.is_empty() || line.starts_with(' ') || line.ends_with(':');
        match lines.last_mut().filter(|last| !stands_alone(last) && !stands_alone(line)) {
            Some(last) => last.extend([" ", line]),
            None => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

/// Says why, with the words of the command line such that they cannot pass for acmite's own.
fn refuse(arguments: &[OsString], error: clap::Error) {
    let shown: Vec<String> = arguments.iter().map(|argument| one_line(&argument.to_string_lossy())).collect();
    let error = match parsed(&shown) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_one_line_and_examples_keep_theirs() {
        let text = "Do a thing.\n\nIt is done so\nor so.\n\nExamples:\n  acmite a\n  acmite b";
        assert_eq!(in_lines(text), "Do a thing.\n\nIt is done so or so.\n\nExamples:\n  acmite a\n  acmite b");
    }

    #[test]
    fn a_summary_of_a_command_ends_without_a_full_stop() {
        let command = command();
        let abouts = || command.get_subcommands().filter_map(|inner| Some(inner.get_about()?.to_string()));
        assert!(abouts().count() > 15);
        assert_eq!(abouts().find(|about| about.ends_with('.')), None);
    }
}
