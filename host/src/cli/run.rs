//! `acmite run`.

mod notifier;

mod watched;

mod service;

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Global;
use super::configured::ConfigArgs;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::setup::{duration, on_signals};
use crate::flow::{Cancel, LONGEST_WAIT};
use crate::secure_file::{FileLock, LockError};
use service::Service;

/// Keep the certificates as acmite.toml describes them and renew what is due, until stopped.
///
/// Renewals happen when the CA suggests it (RFC 9773), else as with `acmite renew`. The file is read again on SIGHUP and
/// when it has changed; one with a mistake is reported, and the old one still holds. On SIGTERM and SIGINT what was
/// begun is ended or cleaned up. Without a file, the certificates there are are renewed.
///
/// Examples:
///   acmite run
///   acmite run --config /etc/acmite/acmite.toml --stop-timeout 2m
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// How long a stop may take before what is left published is left to the next start, as 60, 60s or 2m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    stop_timeout: Duration,
}

pub(super) async fn run(args: Args, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    let cancel = on_signals(printer)?;
    let mut hangups = signal(SignalKind::hangup())
        .map_err(|error| Failure::new(Exit::Failed, format!("could not listen for signals: {error}")))?;
    let mut service = Service::start(&args.config, global, printer, cancel.clone())?;
    let _lock = FileLock::try_acquire(&service::lock_of(service.configured())).map_err(|error| taken(&error))?;
    notifier::ready();
    tokio::select! {
        () = serve(&mut service, &mut hangups, &cancel) => {
            // A stop while nothing is done may be over before the other branch sees it.
            notifier::stopping();
            Ok(Exit::Done)
        }
        () = overdue(&cancel, args.stop_timeout) => {
            let seconds = args.stop_timeout.as_secs();
            let message = format!("not done within {seconds} s; what is left published is removed at the next start");
            Err(Failure::new(Exit::LeftBehind, message))
        }
        never = notifier::keep_alive() => match never {},
    }
}

fn taken(error: &LockError) -> Failure {
    let failure = Failure::of(Exit::State, error);
    match error {
        LockError::Held { .. } => failure.about("another acmite run has this state folder"),
        LockError::Unusable { .. } => failure,
    }
}

/// Returns when the stop has taken too long.
async fn overdue(cancel: &Cancel, limit: Duration) {
    cancel.requested().await;
    notifier::stopping();
    tokio::time::sleep(limit).await;
}

async fn serve(service: &mut Service<'_>, hangups: &mut Signal, cancel: &Cancel) {
    while let Some(until) = service.look().await {
        match wait(service, until, hangups, cancel).await {
            Wake::Due => {}
            Wake::Reload => service.reload(),
            Wake::Stop => return,
        }
    }
}

enum Wake {
    Due,
    Reload,
    Stop,
}

/// The time is looked at again and again, as it may be set, and the machine may sleep.
async fn wait(service: &Service<'_>, until: OffsetDateTime, hangups: &mut Signal, cancel: &Cancel) -> Wake {
    loop {
        tokio::select! {
            () = cancel.requested() => return Wake::Stop,
            _ = hangups.recv() => return Wake::Reload,
            () = tokio::time::sleep(TICK) => {}
        }
        if service.file_has_changed() {
            return Wake::Reload;
        }
        let now = OffsetDateTime::now_utc();
        if now >= until || until > now + LONGEST_WAIT {
            return Wake::Due;
        }
    }
}

const TICK: Duration = Duration::from_secs(1);
