//! Looking at the certificates again and again, each time at what is due and at what the file describes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::json;
use time::OffsetDateTime;

use super::notifier;
use super::watched::Stamp;
use crate::cli::configured::{ConfigArgs, Configured};
use crate::cli::described::{Described, read};
use crate::cli::exit::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::cli::providers::ProviderPool;
use crate::cli::view::{AllNames, all_names, moment};
use crate::cli::{Global, apply_report, renew_report};
use crate::config::ConfigError;
use crate::flow::{self, Applied, Cancel, Choice, Event, RenewRun, Standing, next_look};
use crate::store::renewal;
use crate::words::counted;

/// A service, with the configuration that holds now.
pub(super) struct Service<'a> {
    args: &'a ConfigArgs,
    global: &'a Global,
    printer: &'a Printer,
    cancel: Cancel,
    configured: Configured,
    stamp: Stamp,
    has_swept: bool,
}

impl<'a> Service<'a> {
    /// Reads the configuration; without a file that was not named either, there is none.
    pub(super) fn start(
        args: &'a ConfigArgs,
        global: &'a Global,
        printer: &'a Printer,
        cancel: Cancel,
    ) -> Result<Self, Failure> {
        let path = args.path();
        let stamp = Stamp::of(&path);
        let described = match read(&path) {
            Err(ConfigError::Unreadable { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound && !args.is_named() =>
            {
                Described::default()
            }
            read => read?,
        };
        let configured = args.settle(global, described)?;
        Ok(Self { args, global, printer, cancel, configured, stamp, has_swept: false })
    }

    /// What holds now.
    pub(super) fn configured(&self) -> &Configured {
        &self.configured
    }

    /// Whether the file is another one than the one that was read, or found wanting, last.
    pub(super) fn file_has_changed(&self) -> bool {
        Stamp::of(&self.args.path()) != self.stamp
    }

    /// Reads the file again; one with a mistake is told of, and what held before still holds.
    pub(super) fn reload(&mut self) {
        notifier::reloading();
        self.stamp = Stamp::of(&self.args.path());
        match self.read_again() {
            Ok(configured) => {
                self.configured = configured;
                let path = self.args.path();
                self.printer.result(&format!("read {} again", path.display()), &json!({"event": "reloaded"}));
            }
            Err(failure) => {
                self.printer.failure(&failure.about("the configuration is not read again, the old one still holds"));
                notifier::status("the configuration has a mistake, the old one still holds");
            }
        }
        notifier::ready();
    }

    fn read_again(&self) -> Result<Configured, Failure> {
        let configured = self.args.read(self.global)?;
        if configured.state.root() != self.configured.state.root() {
            let message = "state_dir is another one; restart the service for it";
            return Err(Failure::new(Exit::Configuration, message));
        }
        Ok(configured)
    }

    /// Makes what is described so and renews what is due; gives when to look again, unless it is stopped.
    pub(super) async fn look(&mut self) -> Option<OffsetDateTime> {
        notifier::status("looking at the certificates");
        let options = self.configured.options(Choice::Due);
        let pool = ProviderPool::new(&self.configured.state);
        let observe = |certificate: &str, event: Event| self.printer.event_of(certificate, &event);
        let run = RenewRun {
            state: &self.configured.state,
            providers: &pool,
            observe: &observe,
            cancel: self.cancel.clone(),
            clock: OffsetDateTime::now_utc,
            options: &options,
        };
        if !std::mem::replace(&mut self.has_swept, true) {
            flow::sweep(&run).await;
        }
        self.apply(&run).await;
        if !self.cancel.is_requested() {
            self.renew(&run).await;
        }
        (!self.cancel.is_requested()).then(|| self.next())
    }

    async fn apply(&self, run: &RenewRun<'_>) {
        let wanted = &self.configured.described.certificates;
        if wanted.is_empty() {
            return;
        }
        let AllNames { found, unread } = all_names(run.state);
        unread.iter().for_each(|failure| self.printer.failure(failure));
        let report = flow::apply(run, wanted, &found).await;
        if report.outcomes.iter().any(|(_, applied)| !matches!(applied, Applied::Kept)) {
            self.printer.result(&apply_report::text(&report), &apply_report::json(&report));
        }
    }

    async fn renew(&self, run: &RenewRun<'_>) {
        match renewal::list(run.state) {
            Ok(names) => {
                let report = flow::renew(run, &names).await;
                if !report.outcomes.is_empty() || report.failed_post_hooks > 0 {
                    self.printer.result(&renew_report::text(&report), &renew_report::json(&report));
                }
            }
            Err(error) => self.printer.failure(&Failure::of(Exit::State, &error)),
        }
    }

    fn next(&self) -> OffsetDateTime {
        let state = &self.configured.state;
        let described = self.configured.described.certificates.iter().map(|wanted| wanted.name.clone());
        let names: BTreeSet<String> = described.chain(renewal::list(state).unwrap_or_default()).collect();
        // One that cannot be read was told of already; the next look tells again.
        let standings: Vec<Standing> = names.iter().filter_map(|name| Standing::read(state, name).ok()).collect();
        let at = next_look(&standings, OffsetDateTime::now_utc());
        let text = format!("{}; the next look is at {}", counted(names.len(), "certificate"), moment(at));
        notifier::status(&text);
        self.printer.result(&text, &json!({"event": "waiting", "certificates": names.len(), "until": moment(at)}));
        at
    }
}

/// The lock that lets one service run in a state folder.
pub(super) fn lock_of(configured: &Configured) -> PathBuf {
    configured.state.service_lock()
}
