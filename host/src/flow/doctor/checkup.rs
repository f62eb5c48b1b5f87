//! The names of one certificate: its CA, DNS, provider, ports and folders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use url::Url;

use super::condition::Condition;
use super::{authority, caa, credential, folder, port, records};
use crate::acme::AcmeClient;
use crate::dns::Target;
use crate::flow::clients::Clients;
use crate::flow::method::{Method, Methods};
use crate::flow::session::{Session, SourceError};
use crate::name::{CertName, DnsName, Host};
use crate::store::account::AccountStore;

/// What is looked at: a certificate that is kept, or one to be.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its names.
    pub names: Vec<CertName>,
    /// How they are proven; without any, only what has to do with no challenge is looked at.
    pub methods: Methods,
    /// Where the own web server listens.
    pub http_port: u16,
    /// Where the own TLS server listens.
    pub tls_port: u16,
    /// The CA's directory.
    pub server: Url,
    /// PEM file of roots trusted besides the system's.
    pub ca_bundle: Option<PathBuf>,
    /// Which of several accounts at the CA.
    pub account: Option<String>,
}

/// What checks work with.
pub struct Checkup<'a> {
    /// State folder, DNS and providers.
    pub session: &'a Session<'a>,
    /// The CAs of the run.
    pub clients: &'a Clients,
    /// Says why there is no provider for a zone.
    pub explain: &'a (dyn Fn(&DnsName, &SourceError) -> Condition + Sync),
}

impl Checkup<'_> {
    /// Everything that is wrong with the subject, each said once.
    pub async fn examine(&self, subject: &Subject) -> Vec<Condition> {
        let mut found = Vec::new();
        let client = match self.clients.connect(&subject.server, subject.ca_bundle.as_deref()).await {
            Ok(client) => {
                found.extend(authority::clock(&subject.server, &client));
                Some(client)
            }
            Err(error) => {
                found.push(authority::unconnected(&subject.server, subject.ca_bundle.as_deref(), &error));
                None
            }
        };
        let broken = self.dnssec(subject, &mut found).await;
        if let Some(client) = &client {
            found.extend(self.caa(subject, client, &broken).await);
        }
        found.extend(self.challenges(subject, &broken).await);
        let mut once: Vec<Condition> = Vec::new();
        for condition in found {
            if !once.contains(&condition) {
                once.push(condition);
            }
        }
        once
    }

    /// The names whose signatures do not hold: nothing else can be said of them.
    async fn dnssec(&self, subject: &Subject, found: &mut Vec<Condition>) -> BTreeSet<DnsName> {
        let mut broken = BTreeSet::new();
        for name in subject.names.iter().filter_map(|name| name.base().dns()) {
            for resolver in self.session.dns.distrusting(name).await {
                found.push(Condition::DnssecBroken { name: name.clone(), resolver });
                broken.insert(name.clone());
            }
        }
        broken
    }

    async fn caa(&self, subject: &Subject, client: &AcmeClient, broken: &BTreeSet<DnsName>) -> Vec<Condition> {
        let identities = &client.directory().meta.caa_identities;
        let mut found = Vec::new();
        if identities.is_empty() {
            return found;
        }
        let store = AccountStore::new(self.session.state, &subject.server, subject.account.as_deref());
        let account = store.load().ok().flatten().and_then(|stored| stored.url).map(String::from);
        for name in &subject.names {
            let Some(base) = name.base().dns().filter(|base| !broken.contains(*base)) else { continue };
            let method = subject.methods.of(name).ok().map(|method| method.kind().to_string());
            let (method, account) = (method.as_deref(), account.as_deref());
            let wish = caa::Wish { identities, wildcard: name.is_wildcard(), method, account };
            match self.session.dns.caa(base).await {
                Ok(None) => {}
                Ok(Some((at, records))) => {
                    let refused = caa::judge(&records, &wish).err();
                    let name = name.to_string();
                    found.extend(refused.map(|refusal| Condition::CaaForbids { name, at, refusal, records }));
                }
                Err((at, answer)) => {
                    let (name, answer) = (name.to_string(), answer.to_string());
                    found.push(Condition::CaaUnanswered { name, at, answer });
                }
            }
        }
        found
    }

    async fn challenges(&self, subject: &Subject, broken: &BTreeSet<DnsName>) -> Vec<Condition> {
        if subject.methods == Methods::default() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut plan = Plan::default();
        for name in &subject.names {
            match subject.methods.of(name) {
                Ok(method) => plan.add(name.base(), method),
                Err(error) => found.push(Condition::ChallengeUnsuited { why: error.to_string() }),
            }
        }
        plan.in_dns.retain(|base| !broken.contains(base));
        found.extend(self.in_dns(&plan.in_dns).await);
        if !plan.standalone.is_empty() {
            found.extend(port::standalone(self.session, subject.http_port, &plan.standalone).await);
        }
        for (root, hosts) in &plan.webroots {
            found.extend(port::webroot(self.session, root, hosts).await);
        }
        if !plan.tls_alpn.is_empty() {
            found.extend(port::tls_alpn(self.session, subject.tls_port, &plan.tls_alpn).await);
        }
        found
    }

    async fn in_dns(&self, bases: &BTreeSet<DnsName>) -> Vec<Condition> {
        let (dns, mut found, mut asked) = (self.session.dns, Vec::new(), BTreeSet::new());
        for base in bases {
            let target = match records::place(dns, LABEL, base).await {
                Ok(target) => target,
                Err(condition) => {
                    found.push(condition);
                    continue;
                }
            };
            let expected = folder::published(self.session.state, &target.name);
            found.extend(records::standing(dns, &target, &expected).await);
            if asked.insert((target.zone.apex.clone(), target.chain.is_empty())) {
                found.extend(self.provider(&target).await);
            }
        }
        found
    }

    async fn provider(&self, target: &Target) -> Option<Condition> {
        match self.session.providers.for_zone(&target.zone.apex) {
            Ok(instance) => credential::check(&instance, target).await,
            Err(error) => Some((self.explain)(&target.zone.apex, &error)),
        }
    }
}

const LABEL: &str = "_acme-challenge";

/// Who is proven how.
#[derive(Default)]
struct Plan<'a> {
    in_dns: BTreeSet<DnsName>,
    standalone: Vec<Host>,
    webroots: BTreeMap<&'a Path, Vec<Host>>,
    tls_alpn: Vec<Host>,
}

impl<'a> Plan<'a> {
    fn add(&mut self, host: &Host, method: &'a Method) {
        match method {
            // The account's own label is below the same name, and so in the same zone unless a CNAME stands there.
            Method::Dns01 | Method::DnsAccount01 => self.in_dns.extend(host.dns().cloned()),
            // Its record is there already; the CA says if it is not.
            Method::DnsPersist01 => {}
            Method::Standalone => self.standalone.push(host.clone()),
            Method::Webroot(root) => self.webroots.entry(root).or_default().push(host.clone()),
            Method::TlsAlpn01 => self.tls_alpn.push(host.clone()),
        }
    }
}
