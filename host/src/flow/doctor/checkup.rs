//! The names of one certificate: its CA, DNS, provider, ports and folders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use url::Url;

use super::condition::Condition;
use super::{account, authority, caa, credential, folder, lasting, port, records};
use crate::acme::AccountHandle;
use crate::dns::Target;
use crate::flow::clients::Clients;
use crate::flow::method::{Method, Methods};
use crate::flow::session::{Session, SourceError};
use crate::name::{CertName, DnsName, Host};

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
    /// The time.
    pub now: OffsetDateTime,
    /// Says why there is no provider for a zone.
    pub explain: &'a (dyn Fn(&DnsName, &SourceError) -> Condition + Sync),
}

impl Checkup<'_> {
    /// Everything that is wrong with the subject, each said once.
    pub async fn examine(&self, subject: &Subject) -> Vec<Condition> {
        let mut found = Vec::new();
        let client = self.clients.connect(&subject.server, subject.ca_bundle.as_deref()).await;
        let (mut account, mut identities) = (None, &Vec::new());
        match &client {
            Ok(client) => {
                found.extend(authority::clock(&subject.server, client));
                identities = &client.directory().meta.caa_identities;
                account = account::kept(self.session.state, client, &subject.server, subject.account.as_deref());
            }
            Err(error) => found.push(authority::unconnected(&subject.server, subject.ca_bundle.as_deref(), error)),
        }
        if let Some(account) = &account {
            found.extend(account::check(&subject.server, account).await);
        }
        let broken = self.dnssec(subject, &mut found).await;
        if !identities.is_empty() {
            let account = account.as_ref().map(AccountHandle::url);
            found.extend(self.caa(subject, identities, account, &broken).await);
        }
        found.extend(self.challenges(subject, account.as_ref(), &broken).await);
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

    async fn caa(
        &self,
        subject: &Subject,
        identities: &[String],
        account: Option<&str>,
        broken: &BTreeSet<DnsName>,
    ) -> Vec<Condition> {
        let mut found = Vec::new();
        for name in &subject.names {
            let Some(base) = name.base().dns().filter(|base| !broken.contains(*base)) else { continue };
            let method = subject.methods.of(name).ok().map(|method| method.kind().to_string());
            let (method, wildcard) = (method.as_deref(), name.is_wildcard());
            let wish = caa::Wish { identities, wildcard, method, account };
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

    async fn challenges(
        &self,
        subject: &Subject,
        account: Option<&AccountHandle>,
        broken: &BTreeSet<DnsName>,
    ) -> Vec<Condition> {
        if subject.methods == Methods::default() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut plan = Plan::default();
        for name in &subject.names {
            match subject.methods.of(name) {
                Ok(method) => plan.add(name, method),
                Err(error) => found.push(Condition::ChallengeUnsuited { why: error.to_string() }),
            }
        }
        plan.in_dns.retain(|(base, _)| !broken.contains(base));
        plan.lasting.retain(|(base, _)| !broken.contains(base));
        found.extend(self.in_dns(&plan.in_dns, account).await);
        for (base, wildcard) in plan.lasting {
            let need = lasting::Need { account: account.map(AccountHandle::url), wildcard, now: self.now };
            found.extend(lasting::check(self.session.dns, &base, &need).await);
        }
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

    async fn in_dns(&self, places: &BTreeSet<(DnsName, Label)>, account: Option<&AccountHandle>) -> Vec<Condition> {
        let (dns, mut found, mut asked) = (self.session.dns, Vec::new(), BTreeSet::new());
        for (base, label) in places {
            // An account that is not there yet has no label; the plain one is in the same zone.
            let own = account.filter(|_| *label == Label::Accounts).map(AccountHandle::dns_label);
            let label = own.map_or_else(|| LABEL.to_owned(), |own| format!("{own}.{LABEL}"));
            let target = match records::place(dns, &label, base).await {
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

/// Which of a name's challenge records is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Plain,
    Accounts,
}

/// Who is proven how.
#[derive(Default)]
struct Plan<'a> {
    in_dns: BTreeSet<(DnsName, Label)>,
    /// With whether it is a wildcard.
    lasting: BTreeSet<(DnsName, bool)>,
    standalone: Vec<Host>,
    webroots: BTreeMap<&'a Path, Vec<Host>>,
    tls_alpn: Vec<Host>,
}

impl<'a> Plan<'a> {
    fn add(&mut self, name: &CertName, method: &'a Method) {
        let host = name.base().clone();
        let base = host.dns().cloned();
        match method {
            Method::Dns01 => self.in_dns.extend(base.map(|base| (base, Label::Plain))),
            Method::DnsAccount01 => self.in_dns.extend(base.map(|base| (base, Label::Accounts))),
            Method::DnsPersist01 => self.lasting.extend(base.map(|base| (base, name.is_wildcard()))),
            Method::Standalone => self.standalone.push(host),
            Method::Webroot(root) => self.webroots.entry(root).or_default().push(host),
            Method::TlsAlpn01 => self.tls_alpn.push(host),
        }
    }
}
