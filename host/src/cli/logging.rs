//! Where the log goes: standard error as far as -v asks, or the journal under systemd, and the file of --log-file or of
//! acmite.toml.

mod log_file;

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt as _, dynamic_filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use super::Global;
use super::exit::{Exit, Failure};
use super::printer::{Mode, Printer};
use log_file::{LOG_MAX_BYTES, LogFile};

/// Starts the log; once in a process.
pub fn start(global: &Global) -> Result<(), Failure> {
    keep_in(global.log_file.as_deref())?;
    tracing_subscriber::registry()
        .with(shown(global))
        .with(kept())
        .try_init()
        .map_err(|error| Failure::new(Exit::Failed, format!("could not start the log: {error}")))
}

/// Keeps the log in this file from now on, or in none. A file that cannot be opened changes nothing.
pub(super) fn keep_in(path: Option<&Path>) -> Result<(), Failure> {
    let mut file = kept_file();
    if file.as_ref().map(LogFile::path) == path {
        return Ok(());
    }
    let open = |path: &Path| {
        LogFile::open(path, LOG_MAX_BYTES).map_err(|error| {
            let path = path.display();
            Failure::new(Exit::Configuration, format!("could not open the log file {path}: {error}"))
        })
    };
    *file = path.map(open).transpose()?;
    Ok(())
}

/// One in a process, as the log is; acmite.toml names it when the log has long begun.
static KEPT: Mutex<Option<LogFile>> = Mutex::new(None);

fn kept_file() -> MutexGuard<'static, Option<LogFile>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Kept;

impl Write for Kept {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        kept_file().as_mut().map_or(Ok(line.len()), |file| file.write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        kept_file().as_mut().map_or(Ok(()), LogFile::flush)
    }
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
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
        .with_target(false)
        .with_filter(level)
        .boxed()
}

/// Whether standard error leads to the journal (systemd.exec(5), `JOURNAL_STREAM`).
fn is_journal() -> bool {
    let Ok(facts) = rustix::fs::fstat(io::stderr()) else { return false };
    std::env::var("JOURNAL_STREAM").is_ok_and(|stream| stream == format!("{}:{}", facts.st_dev, facts.st_ino))
}

/// For whoever looks later.
fn kept<S>() -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let level = LevelFilter::DEBUG;
    let is_kept = dynamic_filter_fn(move |metadata, _| *metadata.level() <= level && kept_file().is_some());
    let is_kept = is_kept.with_max_level_hint(level);
    let layer = tracing_subscriber::fmt::layer().with_writer(|| Kept).with_ansi(false);
    layer.with_filter(is_kept.and(for_level(level)))
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
