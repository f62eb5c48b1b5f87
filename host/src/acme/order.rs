//! Orders (RFC 8555 section 7.1.3, 7.4).

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Identifier, Problem};
use crate::name::{CertName, Host};

/// What may be asked of an order besides its names.
#[derive(Clone, Debug, Default)]
pub struct OrderOptions {
    /// One of the directory's profiles.
    pub profile: Option<String>,
    /// RFC 3339.
    pub not_after: Option<String>,
    /// The renewal-information id of the certificate this one replaces (RFC 9773 section 5).
    pub replaces: Option<String>,
}

impl OrderOptions {
    pub(super) fn payload(&self, names: &[CertName]) -> Value {
        let identifiers: Vec<_> = names.iter().map(identifier).collect();
        let mut payload = json!({"identifiers": identifiers});
        for (member, value) in [("profile", &self.profile), ("notAfter", &self.not_after), ("replaces", &self.replaces)]
        {
            if let Some(value) = value {
                payload[member] = json!(value);
            }
        }
        payload
    }
}

fn identifier(name: &CertName) -> Value {
    let kind = match name.base() {
        Host::Dns(_) => "dns",
        Host::Ip(_) => "ip",
    };
    json!({"type": kind, "value": name.to_string()})
}

/// An order as the CA knows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Order {
    /// Its URL.
    #[serde(skip)]
    pub url: String,
    /// How far it is.
    pub status: OrderStatus,
    /// What was ordered, as the CA read it.
    #[serde(default)]
    pub identifiers: Vec<Identifier>,
    /// URLs, one an identifier.
    #[serde(default)]
    pub authorizations: Vec<String>,
    /// Where the CSR goes.
    pub finalize: String,
    /// Where the chain is, once valid.
    #[serde(default)]
    pub certificate: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    pub expires: Option<String>,
    /// Why it became invalid.
    #[serde(default)]
    pub error: Option<Problem>,
}

impl Order {
    /// Whether it is for `names` and asks for no more proofs than these can need; what is wrong with it otherwise.
    pub(super) fn check(&self, names: &[CertName]) -> Result<(), &'static str> {
        // RFC 8555 section 7.1.3 allows other numbers than one a name.
        if self.authorizations.len() > MOST_AUTHORIZATIONS_A_NAME * names.len() {
            return Err("it has more authorizations than its names can need");
        }
        let read: Result<BTreeSet<CertName>, _> =
            self.identifiers.iter().map(|one| CertName::parse(&one.value)).collect();
        let asked: BTreeSet<&CertName> = names.iter().collect();
        let is_same = read.is_ok_and(|read| read.iter().collect::<BTreeSet<_>>() == asked);
        if is_same || self.identifiers.is_empty() { Ok(()) } else { Err("its names are not those that were ordered") }
    }
}

const MOST_AUTHORIZATIONS_A_NAME: usize = 2;

/// RFC 8555 section 7.1.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// Authorizations are missing.
    Pending,
    /// The CSR is awaited.
    Ready,
    /// The CA is issuing.
    Processing,
    /// The certificate is there.
    Valid,
    /// It failed.
    Invalid,
}
