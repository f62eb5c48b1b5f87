//! What needs no network: a state folder with many certificates that are not due.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use acmite::store::StateDir;
use acmite::store::certificate::CertificateStore;

use crate::acmite::Acmite;

/// A state folder with as many certificates of 90 days, valid from today; none has a suggestion of its CA.
///
/// # Panics
/// If it cannot be written.
pub fn state_with(certificates: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let state = StateDir::open(&folder.path().join("state")).expect("a state folder");
    let (certificate, key) = certificate();
    let first = name(0);
    CertificateStore::new(&state, &first).store(&certificate, "", &key).expect("stored");
    std::fs::write(state.renewal(&first), renewal(&first)).expect("written");
    for number in 1..certificates {
        copy(&state, &first, &name(number));
    }
    folder
}

/// A command about such a folder.
pub fn command(line: &str, folder: &Path) -> Command {
    Acmite::new(line, &state(folder)).into_command()
}

/// What is within the folder.
pub fn state(folder: &Path) -> PathBuf {
    folder.join("state")
}

fn name(number: usize) -> String {
    format!("host{number}.example.test")
}

fn certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new([name(0)]).expect("parameters");
    params.not_before = std::time::SystemTime::now().into();
    params.not_after = (std::time::SystemTime::now() + VALIDITY).into();
    (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}

const VALIDITY: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3600);

/// Without waiting for the disk, which is not what is measured.
fn copy(state: &StateDir, from: &str, to: &str) {
    let (source, target) = (state.archive(from).join("1"), state.archive(to).join("1"));
    std::fs::create_dir_all(&target).expect("a folder");
    for entry in std::fs::read_dir(source).expect("a folder").flatten() {
        std::fs::copy(entry.path(), target.join(entry.file_name())).expect("copied");
    }
    for folder in [&target, &state.archive(to)] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).expect("changed");
    }
    symlink(format!("../archive/{to}/1"), state.live(to)).expect("a link");
    std::fs::write(state.renewal(to), renewal(to)).expect("written");
}

fn renewal(name: &str) -> String {
    format!(
        "version = 1\nnames = [{name:?}]\nserver = \"https://127.0.0.1:9/dir\"\nkey_type = \"p256\"\n\
         [challenge]\nmethods = [\"standalone\"]\n[challenge.dns]\nplugins = []\npropagation_check = \"all\"\n\
         propagation_timeout_seconds = 300\nttl = 60\n"
    )
}
