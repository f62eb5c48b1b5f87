//! What is wanted of a CA, out of what a certificate remembers.

use std::time::Duration;

use url::Url;

use super::method::Methods;
use super::prove::ProofOptions;
use super::publish::Dns01Options;
use crate::acme::OrderOptions;
use crate::dns::PropagationOptions;
use crate::name::CertName;
use crate::pki::KeyType;
use crate::store::StateDir;
use crate::store::renewal::{ChallengeRecord, Renewal, RenewalError, RenewalStore};

/// What is wanted.
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// The CA's directory.
    pub server: Url,
    /// The certificate's names, at least one.
    pub names: Vec<CertName>,
    /// What it is kept as.
    pub certificate: String,
    /// The type of its key.
    pub key_type: KeyType,
    /// Whether it is for the key of the live one.
    pub reuse_key: bool,
    /// Profile, end of validity and what it replaces.
    pub order: OrderOptions,
    /// Common name of an issuer in the chain to take, where the CA offers several.
    pub preferred_chain: Option<String>,
    /// How to prove the names.
    pub proof: ProofOptions,
    /// What becomes of the certificate.
    pub keep: Keep,
}

/// What becomes of a certificate.
#[derive(Clone, Debug)]
pub enum Keep {
    /// It becomes the live one, and this is remembered with it.
    Live(Box<Renewal>),
    /// Nothing: it was a trial.
    Nothing,
}

impl IssueRequest {
    /// The certificate called `certificate`, made as `renewal` says.
    pub fn new(state: &StateDir, certificate: &str, renewal: Renewal) -> Result<Self, RenewalError> {
        let store = RenewalStore::new(state, certificate);
        let key_type = renewal.key_type.parse().map_err(|why| store.refused("key_type", why))?;
        let proof = proof(&renewal.challenge, &store)?;
        Ok(Self {
            server: renewal.server.clone(),
            names: renewal.names.clone(),
            certificate: certificate.to_owned(),
            key_type,
            reuse_key: renewal.reuse_key,
            order: OrderOptions { profile: renewal.profile.clone(), ..OrderOptions::default() },
            preferred_chain: renewal.preferred_chain.clone(),
            proof,
            keep: Keep::Live(Box::new(renewal)),
        })
    }
}

fn proof(record: &ChallengeRecord, store: &RenewalStore) -> Result<ProofOptions, RenewalError> {
    let ChallengeRecord { methods, by_name, http_port, tls_port, dns } = record;
    let check = dns.propagation_check.parse().map_err(|why| store.refused("propagation_check", why))?;
    let timeout = Duration::from_secs(dns.propagation_timeout_seconds);
    let general = methods.iter().map(|text| text.parse().map_err(|why| store.refused("methods", why)));
    let named = by_name.iter().map(|(name, text)| {
        let method = text.parse().map_err(|why| store.refused("by_name", why));
        method.map(|method| (name.clone(), method))
    });
    Ok(ProofOptions {
        methods: Methods { general: general.collect::<Result<_, _>>()?, by_name: named.collect::<Result<_, _>>()? },
        dns01: Dns01Options { propagation: PropagationOptions { check, timeout }, ttl: dns.ttl },
        http_port: *http_port,
        tls_port: *tls_port,
    })
}
