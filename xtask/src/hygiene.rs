//! Licences of all dependencies against a list, and crates that must not come in. Works without network.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
}

/// What deny.toml says, as far as this check uses it.
#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    name: String,
}

/// Checks every package of the lock file; prints each that breaks a rule.
pub(crate) fn check() -> Result<(), HygieneError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the repository");
    let deny = read_rules(root)?;
    let metadata = read_metadata(root)?;
    let broken: Vec<String> = metadata.packages.iter().filter_map(|package| fault(package, &deny)).collect();
    broken.iter().for_each(|line| println!("{line}"));
    println!("{} packages looked at, {} break a rule", metadata.packages.len(), broken.len());
    println!("advisories are not looked at: their database cannot be had offline; run `cargo deny check` with network");
    if broken.is_empty() { Ok(()) } else { Err(HygieneError::Broken { count: broken.len() }) }
}

fn read_rules(root: &Path) -> Result<Deny, HygieneError> {
    let path = root.join("deny.toml");
    let text =
        std::fs::read_to_string(&path).map_err(|source| HygieneError::RulesUnread { path: path.clone(), source })?;
    toml::from_str(&text).map_err(|source| HygieneError::RulesInvalid { path, source })
}

fn read_metadata(root: &Path) -> Result<Metadata, HygieneError> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["metadata", "--format-version", "1", "--locked"]).current_dir(root);
    let output = command.output().map_err(|source| HygieneError::NotStarted { source })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(HygieneError::NoMetadata { status: output.status, said });
    }
    serde_json::from_slice(&output.stdout).map_err(|source| HygieneError::MetadataInvalid { source })
}

/// Why the dependencies were not found clean.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HygieneError {
    #[error("could not read {}: {source}", path.display())]
    RulesUnread { path: PathBuf, source: std::io::Error },
    #[error("could not understand {}: {source}", path.display())]
    RulesInvalid { path: PathBuf, source: toml::de::Error },
    #[error("could not start cargo: {source}; is it on the PATH?")]
    NotStarted { source: std::io::Error },
    #[error("cargo metadata ended with {status}: {said}")]
    NoMetadata { status: ExitStatus, said: String },
    #[error("could not understand what cargo metadata printed: {source}")]
    MetadataInvalid { source: serde_json::Error },
    #[error("{count} dependencies break deny.toml; replace them, or allow them there with the reason")]
    Broken { count: usize },
}

fn fault(package: &Package, deny: &Deny) -> Option<String> {
    let Package { name, version, license } = package;
    if deny.bans.deny.iter().any(|banned| banned.name == *name) {
        return Some(format!("{name} {version}: banned by deny.toml"));
    }
    match license {
        None => Some(format!("{name} {version}: states no licence")),
        Some(text) if !allowed(text, &deny.licenses.allow) => Some(format!("{name} {version}: licence {text}")),
        Some(_) => None,
    }
}

/// Whether an SPDX expression can be met with the allowed licences: AND binds closer than OR; `/` is an old OR.
fn allowed(expression: &str, allow: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "~WITH~");
    let mut words = spaced.split_whitespace().peekable();
    let met = any(&mut words, allow);
    met && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allow: &BTreeSet<String>) -> bool {
    let mut met = all(words, allow);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allow);
    }
    met
}

fn all(words: &mut Words<'_>, allow: &BTreeSet<String>) -> bool {
    let mut met = one(words, allow);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allow);
    }
    met
}

fn one(words: &mut Words<'_>, allow: &BTreeSet<String>) -> bool {
    match words.next() {
        Some("(") => {
            let met = any(words, allow);
            words.next_if_eq(&")").is_some() && met
        }
        Some(id) => allow.contains(&id.replace("~WITH~", " WITH ")),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn one_allowed_choice_is_enough() {
        assert!(allowed("GPL-3.0 OR MIT", &list(&["MIT"])));
        assert!(allowed("MIT/Apache-2.0", &list(&["Apache-2.0"])));
        assert!(!allowed("GPL-3.0 OR LGPL-3.0", &list(&["MIT"])));
    }

    #[test]
    fn every_licence_joined_by_and_must_be_allowed() {
        assert!(!allowed("MIT AND GPL-3.0", &list(&["MIT"])));
        assert!(allowed("(MIT OR GPL-3.0) AND ISC", &list(&["MIT", "ISC"])));
        assert!(!allowed("(MIT OR ISC) AND GPL-3.0", &list(&["MIT", "ISC"])));
    }

    #[test]
    fn an_exception_is_a_licence_of_its_own() {
        assert!(!allowed("Apache-2.0 WITH LLVM-exception", &list(&["Apache-2.0"])));
        assert!(allowed("Apache-2.0 WITH LLVM-exception", &list(&["Apache-2.0 WITH LLVM-exception"])));
    }
}
