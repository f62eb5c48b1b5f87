//! Vendors' own descriptions of their APIs, from the folder that `ACMITE_SPECS` names: every exchange of the suite is
//! held to them, the mock's answers too.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::conformance::adapters::Adapter;
use crate::conformance::exchange::Exchange;
use crate::openapi::{Description, Sent, violations};

/// Files in the folder, by provider.
pub const FILES: &[(&str, &str)] = &[("digitalocean", "digitalocean-dns.yaml"), ("powerdns", "powerdns.yaml")];

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
pub const UNDESCRIBED: &[Undescribed] = &[];

/// Where a provider or its mock differs from the description, and the description is what is wrong.
#[derive(Debug)]
pub struct Deviation {
    /// The provider's id.
    pub plugin: &'static str,
    /// What is found wrong, in part.
    pub found: &'static str,
    /// Why it is right all the same.
    pub reason: &'static str,
}

/// All there are; each is found in `two_values_share_one_name`.
pub const DEVIATIONS: &[Deviation] = &[Deviation {
    plugin: "powerdns",
    found: "\"ttl\" is a required property",
    reason: "the description of `ttl` says that it must not be given with DELETE",
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

/// A provider's description; `None` if it has none or none are at hand.
///
/// # Panics
/// If it cannot be read.
pub fn description(plugin: &str) -> Option<&'static Description> {
    static ALL: OnceLock<BTreeMap<&'static str, OnceLock<Description>>> = OnceLock::new();
    let (folder, file) = (folder()?, FILES.iter().find(|(id, _)| *id == plugin)?.1);
    let all = ALL.get_or_init(|| FILES.iter().map(|(id, _)| (*id, OnceLock::new())).collect());
    Some(all.get(plugin)?.get_or_init(|| read(&folder.join(file))))
}

fn read(path: &Path) -> Description {
    Description::read(path).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()))
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

/// What an exchange breaks of a description, but for what the description has wrong.
pub fn broken(plugin: &str, description: &Description, exchange: &Exchange) -> Vec<String> {
    let is_excepted = |line: &String| DEVIATIONS.iter().any(|one| one.plugin == plugin && line.contains(one.found));
    all_broken(plugin, description, exchange).into_iter().filter(|line| !is_excepted(line)).collect()
}

/// The same without those exceptions; operations that the description lacks are left out here, too.
pub fn all_broken(plugin: &str, description: &Description, exchange: &Exchange) -> Vec<String> {
    let Exchange { method, path, query, headers, body, status, reply, .. } = exchange;
    let is_it = |one: &&Undescribed| one.plugin == plugin && one.method == method && path.ends_with(one.path_end);
    if UNDESCRIBED.iter().any(|one| is_it(&one)) {
        return Vec::new();
    }
    let found = violations(description, &Sent { method, path, query, headers, body, status: *status, reply });
    found.into_iter().map(|what| format!("{method} {path}: {what}")).collect()
}
