//! Where the log goes: standard error as far as -v asks, and the file of --log-file.

use std::fs::{File, OpenOptions};
use std::io::IsTerminal as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::Global;
use super::exit::{Exit, Failure};
use super::printer::{Mode, Printer};

/// Starts the log; once in a process.
pub fn start(global: &Global) -> Result<(), Failure> {
    let terminal = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_filter(for_level(terminal_level(global)));
    let file = global.log_file.as_deref().map(open).transpose()?.map(|file| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::sync::Mutex::new(file))
            .with_ansi(false)
            .with_filter(for_level(LevelFilter::DEBUG))
    });
    tracing_subscriber::registry()
        .with(terminal)
        .with(file)
        .try_init()
        .map_err(|error| Failure::new(Exit::Failed, format!("could not start the log: {error}")))
}

/// The events say at level info what the timeline shows already.
fn terminal_level(global: &Global) -> LevelFilter {
    match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (_, 0) => LevelFilter::WARN,
        (_, 1) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

/// Other crates' details may hold what was sent; they are not for the log. What the verifier of TLS certificates would say
/// is part of the error of the request.
fn for_level(level: LevelFilter) -> EnvFilter {
    let others = level.min(LevelFilter::WARN);
    EnvFilter::new(format!("{others},rustls_platform_verifier=off,acmite={level}"))
}

fn open(path: &Path) -> Result<File, Failure> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(|error| {
        Failure::new(Exit::Configuration, format!("could not open the log file {}: {error}", path.display()))
    })
}

/// Shows a failure that comes before everything else.
pub fn refuse(failure: &Failure) -> Exit {
    Printer::new(Mode::Plain).failure(failure);
    failure.exit
}
