//! Orders (RFC 8555 section 7.1.3, 7.4).

use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
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
