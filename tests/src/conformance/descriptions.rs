//! Vendors' own descriptions of their APIs, from the folder that `ACMITE_SPECS` names: every exchange of the suite is
//! held to them, the mock's answers too.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

use crate::conformance::adapters::Adapter;
use crate::conformance::corrections::{CORRECTIONS, Correction};
use crate::conformance::exchange::Exchange;
use crate::openapi::{self, Description, Sent, violations};

/// Files in the folder, by provider.
pub const FILES: &[(&str, &str)] = &[
    ("cloudflare", "cloudflare-dns.yaml"),
    ("digitalocean", "digitalocean-dns.yaml"),
    ("hetzner", "hetzner-dns.yaml"),
    ("linode", "linode-dns.yaml"),
    ("powerdns", "powerdns.yaml"),
];

/// An operation that a provider uses and its description lacks.
#[derive(Debug)]
pub struct Undescribed {
    /// The provider's id.
    pub plugin: &'static str,
    /// Upper case.
    pub method: &'static str,
    /// The end of the path.
    pub path_end: &'static str,
    /// A path of it that the description is asked for.
    pub example: &'static str,
    /// Why it is used all the same.
    pub reason: &'static str,
}

/// All there are.
pub const UNDESCRIBED: &[Undescribed] = &[Undescribed {
    plugin: "cloudflare",
    method: "POST",
    path_end: "/dns_records/batch",
    example: "/client/v4/zones/023e105f4ecef8ad9ca31a8372d0c353/dns_records/batch",
    reason: "it is newer than the description: the reference of \"Batch DNS Records\" has it",
}];

/// The folder, if it is named.
pub fn folder() -> Option<PathBuf> {
    std::env::var_os("ACMITE_SPECS").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// The folder, or `None` with a word about it that is seen of a test that passes as well.
pub fn folder_or_say() -> Option<PathBuf> {
    let folder = folder();
    if folder.is_none() {
        let text = "SKIPPED: official descriptions; set ACMITE_SPECS to the folder that holds powerdns.yaml and \
                    the others that tests/src/conformance/descriptions.rs lists\n";
        // Past the test harness, which keeps what is printed to itself.
        std::io::stderr().write_all(text.as_bytes()).ok();
    }
    folder
}

/// A provider's description, corrected where it is wrong; `None` if it has none or none are at hand.
///
/// # Panics
/// If it cannot be read.
pub fn description(plugin: &str) -> Option<&'static Description> {
    static ALL: OnceLock<BTreeMap<&'static str, OnceLock<Description>>> = OnceLock::new();
    folder()?;
    let all = ALL.get_or_init(|| FILES.iter().map(|(id, _)| (*id, OnceLock::new())).collect());
    Some(all.get(plugin)?.get_or_init(|| corrected(document(plugin).expect("one of the files"), plugin, None)))
}

/// The same, but for one correction that is left out.
///
/// # Panics
/// If it cannot be read.
pub fn description_without(left_out: &Correction) -> Option<Description> {
    Some(corrected(document(left_out.plugin)?, left_out.plugin, Some(left_out)))
}

fn document(plugin: &str) -> Option<Value> {
    let path = folder()?.join(FILES.iter().find(|(id, _)| *id == plugin)?.1);
    Some(openapi::read(&path).unwrap_or_else(|error| panic!("{}: {error:?}", path.display())))
}

fn corrected(mut document: Value, plugin: &str, left_out: Option<&Correction>) -> Description {
    for one in CORRECTIONS.iter().filter(|one| one.plugin == plugin && left_out != Some(one)) {
        one.apply(&mut document);
    }
    Description::new(&document)
}

/// That everything the adapter has seen is as described.
///
/// # Panics
/// If it is not; the text says what differs.
pub fn hold(adapter: &Adapter) {
    let Some(description) = description(adapter.plugin) else { return };
    let mut found: Vec<String> =
        adapter.exchanges.all().iter().flat_map(|one| broken(adapter.plugin, description, one)).collect();
    found.sort();
    found.dedup();
    assert!(found.is_empty(), "not as {} is described:\n{}", adapter.plugin, found.join("\n"));
}

/// What an exchange breaks of a description; nothing if the description lacks the operation and this is excepted.
pub fn broken(plugin: &str, description: &Description, exchange: &Exchange) -> Vec<String> {
    let Exchange { method, path, query, headers, body, status, reply, .. } = exchange;
    let is_it = |one: &&Undescribed| one.plugin == plugin && one.method == method && path.ends_with(one.path_end);
    if UNDESCRIBED.iter().any(|one| is_it(&one)) {
        return Vec::new();
    }
    let found = violations(description, &Sent { method, path, query, headers, body, status: *status, reply });
    found.into_iter().map(|what| format!("{method} {path}: {what}")).collect()
}
