//! One certificate renewed or tried, under its lock; the failure is kept with it.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use time::OffsetDateTime;
use url::Url;

use super::account::{AccountSetup, AccountUseError};
use super::clients::{Clients, ConnectError};
use super::due::{self, Verdict, Why};
use super::event::Event;
use super::issue::{IssueError, issue};
use super::plan::Wanted;
use super::rate_limit;
use super::request::{IssueRequest, Keep};
use super::round::HookRound;
use super::run::{Choice, RenewRun};
use super::session::{Session, SourceError};
use super::standing::{Standing, StandingError};
use crate::acme::AcmeError;
use crate::dns::{Dns, DnsOptions, Resolver, ResolverError};
use crate::pki::Leaf;
use crate::secure_file::{FileLock, LockError};
use crate::store::account::AccountStore;
use crate::store::renewal::{DnsRecord, Renewal, RenewalError, RenewalStore};
use crate::store::renewal_state::{HoldBy, RenewalState, RenewalStateError};

/// A try at one certificate in a run.
pub(super) struct Attempt<'a> {
    pub(super) run: &'a RenewRun<'a>,
    pub(super) clients: &'a Clients,
    pub(super) round: &'a HookRound<'a>,
    pub(super) name: String,
    pub(super) why: Why,
    /// Whether others are made beside it.
    pub(super) has_others: bool,
}

impl Attempt<'_> {
    /// Makes it anew as it was made before.
    pub(super) async fn renew(&self) -> Outcome {
        self.locked(async {
            match self.run.options.choice {
                Choice::Trial(server) => self.try_out(server).await.map(|()| Outcome::Tried),
                Choice::Due | Choice::Forced => self.renew_locked().await,
            }
        })
        .await
    }

    /// Makes it as it is described, if that is still `missing` when it is locked.
    pub(super) async fn make_as(&self, wanted: &Wanted, missing: impl Fn(&Standing) -> bool) -> Outcome {
        self.locked(async {
            let standing = Standing::read(self.run.state, &self.name)?;
            if !missing(&standing) {
                return Ok(Outcome::Elsewhere);
            }
            self.make(&standing, wanted.renewal.clone(), &wanted.setup).await
        })
        .await
    }

    async fn locked(&self, work: impl Future<Output = Result<Outcome, RenewError>>) -> Outcome {
        if self.run.cancel.is_requested() {
            return Outcome::NotBegun;
        }
        let _lock = match FileLock::try_acquire(&self.run.state.renewal_lock(&self.name)) {
            Ok(lock) => lock,
            Err(LockError::Held { .. }) => return Outcome::Elsewhere,
            Err(error) => return Outcome::Failed(Box::new(error.into())),
        };
        work.await.unwrap_or_else(|error| Outcome::Failed(Box::new(error)))
    }

    async fn renew_locked(&self) -> Result<Outcome, RenewError> {
        // Another process may have renewed it between the look and the lock.
        let standing = Standing::read(self.run.state, &self.name)?;
        let verdict = standing.verdict((self.run.clock)(), self.run.options.next_run);
        if !matches!(verdict, Verdict::Due(_)) && !matches!(self.run.options.choice, Choice::Forced) {
            if standing.state.owed_hooks.is_empty() {
                return Ok(Outcome::Elsewhere);
            }
            let names = standing.renewal.as_ref().map(names_of).unwrap_or_default();
            let failed_hooks = self.round.deploy(&self.name, &names, &|event| self.tell(event)).await?;
            return Ok(Outcome::Deployed { failed_hooks });
        }
        let renewal = standing.renewal.clone().ok_or(RenewError::NotRemembered)?;
        let setup = self.account_setup(&renewal)?;
        self.make(&standing, renewal, &setup).await
    }

    /// Gets it, with the hooks around that.
    async fn make(&self, standing: &Standing, renewal: Renewal, setup: &AccountSetup) -> Result<Outcome, RenewError> {
        let names = names_of(&renewal);
        self.tell(Event::Renewing { why: self.why });
        self.round.before(&self.name, &names, &renewal.hooks, &|event| self.tell(event)).await;
        // Another CA does not know the certificate.
        let same_ca = standing.renewal.as_ref().is_some_and(|before| before.server == renewal.server);
        let replaced = standing.replaceable().filter(|_| same_ca);
        let server = renewal.server.clone();
        match self.obtain(renewal, replaced, setup).await {
            Ok(leaf) => {
                let failed_hooks = self.round.deploy(&self.name, &names, &|event| self.tell(event)).await?;
                Ok(Outcome::Renewed { leaf: Box::new(leaf), failed_hooks })
            }
            Err(error) => {
                self.note_failure(&error, standing.leaf.as_ref(), &server)?;
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
        self.obtain(renewal, None, &setup).await.map(|_| ())
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
        setup: &AccountSetup,
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
            has_others: self.has_others,
        };
        let client = tokio::select! {
            client = self.clients.connect(&request.server, ca_bundle.as_deref()) => client?,
            () = self.run.cancel.requested() => return Err(RenewError::Interrupted),
        };
        Ok(issue(&session, &client, setup, &request).await?.leaf)
    }

    fn resolvers(&self, record: &DnsRecord) -> Result<Vec<Resolver>, RenewalError> {
        if !self.run.options.resolvers.is_empty() {
            return Ok(self.run.options.resolvers.clone());
        }
        let store = RenewalStore::new(self.run.state, &self.name);
        let read = |text: &String| text.parse().map_err(|why| store.refused("resolvers", why));
        record.resolvers.iter().map(read).collect()
    }

    fn note_failure(&self, error: &RenewError, leaf: Option<&Leaf>, server: &Url) -> Result<(), RenewalStateError> {
        if self.run.cancel.is_requested() {
            return Ok(());
        }
        let now = (self.run.clock)();
        let mut state = RenewalState::load(self.run.state, &self.name);
        state.failures = state.failures.saturating_add(1);
        state.last_attempt = Some(now);
        state.last_error = Some(crate::causes::chain(error));
        state.hold = Some(match error.retry_after() {
            Some(after) => rate_limit::hold(now, after, server),
            None => due::hold_after(now, state.failures, leaf.map(|leaf| leaf.not_after)),
        });
        state.save(self.run.state, &self.name)
    }

    fn tell(&self, event: Event) {
        (self.run.observe)(&self.name, event);
    }
}

/// What one attempt ended with: the certificate's name, its names, and the outcome.
pub(super) type Ended = (String, Vec<String>, Outcome);

/// Makes attempts side by side, then runs the post hooks of the round; gives the outcomes and how many of these failed.
/// An attempt is taken from the iterator when it begins: among thousands the later ones take no memory until then.
pub(super) async fn side_by_side(
    run: &RenewRun<'_>,
    round: &HookRound<'_>,
    attempts: impl Iterator<Item = impl Future<Output = Ended>>,
) -> (Vec<(String, Outcome)>, usize) {
    let done: Vec<Ended> = stream::iter(attempts).buffer_unordered(run.options.at_once).collect().await;
    let domains = |wanted: fn(&Outcome) -> bool| -> Vec<String> {
        done.iter().filter(|(.., outcome)| wanted(outcome)).flat_map(|(_, names, _)| names.clone()).collect()
    };
    let renewed = domains(|outcome| matches!(outcome, Outcome::Renewed { .. }));
    let failed = domains(|outcome| matches!(outcome, Outcome::Failed(_)));
    let tell = |event| (run.observe)("", event);
    let failed_post_hooks = round.after(&renewed, &failed, &tell).await;
    (done.into_iter().map(|(name, _, outcome)| (name, outcome)).collect(), failed_post_hooks)
}

/// A certificate's names as hooks are told them.
pub(super) fn names_of(renewal: &Renewal) -> Vec<String> {
    renewal.names.iter().map(ToString::to_string).collect()
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
        self.ca()?.retry_after()
    }
}
