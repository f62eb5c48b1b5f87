//! The only place that prints: results on standard output, the timeline and errors on standard error.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;

use super::exit::{Exit, Failure};
use super::{Global, Progress};
use crate::flow::Event;
use crate::name::DnsName;
use crate::words::turns;

/// In what form things are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One JSON object a line on standard output.
    Json,
    /// A line that moves for each zone, on a terminal.
    Live,
    /// A line for each event.
    Plain,
    /// Results and errors only.
    Quiet,
}

impl Mode {
    /// What the options and the terminal ask for.
    pub fn of(global: &Global) -> Self {
        match (global.json, global.quiet, global.progress) {
            (true, ..) => Self::Json,
            (_, true, _) | (.., Progress::None) => Self::Quiet,
            (.., Progress::Auto) if io::stderr().is_terminal() && global.verbose == 0 => Self::Live,
            _ => Self::Plain,
        }
    }
}

/// Shows what happens and how it ended.
pub struct Printer {
    mode: Mode,
    started: Instant,
    bars: MultiProgress,
    zones: Mutex<BTreeMap<DnsName, ProgressBar>>,
    unwritten: Mutex<Option<io::Error>>,
}

impl Printer {
    /// A printer in one mode; its times count from now.
    pub fn new(mode: Mode) -> Self {
        let (started, bars) = (Instant::now(), MultiProgress::new());
        Self { mode, started, bars, zones: Mutex::default(), unwritten: Mutex::default() }
    }

    /// In what form things are shown.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Shows an event.
    pub fn event(&self, event: &Event) {
        match self.mode {
            Mode::Json => {
                if let Ok(json) = serde_json::to_value(event) {
                    self.json_event(json);
                }
            }
            Mode::Plain => self.line(&event.to_string()),
            Mode::Live => self.live(event),
            Mode::Quiet if matters(event) => self.line(&event.to_string()),
            Mode::Quiet => {}
        }
    }

    /// Shows an event of one certificate of several.
    pub fn event_of(&self, certificate: &str, event: &Event) {
        match self.mode {
            _ if certificate.is_empty() => self.event(event),
            Mode::Json => {
                let Ok(mut json) = serde_json::to_value(event) else { return };
                json["certificate"] = certificate.into();
                self.json_event(json);
            }
            Mode::Plain | Mode::Live => self.line(&format!("{certificate}: {event}")),
            Mode::Quiet if matters(event) => self.line(&format!("{certificate}: {event}")),
            Mode::Quiet => {}
        }
    }

    /// Shows a result: `text` for people, `json` for machines.
    pub fn result(&self, text: &str, json: &Value) {
        match self.mode {
            Mode::Json => self.write_out(&json.to_string()),
            _ => self.write_out(&visible(text.trim_end())),
        }
    }

    /// Prints what is going to be a file, as it is.
    pub fn file(&self, text: &str) {
        let mut out = io::stdout().lock();
        self.written(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }

    /// The exit code, which is another one if what was asked for could not be written.
    pub fn settled(&self, exit: Exit) -> Exit {
        let unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        match unwritten.as_ref() {
            Some(error) if exit == Exit::Done => {
                write_err(&format!("error: could not write to standard output: {error}"));
                Exit::Failed
            }
            _ => exit,
        }
    }

    /// Shows why the command failed.
    pub fn failure(&self, failure: &Failure) {
        if self.mode == Mode::Json {
            let (message, remedy) = (&failure.message, &failure.remedy);
            let exit = failure.exit as u8;
            let json = serde_json::json!({"event": "error", "message": message, "remedy": remedy, "exit_code": exit});
            return self.write_out(&json.to_string());
        }
        write_err(&visible(&format!("error: {}", failure.message)));
        if let Some(remedy) = &failure.remedy {
            write_err(&visible(&format!("  what to do: {remedy}")));
        }
    }

    /// A line beside the events, for people only.
    pub fn note(&self, text: &str) {
        if self.mode != Mode::Json {
            self.line(text);
        }
    }

    /// A question, for people only; the answer is the caller's to read.
    pub fn ask(&self, question: &str) {
        let mut out = io::stderr().lock();
        write!(out, "{}", visible(question)).and_then(|()| out.flush()).unwrap_or_default();
    }

    fn json_event(&self, mut json: Value) {
        json["elapsed_ms"] = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).into();
        self.write_out(&json.to_string());
    }

    fn write_out(&self, line: &str) {
        let mut out = io::stdout().lock();
        self.written(writeln!(out, "{line}").and_then(|()| out.flush()));
    }

    /// A reader that went away is no reason to stop what is being done, nor is a full disk; that one is told at the end.
    pub(super) fn written(&self, done: io::Result<()>) {
        if let Err(error) = done
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            *self.unwritten.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    fn line(&self, text: &str) {
        let line = visible(&format!("{:>6.1} s  {text}", self.started.elapsed().as_secs_f32()));
        if self.mode == Mode::Live {
            // Where it cannot be drawn it need not be.
            self.bars.println(line).unwrap_or_default();
        } else {
            write_err(&line);
        }
    }

    fn live(&self, event: &Event) {
        let Some(zone) = event.zone() else { return self.line(&event.to_string()) };
        let mut zones = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = zones.entry(zone.clone()).or_insert_with(|| self.new_bar());
        match event {
            Event::CleanedUp { .. } => {
                bar.finish_and_clear();
                drop(zones);
                self.line(&event.to_string());
            }
            Event::NotCleanedUp { .. } | Event::Retrying { .. } | Event::Propagated { .. } => {
                bar.set_message(visible(&event.to_string()));
                drop(zones);
                self.line(&event.to_string());
            }
            _ => bar.set_message(visible(&event.to_string())),
        }
    }

    fn new_bar(&self) -> ProgressBar {
        let style = ProgressStyle::with_template("  {elapsed:>4} {spinner} {msg}");
        let bar = self.bars.add(ProgressBar::new_spinner());
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(TICK);
        bar
    }
}

const TICK: Duration = Duration::from_millis(120);

/// What is shown even if asked to be quiet.
fn matters(event: &Event) -> bool {
    matches!(event, Event::NotCleanedUp { .. } | Event::HookFailed { .. } | Event::Warning { .. })
}

/// Words of a CA or provider must not move the cursor or turn the text around.
fn visible(text: &str) -> String {
    text.chars().map(|c| if (c.is_control() && c != '\n') || turns(c) { '\u{fffd}' } else { c }).collect()
}

fn write_err(line: &str) {
    writeln!(io::stderr().lock(), "{line}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_direction_marks_are_not_printed() {
        assert_eq!(visible("a\u{1b}]0;x\u{7}b\u{202e}c\nd\r"), "a\u{fffd}]0;x\u{fffd}b\u{fffd}c\nd\u{fffd}");
    }
}
