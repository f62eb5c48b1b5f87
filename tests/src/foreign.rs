//! Other ACME clients, run as their users run them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::acmite::program;
use crate::pebble::Pebble;
use crate::process::peer;
use crate::scene::Scene;

/// What a client said; it has ended well.
///
/// # Panics
/// If it cannot be started or fails.
#[track_caller]
pub fn said(command: &mut Command) -> String {
    let output = command.output().expect("a client that starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}");
    said
}

/// certbot with all its folders below one and a Pebble as its CA.
pub fn certbot(words: &[&str], folder: &Path, ca: &Pebble) -> Option<Command> {
    let mut command = Command::new(peer("certbot")?);
    let dirs = ["config", "work", "logs"].map(|kind| format!("--{kind}-dir={}", folder.join(kind).display()));
    command.args(words).args(dirs).args(["--non-interactive", "--server", &ca.directory]);
    command.env("REQUESTS_CA_BUNDLE", &ca.ca_bundle);
    Some(command)
}

/// lego with its folder and a Pebble as its CA; `words` stand before `run`.
pub fn lego(words: &[&str], folder: &Path, ca: &Pebble) -> Option<Command> {
    let mut command = Command::new(peer("lego")?);
    command.arg("--path").arg(folder).args(["--server", &ca.directory, "--email", "a@example.test", "--accept-tos"]);
    command.args(words).arg("run").env("LEGO_CA_CERTIFICATES", &ca.ca_bundle);
    Some(command)
}

/// A program that calls `acmite hook` with a scene's provider.
///
/// # Panics
/// If it cannot be written.
pub fn hook(scene: &Scene, plugin: &str, resolver: &str) -> PathBuf {
    let path = scene.folder().join("hook");
    let (program, state, credentials) = (program(), scene.state(), scene.credentials());
    let text = format!(
        "#!/bin/sh\nexec {} hook --state-dir {} --dns-plugin {plugin} --credentials {} --dns-resolver {resolver} \"$@\"\n",
        program.display(),
        state.display(),
        credentials.display()
    );
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("changed");
    path
}
