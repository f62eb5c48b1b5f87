//! Renewing what is due, certificates side by side; what happens to one holds up no other.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use time::OffsetDateTime;
use url::Url;

use super::account::{AccountSetup, AccountUseError};
use super::cancel::Cancel;
use super::clients::{Clients, ConnectError};
use super::due::{self, Verdict, Why};
use super::event::Event;
use super::issue::{IssueError, issue};
use super::leftovers::remove_leftovers;
use super::request::{IssueRequest, Keep};
use super::round::HookRound;
use super::session::{ProviderSource, Session, SourceError};
use super::standing::{Standing, StandingError, restless};
use super::suggestions;
use crate::acme::AcmeError;
use crate::dns::{Dns, DnsOptions, Resolver, ResolverError};
use crate::name::DnsName;
use crate::pki::Leaf;
use crate::secure_file::{FileLock, LockError};
use crate::store::StateDir;
use crate::store::account::AccountStore;
use crate::store::renewal::{DnsRecord, Renewal, RenewalError, RenewalStore};
use crate::store::renewal_state::{Hold, HoldBy, RenewalState, RenewalStateError};

/// What a run works with.
#[derive(Clone)]
pub struct RenewRun<'a> {
    /// Where everything is kept.
    pub state: &'a StateDir,
    /// Where providers come from.
    pub providers: &'a dyn ProviderMaker,
    /// Is told what happens to which certificate.
    pub observe: &'a (dyn Fn(&str, Event) + Send + Sync),
    /// Whether to stop.
    pub cancel: Cancel,
    /// Tells the time.
    pub clock: fn() -> OffsetDateTime,
    /// How to go about it.
    pub options: &'a RenewOptions,
}

impl std::fmt::Debug for RenewRun<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RenewRun").field("options", &self.options).finish_non_exhaustive()
    }
}

/// How to go about it.
#[derive(Clone, Debug)]
pub struct RenewOptions {
    /// What is renewed.
    pub choice: Choice,
    /// Roots to trust instead of those remembered.
    pub ca_bundle: Option<PathBuf>,
    /// Resolvers to ask instead of those remembered.
    pub resolvers: Vec<Resolver>,
    /// The zone of every name, instead of the one remembered.
    pub zone: Option<DnsName>,
    /// How many certificates at once.
    pub at_once: usize,
    /// When the next run will be, from now.
    pub next_run: Duration,
}

/// What is renewed.
#[derive(Clone, Copy, Debug)]
pub enum Choice {
    /// What is due.
    Due,
    /// Everything; a time that the CA asked to wait is waited nevertheless.
    Forced,
    /// Everything, for a trial that stores nothing: at the directory given for a certificate's own one.
    Trial(fn(&Url) -> Url),
}

/// Gives the providers of one certificate.
pub trait ProviderMaker: Send + Sync {
    /// Those that `record` names.
    fn providers(&self, record: &DnsRecord) -> Result<Arc<dyn ProviderSource>, SourceError>;
}

/// What became of the certificates.
#[derive(Debug, Default)]
pub struct RenewReport {
    /// Each that was looked at closely.
    pub outcomes: Vec<(String, Outcome)>,
    /// How many had nothing to do.
    pub not_due: usize,
    /// How many post hooks failed.
    pub failed_post_hooks: usize,
}

/// What became of one certificate.
#[derive(Debug)]
pub enum Outcome {
    /// There is a new one.
    Renewed {
        /// The new one.
        leaf: Box<Leaf>,
        /// How many of its hooks failed.
        failed_hooks: usize,
    },
    /// A trial went well.
    Tried,
    /// Hooks of an earlier renewal were run again.
    Deployed {
        /// How many failed again.
        failed_hooks: usize,
    },
    /// It is due, and an attempt must wait.
    Held {
        /// Until when.
        until: OffsetDateTime,
        /// Whose wish it is.
        by: HoldBy,
    },
    /// Another process has it, or had it a moment ago.
    Elsewhere,
    /// The user stopped the run before it.
    NotBegun,
    /// It failed.
    Failed(Box<RenewError>),
}

/// Renews the certificates called `names`.
pub async fn renew(run: &RenewRun<'_>, names: &[String]) -> RenewReport {
    let now = (run.clock)();
    let candidates = match run.options.choice {
        Choice::Due => restless(run.state, names, now),
        Choice::Forced | Choice::Trial(_) => names.to_vec(),
    };
    let mut report = RenewReport { not_due: names.len() - candidates.len(), ..RenewReport::default() };
    let mut standings = Vec::new();
    for name in candidates {
        match Standing::read(run.state, &name) {
            Ok(standing) => standings.push(standing),
            Err(error) => report.outcomes.push((name, Outcome::Failed(Box::new(error.into())))),
        }
    }
    let clients = Clients::default();
    if matches!(run.options.choice, Choice::Due) {
        tokio::select! {
            () = suggestions::refresh(&mut standings, &clients, run.options.ca_bundle.as_ref(), now) => {}
            () = run.cancel.requested() => {}
        }
    }
    let mut due = Vec::new();
    for standing in standings {
        match sorted(run, standing, now) {
            Sorted::Due(standing, why) => due.push((standing, why)),
            Sorted::Told(name, outcome) => report.outcomes.push((name, outcome)),
            Sorted::NotDue => report.not_due += 1,
        }
    }
    if !due.is_empty() {
        run.state.tidy();
        renew_due(run, &clients, due, &mut report).await;
    }
    report.outcomes.sort_by(|one, other| one.0.cmp(&other.0));
    report
}

enum Sorted {
    Due(Box<Standing>, Why),
    Told(String, Outcome),
    NotDue,
}

/// What the CA suggested is noted before anything comes of it; and what is not due, so that the next run need not look
/// at it.
fn sorted(run: &RenewRun<'_>, mut standing: Standing, now: OffsetDateTime) -> Sorted {
    let choice = run.options.choice;
    if let Choice::Trial(_) = choice {
        return Sorted::Due(Box::new(standing), Why::Forced);
    }
    let name = standing.name.clone();
    let verdict = standing.verdict(now, run.options.next_run);
    let rate_limited = standing.state.hold.clone().filter(|hold| hold.by == HoldBy::RateLimit && due::holds(hold, now));
    standing.state.quiet = standing.quiet(run.state, now);
    if let Err(error) = standing.state.save(run.state, &name) {
        return Sorted::Told(name, Outcome::Failed(Box::new(error.into())));
    }
    match (verdict, rate_limited) {
        (_, Some(Hold { until, by })) if matches!(choice, Choice::Forced) => {
            Sorted::Told(name, Outcome::Held { until, by })
        }
        (Verdict::Due(why), _) => Sorted::Due(Box::new(standing), why),
        _ if matches!(choice, Choice::Forced) || !standing.state.owed_hooks.is_empty() => {
            Sorted::Due(Box::new(standing), Why::Forced)
        }
        (Verdict::Held { until, by }, _) => Sorted::Told(name, Outcome::Held { until, by }),
        (Verdict::Later { .. }, _) => Sorted::NotDue,
    }
}

async fn renew_due(run: &RenewRun<'_>, clients: &Clients, due: Vec<(Box<Standing>, Why)>, report: &mut RenewReport) {
    let round = HookRound::new(run.state);
    let one = |(standing, why): (Box<Standing>, Why)| {
        let one = OneRenewal { run, clients, round: &round, name: standing.name.clone(), why };
        async move { (one.name.clone(), one.renewal_names(&standing), one.renew().await) }
    };
    let done: Vec<_> = stream::iter(due).map(one).buffer_unordered(run.options.at_once).collect().await;
    let domains = |wanted: fn(&Outcome) -> bool| -> Vec<String> {
        done.iter().filter(|(.., outcome)| wanted(outcome)).flat_map(|(_, names, _)| names.clone()).collect()
    };
    let renewed = domains(|outcome| matches!(outcome, Outcome::Renewed { .. }));
    let failed = domains(|outcome| matches!(outcome, Outcome::Failed(_)));
    let tell = |event| (run.observe)("", event);
    report.failed_post_hooks = round.after(&renewed, &failed, &tell).await;
    report.outcomes.extend(done.into_iter().map(|(name, _, outcome)| (name, outcome)));
}

struct OneRenewal<'a> {
    run: &'a RenewRun<'a>,
    clients: &'a Clients,
    round: &'a HookRound<'a>,
    name: String,
    why: Why,
}

impl OneRenewal<'_> {
    fn renewal_names(&self, standing: &Standing) -> Vec<String> {
        standing.renewal.iter().flat_map(|renewal| &renewal.names).map(ToString::to_string).collect()
    }

    async fn renew(&self) -> Outcome {
        if self.run.cancel.is_requested() {
            return Outcome::NotBegun;
        }
        let _lock = match FileLock::try_acquire(&self.run.state.renewal_lock(&self.name)) {
            Ok(lock) => lock,
            Err(LockError::Held { .. }) => return Outcome::Elsewhere,
            Err(error) => return Outcome::Failed(Box::new(error.into())),
        };
        let attempt = match self.run.options.choice {
            Choice::Trial(server) => self.try_out(server).await.map(|()| Outcome::Tried),
            Choice::Due | Choice::Forced => self.renew_locked().await,
        };
        attempt.unwrap_or_else(|error| Outcome::Failed(Box::new(error)))
    }

    async fn renew_locked(&self) -> Result<Outcome, RenewError> {
        // Another process may have renewed it between the look and the lock.
        let standing = Standing::read(self.run.state, &self.name)?;
        let verdict = standing.verdict((self.run.clock)(), self.run.options.next_run);
        let names = self.renewal_names(&standing);
        if !matches!(verdict, Verdict::Due(_)) && !matches!(self.run.options.choice, Choice::Forced) {
            if standing.state.owed_hooks.is_empty() {
                return Ok(Outcome::Elsewhere);
            }
            let failed_hooks = self.round.deploy(&self.name, &names, &|event| self.tell(event)).await?;
            return Ok(Outcome::Deployed { failed_hooks });
        }
        let renewal = standing.renewal.clone().ok_or(RenewError::NotRemembered)?;
        self.tell(Event::Renewing { why: self.why });
        self.round.before(&self.name, &names, &renewal.hooks, &|event| self.tell(event)).await;
        let replaced = standing.leaf.as_ref().and_then(|leaf| leaf.renewal_id.clone());
        let setup = self.account_setup(&renewal)?;
        match self.obtain(renewal, replaced, setup).await {
            Ok(leaf) => {
                let failed_hooks = self.round.deploy(&self.name, &names, &|event| self.tell(event)).await?;
                Ok(Outcome::Renewed { leaf: Box::new(leaf), failed_hooks })
            }
            Err(error) => {
                self.note_failure(&error, standing.leaf.as_ref())?;
                Err(error)
            }
        }
    }

    /// As it would be, at another directory, and nothing is kept of it.
    async fn try_out(&self, server: fn(&Url) -> Url) -> Result<(), RenewError> {
        let standing = Standing::read(self.run.state, &self.name)?;
        let mut renewal = standing.renewal.ok_or(RenewError::NotRemembered)?;
        let setup = self.account_setup(&renewal)?;
        let there = server(&renewal.server);
        if there == renewal.server {
            let message = format!("no staging server is known of {there}; the trial is made there and counts");
            self.tell(Event::Warning { message });
        }
        renewal.server = there;
        self.obtain(renewal, None, setup).await.map(|_| ())
    }

    /// For a CA that has lost the account, and for its staging server: as it was agreed with the CA.
    fn account_setup(&self, renewal: &Renewal) -> Result<AccountSetup, RenewError> {
        let account = AccountStore::new(self.run.state, &renewal.server, renewal.account.as_deref())
            .load()
            .map_err(AccountUseError::from)
            .map_err(IssueError::from)?;
        let agreed = account.filter(|account| account.url.is_some());
        let agree_tos = agreed.is_some();
        let contacts = agreed.map(|account| account.contacts).unwrap_or_default();
        Ok(AccountSetup { name: renewal.account.clone(), contacts, agree_tos, eab: None })
    }

    async fn obtain(
        &self,
        renewal: Renewal,
        replaced: Option<String>,
        setup: AccountSetup,
    ) -> Result<Leaf, RenewError> {
        let options = self.run.options;
        let record = renewal.challenge.dns.clone();
        let ca_bundle = options.ca_bundle.clone().or_else(|| renewal.ca_bundle.clone());
        let resolvers = self.resolvers(&record)?;
        let zone = options.zone.clone().or_else(|| record.zone.clone());
        let mut request = IssueRequest::new(self.run.state, &self.name, renewal)?;
        request.order.replaces = replaced;
        if let Choice::Trial(_) = options.choice {
            request.keep = Keep::Nothing;
        }
        let providers = self.run.providers.providers(&record).map_err(RenewError::Providers)?;
        let dns = Dns::new(DnsOptions { resolvers: resolvers.clone(), zone, roots_pem: None })?;
        let observe = |event| self.tell(event);
        let session = Session {
            state: self.run.state,
            dns: &dns,
            resolvers: &resolvers,
            providers: providers.as_ref(),
            observe: &observe,
            cancel: self.run.cancel.clone(),
        };
        if let Err(error) = remove_leftovers(&session).await {
            self.tell(Event::Warning { message: super::publish::chain(&error) });
        }
        let client = tokio::select! {
            client = self.clients.connect(&request.server, ca_bundle.as_deref()) => client?,
            () = self.run.cancel.requested() => return Err(RenewError::Interrupted),
        };
        Ok(issue(&session, &client, &setup, &request).await?.leaf)
    }

    fn resolvers(&self, record: &DnsRecord) -> Result<Vec<Resolver>, RenewalError> {
        if !self.run.options.resolvers.is_empty() {
            return Ok(self.run.options.resolvers.clone());
        }
        let store = RenewalStore::new(self.run.state, &self.name);
        let read = |text: &String| text.parse().map_err(|why| store.refused("resolvers", why));
        record.resolvers.iter().map(read).collect()
    }

    fn note_failure(&self, error: &RenewError, leaf: Option<&Leaf>) -> Result<(), RenewalStateError> {
        if self.run.cancel.is_requested() {
            return Ok(());
        }
        let now = (self.run.clock)();
        let mut state = RenewalState::load(self.run.state, &self.name);
        state.failures = state.failures.saturating_add(1);
        state.last_attempt = Some(now);
        state.last_error = Some(super::publish::chain(error));
        let hold = due::hold_after(now, state.failures, leaf.map(|leaf| leaf.not_after), error.retry_after());
        state.hold = Some(hold);
        state.quiet = None;
        state.save(self.run.state, &self.name)
    }

    fn tell(&self, event: Event) {
        (self.run.observe)(&self.name, event);
    }
}

/// Why a certificate was not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// It is not known how it stands.
    #[error(transparent)]
    Standing(#[from] StandingError),
    /// It is not known how it was made.
    #[error("it is not remembered how it was made; get it once more by `acmite issue`")]
    NotRemembered,
    /// What it remembers makes no sense.
    #[error(transparent)]
    Renewal(#[from] RenewalError),
    /// How it stands cannot be kept.
    #[error(transparent)]
    State(#[from] RenewalStateError),
    /// It cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Its providers cannot be had.
    #[error("its providers cannot be used")]
    Providers(#[source] SourceError),
    /// The resolvers cannot be asked.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
    /// The CA is not connected to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The user stopped it.
    #[error("interrupted; nothing is left behind")]
    Interrupted,
    /// It was not issued.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl RenewError {
    /// What the CA said, if that is what failed.
    pub fn ca(&self) -> Option<&AcmeError> {
        match self {
            Self::Connect(ConnectError::Ca(error)) => Some(error),
            Self::Issue(error) => error.ca(),
            _ => None,
        }
    }

    /// How long the CA asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.ca() {
            Some(AcmeError::Refused { retry_after, .. }) => *retry_after,
            _ => None,
        }
    }
}
