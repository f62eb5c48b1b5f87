//! What is wanted of a CA, out of what a certificate remembers.

use std::time::Duration;

use url::Url;

use super::method::Methods;
use super::prove::ProofOptions;
use super::publish::Dns01Options;
use crate::acme::OrderOptions;
use crate::dns::PropagationOptions;
use crate::name::CertName;
use crate::pki::{CertificateRequest, KeyType};
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
    /// Whose key it is for.
    pub key: KeyChoice,
    /// Profile, end of validity and what it replaces.
    pub order: OrderOptions,
    /// Common name of an issuer in the chain to take, where the CA offers several.
    pub preferred_chain: Option<String>,
    /// How to prove the names.
    pub proof: ProofOptions,
    /// What becomes of the certificate.
    pub keep: Keep,
}

/// Whose key a certificate is for.
#[derive(Clone, Debug)]
pub enum KeyChoice {
    /// One that acmite makes.
    Own {
        /// Its type.
        kind: KeyType,
        /// Whether it is that of the live certificate.
        reuse: bool,
    },
    /// One that acmite never has; the request is handed in as it is.
    Requested(Box<CertificateRequest>),
}

impl std::fmt::Display for KeyChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own { kind, .. } => kind.fmt(f),
            Self::Requested(_) => f.write_str(KEY_OF_REQUEST),
        }
    }
}

/// What stands for the type of a key that is that of a request.
pub const KEY_OF_REQUEST: &str = "csr";

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
        let key = key(&renewal, &store)?;
        let proof = proof(&renewal.challenge, &store)?;
        Ok(Self {
            server: renewal.server.clone(),
            names: renewal.names.clone(),
            certificate: certificate.to_owned(),
            key,
            order: OrderOptions { profile: renewal.profile.clone(), ..OrderOptions::default() },
            preferred_chain: renewal.preferred_chain.clone(),
            proof,
            keep: Keep::Live(Box::new(renewal)),
        })
    }
}

fn key(renewal: &Renewal, store: &RenewalStore) -> Result<KeyChoice, RenewalError> {
    let Some(pem) = &renewal.csr else {
        let kind = renewal.key_type.parse().map_err(|why| store.refused("key_type", why))?;
        return Ok(KeyChoice::Own { kind, reuse: renewal.reuse_key });
    };
    let request = CertificateRequest::read(pem.as_bytes()).map_err(|why| store.refused("csr", why))?;
    let mut unnamed = request.names().iter().filter(|name| !renewal.names.contains(name));
    if unnamed.next().is_some() || renewal.names.len() != request.names().len() {
        return Err(
            store.refused("names", "they are not those of csr; get the certificate once more by `acmite issue --csr`")
        );
    }
    Ok(KeyChoice::Requested(Box::new(request)))
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
