//! What a run over many certificates works with, and how it goes about it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use url::Url;

use super::cancel::Cancel;
use super::event::Event;
use super::leftovers::remove_leftovers;
use super::session::{ProviderSource, Session, SourceError};
use crate::causes::chain;
use crate::dns::{Dns, DnsOptions, Resolver};
use crate::name::DnsName;
use crate::store::StateDir;
use crate::store::renewal::DnsRecord;

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
    /// Whether a CA that asked to wait is asked nevertheless.
    pub ignores_rate_limits: bool,
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

    /// Those that the journal names, each with the credentials it was used with.
    fn journalled(&self) -> Result<Arc<dyn ProviderSource>, SourceError>;
}

/// Removes what earlier runs left, once before all certificates; a failure is told and holds up nothing.
pub async fn sweep(run: &RenewRun<'_>) {
    run.state.tidy();
    let tell = |message| (run.observe)("", Event::Warning { message });
    let providers = match run.providers.journalled() {
        Ok(providers) => providers,
        Err(error) => return tell(error.to_string()),
    };
    let resolvers = &run.options.resolvers;
    let dns = match Dns::new(DnsOptions { resolvers: resolvers.clone(), zone: None, roots_pem: None }) {
        Ok(dns) => dns,
        Err(error) => return tell(chain(&error)),
    };
    let observe = |event| (run.observe)("", event);
    let session = Session {
        state: run.state,
        dns: &dns,
        resolvers,
        providers: providers.as_ref(),
        observe: &observe,
        cancel: run.cancel.clone(),
        has_others: false,
    };
    if let Err(error) = remove_leftovers(&session).await {
        tell(chain(&error));
    }
}
