//! One certificate to look at: as it is remembered, or as the options say.

use std::sync::Arc;

use super::Args;
use crate::causes::chain;
use crate::cli::exit::{Exit, Failure};
use crate::cli::providers::{ProviderArgs, ProviderPool, Providers};
use crate::cli::setup::{DnsArgs, absolute, server};
use crate::flow::doctor::{Condition, Subject};
use crate::flow::{IssueRequest, Methods, ProviderMaker as _, ProviderSource};
use crate::name::CertName;
use crate::store::StateDir;
use crate::store::renewal::{DnsRecord, Renewal, RenewalError, RenewalStore};

/// What is looked at, with what.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) subject: Subject,
    pub(super) dns: DnsArgs,
    pub(super) providers: Arc<dyn ProviderSource>,
}

impl Case {
    /// A name that has no certificate yet.
    pub(super) fn new(args: &Args, state: &StateDir, name: &str) -> Result<Self, Failure> {
        let known = |error| Failure::new(Exit::Usage, format!("{name:?} is neither a certificate nor a name: {error}"));
        let names = vec![CertName::parse(name).map_err(known)?];
        let default = || server(DEFAULT_CA).map_err(|why| Failure::new(Exit::Usage, why));
        let subject = Subject {
            names,
            methods: args.challenges.methods(!args.providers.plugins.is_empty())?,
            http_port: args.challenges.http_port,
            tls_port: args.challenges.tls_port,
            server: args.server.clone().map_or_else(default, Ok)?,
            ca_bundle: args.ca_bundle.clone(),
            account: args.account.clone(),
        };
        let providers = Arc::new(Providers::new(state, &args.providers)?);
        Ok(Self { name: name.to_owned(), subject, dns: args.dns.clone(), providers })
    }

    /// A certificate that is kept; what the options say counts more than what is remembered.
    pub(super) fn of(
        args: &Args,
        state: &StateDir,
        pool: &ProviderPool<'_>,
        name: &str,
        renewal: Renewal,
    ) -> Result<Self, Box<Condition>> {
        let record = record(args, &renewal.challenge.dns);
        let (kept_bundle, account) = (renewal.ca_bundle.clone(), renewal.account.clone());
        let damaged = |error: RenewalError| Box::new(Condition::CertificateUnreadable { why: chain(&error) });
        let request = IssueRequest::new(state, name, renewal).map_err(damaged)?;
        let subject = Subject {
            names: request.names,
            methods: methods(args, request.proof.methods)?,
            http_port: request.proof.http_port,
            tls_port: request.proof.tls_port,
            server: args.server.clone().unwrap_or(request.server),
            ca_bundle: args.ca_bundle.clone().or(kept_bundle),
            account: args.account.clone().or(account),
        };
        let store = RenewalStore::new(state, name);
        let read = |text: &String| text.parse().map_err(|why| damaged(store.refused("resolvers", why)));
        let resolvers = record.resolvers.iter().map(read).collect::<Result<_, _>>()?;
        let dns = DnsArgs { resolvers, zone: record.zone.clone() };
        let providers = pool.providers(&record).map_err(|error| {
            let plugin = record.plugins.join(", ");
            Box::new(Condition::PluginUnusable { plugin, why: error.to_string() })
        })?;
        Ok(Self { name: name.to_owned(), subject, dns, providers })
    }
}

const DEFAULT_CA: &str = "letsencrypt";

/// The providers, credentials and resolvers that count.
fn record(args: &Args, kept: &DnsRecord) -> DnsRecord {
    let mut record = kept.clone();
    let ProviderArgs { plugins, credentials } = &args.providers;
    if !plugins.is_empty() {
        record.plugins = plugins.iter().map(ToString::to_string).collect();
    }
    if let Some(path) = credentials {
        record.credentials = Some(absolute(path));
    }
    if !args.dns.resolvers.is_empty() {
        record.resolvers = args.dns.resolvers.iter().map(ToString::to_string).collect();
    }
    record.zone = args.dns.zone.clone().or(record.zone);
    record
}

/// Those of the options, where there are any, else those remembered.
fn methods(args: &Args, kept: Methods) -> Result<Methods, Box<Condition>> {
    let given = args.challenges.methods(!args.providers.plugins.is_empty());
    let given = given.map_err(|failure| Box::new(Condition::ChallengeUnsuited { why: failure.message }))?;
    Ok(if given == Methods::default() { kept } else { given })
}
