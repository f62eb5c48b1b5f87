//! The directory and what each URL is (RFC 8555 section 7.1.1).

use serde_json::{Map, Value, json};

use super::fault::Endpoint;
use super::state::{Answer, Shared};

/// What a path leads to, with the id in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) path: &'a str,
    pub(super) endpoint: Endpoint,
    pub(super) id: &'a str,
    /// Of a certificate: which chain.
    pub(super) alternate: usize,
}

pub(super) fn target(path: &str) -> Target<'_> {
    let parts: Vec<&str> = path.strip_prefix('/').unwrap_or_default().split('/').collect();
    let to = |endpoint, id| Target { path, endpoint, id, alternate: 0 };
    match parts.as_slice() {
        ["directory"] => to(Endpoint::Directory, ""),
        ["new-nonce"] => to(Endpoint::NewNonce, ""),
        ["new-account"] => to(Endpoint::NewAccount, ""),
        ["new-order"] => to(Endpoint::NewOrder, ""),
        ["key-change"] => to(Endpoint::KeyChange, ""),
        ["revoke-cert"] => to(Endpoint::RevokeCert, ""),
        ["renewal-info", id] => to(Endpoint::RenewalInfo, id),
        ["account", id] => to(Endpoint::Account, id),
        ["orders", id] => to(Endpoint::Orders, id),
        ["order", id] => to(Endpoint::Order, id),
        ["order", id, "finalize"] => to(Endpoint::Finalize, id),
        ["authorization", id] => to(Endpoint::Authorization, id),
        ["challenge", id] => to(Endpoint::Challenge, id),
        ["certificate", id] => to(Endpoint::Certificate, id),
        ["certificate", id, "alternate"] => Target { path, endpoint: Endpoint::Certificate, id, alternate: 1 },
        _ => to(Endpoint::Unknown, ""),
    }
}

pub(super) fn directory(ca: &Shared) -> Answer {
    let mut meta = Map::new();
    if ca.options.terms_of_service {
        meta.insert("termsOfService".to_owned(), json!(ca.url("terms")));
    }
    meta.insert("website".to_owned(), json!("https://github.com/acmite/acmite"));
    meta.insert("externalAccountRequired".to_owned(), json!(!ca.options.external_accounts.is_empty()));
    if !ca.options.caa_identities.is_empty() {
        meta.insert("caaIdentities".to_owned(), json!(ca.options.caa_identities));
    }
    if !ca.options.profiles.is_empty() {
        let entries = ca.options.profiles.iter().map(|profile| (profile.name.clone(), json!(profile.description)));
        meta.insert("profiles".to_owned(), Value::Object(entries.collect()));
    }
    let value = json!({
        "newNonce": ca.url("new-nonce"),
        "newAccount": ca.url("new-account"),
        "newOrder": ca.url("new-order"),
        "revokeCert": ca.url("revoke-cert"),
        "keyChange": ca.url("key-change"),
        "renewalInfo": ca.url("renewal-info"),
        "meta": meta,
    });
    Answer::json(200, value)
}
