//! What would have to happen for certificates to be as they are described; nothing is contacted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use super::account::AccountSetup;
use super::standing::{Standing, StandingError};
use crate::digest::sha256_hex;
use crate::name::CertName;
use crate::store::StateDir;
use crate::store::renewal::{ChallengeRecord, DnsRecord, Renewal};

/// A certificate as it is to be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name in the state folder.
    pub name: String,
    /// How it is to be made.
    pub renewal: Renewal,
    /// What its account is made with, if there is none.
    pub setup: AccountSetup,
}

/// What has to happen to one certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// There is none: it is got.
    Issue,
    /// There is another one: it is got anew.
    Reissue {
        /// What is not as it is to be.
        changes: Vec<Change>,
    },
    /// The certificate stays, and other settings are kept for its renewals.
    Update {
        /// What is not as it is to be.
        changes: Vec<Change>,
    },
    /// All is as described.
    Keep,
}

/// A setting that is not as it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which.
    pub setting: &'static str,
    /// As it is.
    pub from: String,
    /// As it is to be.
    pub to: String,
}

/// What has to happen to all certificates.
#[derive(Debug)]
pub struct Plan {
    /// To those that are described.
    pub steps: Vec<(String, Result<Step, StandingError>)>,
    /// Those that are not described, and are left alone.
    pub undescribed: Vec<String>,
}

impl Plan {
    /// Compares what is described with what there is; `known` are the names of all certificates in the state folder.
    pub fn new(state: &StateDir, wanted: &[Wanted], known: &[String]) -> Self {
        let one = |wanted: &Wanted| {
            let standing = Standing::read(state, &wanted.name);
            (wanted.name.clone(), standing.map(|standing| step(&standing, &wanted.renewal)))
        };
        let described: BTreeSet<&String> = wanted.iter().map(|wanted| &wanted.name).collect();
        let undescribed = known.iter().filter(|name| !described.contains(name)).cloned().collect();
        Self { steps: wanted.iter().map(one).collect(), undescribed }
    }

    /// Whether anything would change.
    pub fn changes_something(&self) -> bool {
        self.steps.iter().any(|(_, step)| !matches!(step, Ok(Step::Keep)))
    }
}

/// What has to happen for a certificate to be as `wanted`.
pub(super) fn step(standing: &Standing, wanted: &Renewal) -> Step {
    let (Some(leaf), Some(renewal)) = (&standing.leaf, &standing.renewal) else { return Step::Issue };
    let mut reissued = of_certificate(renewal, wanted);
    let certified: BTreeSet<String> = leaf.names.iter().map(|name| name.to_lowercase()).collect();
    let named: BTreeSet<String> = wanted.names.iter().map(ToString::to_string).collect();
    if certified != named {
        reissued.push(Change { setting: "names", from: joined(&certified), to: joined(&named) });
    }
    let kept = of_renewals(renewal, wanted);
    match (reissued.is_empty(), kept.is_empty()) {
        (false, _) => Step::Reissue { changes: reissued.into_iter().chain(kept).collect() },
        (true, false) => Step::Update { changes: kept },
        (true, true) => Step::Keep,
    }
}

/// Changes that only another certificate has; names are compared with the certificate itself.
fn of_certificate(is: &Renewal, wanted: &Renewal) -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(change("server", &is.server, &wanted.server));
    changes.extend(change("csr", &request_id(&is.csr), &request_id(&wanted.csr)));
    changes.extend(change("key_type", &is.key_type, &wanted.key_type));
    changes.extend(change("profile", &shown(&is.profile), &shown(&wanted.profile)));
    changes.extend(change("preferred_chain", &shown(&is.preferred_chain), &shown(&wanted.preferred_chain)));
    changes
}

/// What tells one request from another in a line.
fn request_id(pem: &Option<String>) -> String {
    pem.as_ref().map(|pem| format!("sha256:{}", &sha256_hex(pem.as_bytes())[..16])).unwrap_or_default()
}

/// Changes that matter at the next renewal.
fn of_renewals(is: &Renewal, wanted: &Renewal) -> Vec<Change> {
    // One by one, so that a setting to come is not forgotten here.
    let Renewal {
        version: _,
        names: _,
        server: _,
        csr: _,
        key_type: _,
        profile: _,
        preferred_chain: _,
        account,
        ca_bundle,
        reuse_key,
        challenge,
        hooks,
    } = wanted;
    let mut changes = Vec::new();
    changes.extend(change("account", &shown(&is.account), &shown(account)));
    changes.extend(change("ca_bundle", &path(&is.ca_bundle), &path(ca_bundle)));
    changes.extend(change("reuse_key", &is.reuse_key, reuse_key));
    changes.extend(of_challenge(&is.challenge, challenge));
    for (setting, is, to) in [
        ("hooks.pre", &is.hooks.pre, &hooks.pre),
        ("hooks.deploy", &is.hooks.deploy, &hooks.deploy),
        ("hooks.post", &is.hooks.post, &hooks.post),
    ] {
        changes.extend(change(setting, &joined(is), &joined(to)));
    }
    changes
}

fn of_challenge(is: &ChallengeRecord, wanted: &ChallengeRecord) -> Vec<Change> {
    let ChallengeRecord { methods, by_name, http_port, tls_port, dns } = wanted;
    let named = |all: &BTreeMap<CertName, String>| joined(all.iter().map(|(name, method)| format!("{name}={method}")));
    let mut changes = Vec::new();
    changes.extend(change("challenges", &joined(&is.methods), &joined(methods)));
    changes.extend(change("challenge_by_name", &named(&is.by_name), &named(by_name)));
    changes.extend(change("http_port", &is.http_port, http_port));
    changes.extend(change("tls_port", &is.tls_port, tls_port));
    changes.extend(of_dns(&is.dns, dns));
    changes
}

fn of_dns(is: &DnsRecord, wanted: &DnsRecord) -> Vec<Change> {
    let DnsRecord {
        plugins,
        credentials,
        credentials_by_plugin,
        resolvers,
        zone,
        propagation_check,
        propagation_timeout_seconds: timeout,
        ttl,
    } = wanted;
    let by_plugin = |all: &BTreeMap<String, PathBuf>| {
        joined(all.iter().map(|(plugin, file)| format!("{plugin}: {}", file.display())))
    };
    let mut changes = Vec::new();
    changes.extend(change("provider", &joined(&is.plugins), &joined(plugins)));
    changes.extend(change("credentials", &path(&is.credentials), &path(credentials)));
    changes.extend(change("credentials", &by_plugin(&is.credentials_by_plugin), &by_plugin(credentials_by_plugin)));
    changes.extend(change("dns.resolvers", &joined(&is.resolvers), &joined(resolvers)));
    changes.extend(change("dns.zone", &shown(&is.zone), &shown(zone)));
    changes.extend(change("dns.propagation_check", &is.propagation_check, propagation_check));
    changes.extend(change("dns.propagation_timeout", &is.propagation_timeout_seconds, timeout));
    changes.extend(change("dns.ttl", &is.ttl, ttl));
    changes
}

fn change<T: PartialEq + ToString>(setting: &'static str, from: &T, to: &T) -> Option<Change> {
    (from != to).then(|| Change { setting, from: from.to_string(), to: to.to_string() })
}

fn shown(value: &Option<impl ToString>) -> String {
    value.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn path(value: &Option<PathBuf>) -> String {
    value.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
}

fn joined<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::pki::Leaf;
    use crate::store::renewal::{FormatVersion, Hooks};
    use crate::store::renewal_state::RenewalState;

    fn renewal(names: &[&str]) -> Renewal {
        let dns = DnsRecord {
            plugins: vec!["quillzone".to_owned()],
            credentials: None,
            credentials_by_plugin: BTreeMap::new(),
            resolvers: Vec::new(),
            zone: None,
            propagation_check: "all".to_owned(),
            propagation_timeout_seconds: 300,
            ttl: 60,
        };
        let (methods, by_name) = (vec!["dns-01".to_owned()], BTreeMap::new());
        Renewal {
            version: FormatVersion,
            names: names.iter().map(|name| CertName::parse(name).expect(name)).collect(),
            server: Url::parse("https://ca.example/dir").expect("a URL"),
            account: None,
            ca_bundle: None,
            csr: None,
            key_type: "p256".to_owned(),
            reuse_key: false,
            profile: None,
            preferred_chain: None,
            challenge: ChallengeRecord { methods, by_name, http_port: 80, tls_port: 443, dns },
            hooks: Hooks::default(),
        }
    }

    /// A certificate that is live for these names, and was made so.
    fn standing(names: &[&str]) -> Standing {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let pem = params.expect("parameters").self_signed(&key).expect("a certificate").pem();
        let (renewal, leaf) = (Some(renewal(names)), Some(Leaf::from_pem(&pem).expect("a certificate")));
        Standing { name: "web".to_owned(), renewal, state: RenewalState::default(), leaf }
    }

    fn settings(step: &Step) -> Vec<&'static str> {
        match step {
            Step::Reissue { changes } | Step::Update { changes } => changes.iter().map(|one| one.setting).collect(),
            Step::Issue | Step::Keep => Vec::new(),
        }
    }

    #[test]
    fn what_is_as_described_is_kept_in_whatever_order_its_names_are_written() {
        let there = standing(&["b.example", "a.example"]);
        assert_eq!(step(&there, &renewal(&["a.example", "b.example"])), Step::Keep);
    }

    type Change = fn(&mut Renewal);

    #[test]
    fn what_the_certificate_shows_needs_a_new_one() {
        let there = standing(&["a.example"]);
        let changes: [(&str, Change); 5] = [
            ("csr", |renewal| renewal.csr = Some("another".to_owned())),
            ("server", |renewal| renewal.server = Url::parse("https://other.example/dir").expect("a URL")),
            ("key_type", |renewal| renewal.key_type = "p384".to_owned()),
            ("profile", |renewal| renewal.profile = Some("shortlived".to_owned())),
            ("preferred_chain", |renewal| renewal.preferred_chain = Some("Old Root".to_owned())),
        ];
        for (setting, change) in changes {
            let mut wanted = renewal(&["a.example"]);
            change(&mut wanted);
            let step = step(&there, &wanted);
            assert!(matches!(step, Step::Reissue { .. }) && settings(&step) == [setting], "{step:?}");
        }
        let more = step(&there, &renewal(&["a.example", "*.a.example"]));
        assert!(matches!(more, Step::Reissue { .. }) && settings(&more) == ["names"], "{more:?}");
    }

    #[test]
    fn what_only_the_next_renewal_needs_is_kept_for_it() {
        let there = standing(&["a.example"]);
        let changes: [(&str, Change); 6] = [
            ("hooks.deploy", |renewal| renewal.hooks.deploy.push("reload: nginx.service".to_owned())),
            ("account", |renewal| renewal.account = Some("work".to_owned())),
            ("reuse_key", |renewal| renewal.reuse_key = true),
            ("challenges", |renewal| renewal.challenge.methods = vec!["standalone".to_owned()]),
            ("provider", |renewal| renewal.challenge.dns.plugins.push("a.example=other".to_owned())),
            ("dns.ttl", |renewal| renewal.challenge.dns.ttl = 120),
        ];
        for (setting, change) in changes {
            let mut wanted = renewal(&["a.example"]);
            change(&mut wanted);
            let step = step(&there, &wanted);
            assert!(matches!(step, Step::Update { .. }) && settings(&step) == [setting], "{step:?}");
        }
    }

    #[test]
    fn a_certificate_that_is_missing_or_whose_making_is_not_remembered_is_got() {
        for there in [
            Standing { leaf: None, ..standing(&["a.example"]) },
            Standing { renewal: None, ..standing(&["a.example"]) },
        ] {
            assert_eq!(step(&there, &renewal(&["a.example"])), Step::Issue);
        }
    }
}
