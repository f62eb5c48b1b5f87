//! What is known of the machine, and which files are kept.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::{Value, json};

use super::super::setup::is_root;
use crate::plugin::bundled;

/// Versions and surroundings; of variables only which are set.
pub(super) fn system(state: &Path) -> Value {
    let uname = rustix::system::uname();
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let release = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let of_interest = |name: &str| name.starts_with("ACMITE_") || name.to_lowercase().ends_with("_proxy");
    let variables = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    json!({
        "acmite": env!("CARGO_PKG_VERSION"),
        "system": release.map(|text| text.trim_matches('"')),
        "kernel": uname.release().to_string_lossy(),
        "machine": uname.machine().to_string_lossy(),
        "root": is_root(),
        "systemd": Path::new("/run/systemd/system").exists(),
        "state_dir": state,
        "variables_set": variables.filter(|name| of_interest(name)).collect::<Vec<_>>(),
        "bundled_providers": bundled::BUNDLED.iter().map(|(id, _)| id).collect::<Vec<_>>(),
    })
}

/// A line for each file: mode, owner, size, time, path, and where a link leads.
pub(super) fn listing(state: &Path) -> String {
    let mut text = String::new();
    list(state, state, &mut text);
    text
}

fn list(root: &Path, folder: &Path, text: &mut String) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let _ = writeln!(text, "{}: {error}", folder.display());
            return;
        }
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let Ok(facts) = std::fs::symlink_metadata(&path) else { continue };
        let shown = path.strip_prefix(root).unwrap_or(&path).display();
        let leads = std::fs::read_link(&path).map(|target| format!(" -> {}", target.display())).unwrap_or_default();
        let (mode, uid, gid, size, time) = (facts.mode(), facts.uid(), facts.gid(), facts.size(), facts.mtime());
        let _ = writeln!(text, "{mode:07o} {uid}:{gid} {size:>9} {time} {shown}{leads}");
        if facts.is_dir() {
            list(root, &path, text);
        }
    }
}
