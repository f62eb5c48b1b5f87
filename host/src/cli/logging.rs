//! Where the log goes: standard error as far as -v asks, or the journal under systemd, and the file of --log-file.

mod log_file;

use std::io::IsTerminal as _;
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use super::Global;
use super::exit::{Exit, Failure};
use super::printer::{Mode, Printer};
use log_file::{LOG_MAX_BYTES, LogFile};

/// Starts the log; once in a process.
pub fn start(global: &Global) -> Result<(), Failure> {
    tracing_subscriber::registry()
        .with(shown(global))
        .with(kept(global)?)
        .try_init()
        .map_err(|error| Failure::new(Exit::Failed, format!("could not start the log: {error}")))
}

type AnyLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// For who looks on: a person, or the journal, which has levels and fields of its own.
fn shown(global: &Global) -> AnyLayer {
    let level = for_level(terminal_level(global));
    if is_journal()
        && let Ok(journal) = tracing_journald::layer()
    {
        return journal.with_syslog_identifier("acmite".to_owned()).with_filter(level).boxed();
    }
    tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_filter(level)
        .boxed()
}

/// Whether standard error leads to the journal (systemd.exec(5), `JOURNAL_STREAM`).
fn is_journal() -> bool {
    let Ok(facts) = rustix::fs::fstat(std::io::stderr()) else { return false };
    std::env::var("JOURNAL_STREAM").is_ok_and(|stream| stream == format!("{}:{}", facts.st_dev, facts.st_ino))
}

/// For whoever looks later.
fn kept<S>(global: &Global) -> Result<Option<impl Layer<S>>, Failure>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let Some(path) = &global.log_file else { return Ok(None) };
    let file = LogFile::open(path, LOG_MAX_BYTES).map_err(|error| {
        Failure::new(Exit::Configuration, format!("could not open the log file {}: {error}", path.display()))
    })?;
    let layer = tracing_subscriber::fmt::layer().with_writer(Mutex::new(file)).with_ansi(false);
    Ok(Some(layer.with_filter(for_level(LevelFilter::DEBUG))))
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

/// Shows a failure that comes before everything else.
pub fn refuse(failure: &Failure) -> Exit {
    Printer::new(Mode::Plain).failure(failure);
    failure.exit
}
