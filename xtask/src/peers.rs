//! The real servers that the tests run against.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::StepError;

struct Peer {
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
}

const PEERS: [Peer; 3] = [
    Peer { program: "named", package: "bind9", purpose: "DNS UPDATE with TSIG against BIND" },
    Peer { program: "knotd", package: "knot", purpose: "DNS UPDATE with TSIG against Knot" },
    Peer { program: "ip", package: "iproute2", purpose: "DNS on machines of other kinds, in network namespaces" },
];

/// Installs what is missing where that can be done, and prints what there is.
pub(crate) fn ensure() -> Result<(), StepError> {
    let missing: Vec<&Peer> = PEERS.iter().filter(|peer| find(peer.program).is_none()).collect();
    if !missing.is_empty() && can_install() {
        install(&missing.iter().map(|peer| peer.package).collect::<Vec<_>>());
    }
    let mut absent = Vec::new();
    for peer in &PEERS {
        match find(peer.program) {
            Some(path) => println!("peer {:<8} {}", peer.program, path.display()),
            None => {
                println!("peer {:<8} MISSING: no {}; install {}", peer.program, peer.purpose, peer.package);
                absent.push(peer.program);
            }
        }
    }
    if !absent.is_empty() && std::env::var("CI").as_deref() == Ok("true") {
        return Err(PeersError { programs: absent.join(", ") }.into());
    }
    Ok(())
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn can_install() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    root && find("apt-get").is_some()
}

/// Installs Debian packages without letting their services start.
fn install(packages: &[&str]) {
    let policy = Path::new("/usr/sbin/policy-rc.d");
    let ours = !policy.exists() && write_policy(policy);
    for arguments in [&["update"][..], &[&["install", "-y", "--no-install-recommends"], packages].concat()] {
        println!("==> apt-get {}", arguments.join(" "));
        let status = Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("warning: apt-get {} failed", arguments.join(" "));
        }
    }
    if ours && let Err(error) = std::fs::remove_file(policy) {
        eprintln!("warning: {} could not be removed again: {error}", policy.display());
    }
}

fn write_policy(policy: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(policy, "#!/bin/sh\nexit 101\n")
        .and_then(|()| std::fs::set_permissions(policy, std::fs::Permissions::from_mode(0o755)))
        .is_ok()
}

/// Peers that could not be had where CI demands them.
#[derive(Debug, thiserror::Error)]
#[error("CI=true and these peers are missing: {programs}; see the lines above for the packages")]
pub(crate) struct PeersError {
    programs: String,
}
