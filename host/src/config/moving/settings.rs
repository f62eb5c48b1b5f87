//! What the user says of things that the other client does not.

use std::path::PathBuf;

use crate::name::CertName;
use crate::store::renewal::{ChallengeRecord, DnsRecord, FormatVersion, Hooks, Renewal};
use url::Url;

/// Said on the command line.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// How to prove names where that is not known; `None` if nothing was said.
    pub challenge: Option<ChallengeRecord>,
    /// The CA's directory, for clients that do not keep it.
    pub server: Url,
    /// Roots to trust instead of the system's.
    pub ca_bundle: Option<PathBuf>,
}

impl Wishes {
    /// A renewal with nothing special.
    pub(super) fn renewal(&self, names: Vec<CertName>, server: Url, challenge: ChallengeRecord) -> Renewal {
        Renewal {
            version: FormatVersion,
            names,
            server,
            account: None,
            ca_bundle: self.ca_bundle.clone(),
            csr: None,
            key_type: "p256".to_owned(),
            reuse_key: false,
            profile: None,
            preferred_chain: None,
            challenge,
            hooks: Hooks::default(),
        }
    }
}

/// Names proven by these methods, with no provider.
pub(super) fn by_methods(methods: Vec<String>) -> ChallengeRecord {
    let dns = DnsRecord {
        plugins: Vec::new(),
        credentials: None,
        credentials_by_plugin: Default::default(),
        resolvers: Vec::new(),
        zone: None,
        propagation_check: "all".to_owned(),
        propagation_timeout_seconds: 300,
        ttl: 60,
    };
    ChallengeRecord { methods, by_name: Default::default(), http_port: 80, tls_port: 443, dns }
}
