//! What every flow works with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::cancel::Cancel;
use super::event::Event;
use crate::dns::{Dns, Resolver};
use crate::name::DnsName;
use crate::plugin::provider::Provider;
use crate::store::StateDir;
use crate::store::journal::{Entry, PluginRef};

/// State folder, DNS, providers, and those who watch.
#[derive(Clone)]
pub struct Session<'a> {
    /// Where everything is kept.
    pub state: &'a StateDir,
    /// Questions to DNS.
    pub dns: &'a Dns,
    /// The resolvers the user named instead of the system's.
    pub resolvers: &'a [Resolver],
    /// Where providers come from.
    pub providers: &'a dyn ProviderSource,
    /// Is told what happens.
    pub observe: &'a (dyn Fn(Event) + Send + Sync),
    /// Whether to stop.
    pub cancel: Cancel,
    /// Whether other certificates are worked on in the same thread, which none is to hold up.
    pub has_others: bool,
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Session<'_> {
    pub(super) fn tell(&self, event: Event) {
        tracing::info!(target: "acmite::flow", "{event}");
        (self.observe)(event);
    }
}

/// Gives the provider that is responsible for something; one instance is loaded once.
pub trait ProviderSource: Send + Sync {
    /// For a zone.
    fn for_zone(&self, zone: &DnsName) -> Result<Arc<Instance>, SourceError>;

    /// For what stands in the journal.
    fn for_entry(&self, entry: &Entry) -> Result<Arc<Instance>, SourceError>;
}

/// Why there is no provider; its text says what to do.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// A provider ready to be called, with what finds it again in another process.
#[derive(Debug)]
pub struct Instance {
    /// The provider with settings and credential.
    pub provider: Provider,
    /// As the user named it, and its digest.
    pub reference: PluginRef,
    /// The file of its credentials.
    pub credentials: Option<PathBuf>,
}

impl Instance {
    /// The provider's id.
    pub fn id(&self) -> &str {
        &self.provider.manifest().id
    }
}
