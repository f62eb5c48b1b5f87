//! Implementations that are not ours as judges of what a provider has sent: the scripts in `oracles/`, run by the Python
//! of `cargo xtask peers`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::conformance::exchange::Exchange;
use crate::plugins::repository;
use crate::process::{or_skip, wait_or_kill};

/// What an oracle finds.
#[derive(Debug, Deserialize)]
pub struct Verdict {
    /// How often each of its checks held.
    pub checked: BTreeMap<String, usize>,
    /// What did not, a line each, after the check's name.
    pub faults: Vec<String>,
}

impl Verdict {
    /// How often a check held; 0 if it was not made.
    pub fn held(&self, check: &str) -> usize {
        self.checked.get(check).copied().unwrap_or_default()
    }

    /// Whether a check failed on what it found to be wrong, and for this reason.
    pub fn faults_of(&self, check: &str, reason: &str) -> usize {
        let is_it = |fault: &&String| fault.starts_with(&format!("{check}: ")) && fault.contains(reason);
        self.faults.iter().filter(is_it).count()
    }
}

/// A program of the environment, or `None` with a word about it.
///
/// # Panics
/// Under CI=true if it is not there.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = repository().join("target/peers/python/bin").join(name);
    or_skip(
        &format!("{name} with the packages of tests/oracles/requirements.txt"),
        Some(path).filter(|path| path.is_file()),
    )
}

/// Has a provider's oracle look at what it has sent; `facts` are credentials and the like.
///
/// # Panics
/// If the oracle does not do its work, and under CI=true if it is not there.
pub fn judge(plugin: &str, exchanges: &[Exchange], facts: &Value) -> Option<Verdict> {
    let python = program("python")?;
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let given = json!({"exchanges": exchanges, "facts": facts});
    std::fs::write(file("given"), given.to_string()).expect("a file");
    let create = |name: &str| File::create(file(name)).expect("a file");
    let mut child = Command::new(python)
        .args(["-E", "-s", "-B"])
        .arg(repository().join(format!("tests/oracles/{plugin}_oracle.py")))
        .stdin(Stdio::from(File::open(file("given")).expect("a file")))
        .stdout(create("verdict"))
        .stderr(create("errors"))
        .spawn()
        .expect("Python");
    let status = wait_or_kill(&mut child, PATIENCE);
    let said = std::fs::read_to_string(file("errors")).unwrap_or_default();
    assert!(status.is_some_and(|status| status.success()), "the oracle of {plugin}: {status:?}\n{said}");
    let verdict = std::fs::read_to_string(file("verdict")).expect("a verdict");
    Some(serde_json::from_str(&verdict).expect("a verdict"))
}

const PATIENCE: Duration = Duration::from_secs(120);
