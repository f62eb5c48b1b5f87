//! The directory: where a CA's resources are and what it offers (RFC 8555 section 7.1.1).

use std::collections::BTreeMap;

use serde::Deserialize;

/// A CA's directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Directory {
    /// Where nonces are had.
    pub new_nonce: String,
    /// Where accounts are made.
    pub new_account: String,
    /// Where orders are made.
    pub new_order: String,
    /// Where certificates are revoked.
    pub revoke_cert: String,
    /// Where an account's key is changed.
    #[serde(default)]
    pub key_change: Option<String>,
    /// Where renewal information is had (RFC 9773).
    #[serde(default)]
    pub renewal_info: Option<String>,
    /// What else it says.
    #[serde(default)]
    pub meta: Meta,
}

/// What a CA says about itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// URL of the terms that must be agreed to.
    pub terms_of_service: Option<String>,
    /// Names the CA takes for itself in CAA records.
    pub caa_identities: Vec<String>,
    /// Whether an account needs a binding (RFC 8555 section 7.3.4).
    pub external_account_required: bool,
    /// Profile names and what they mean (draft-ietf-acme-profiles).
    pub profiles: BTreeMap<String, String>,
}
