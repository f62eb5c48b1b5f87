//! The real servers that the tests run against: how each is had, and whether it is there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::python;
use crate::steps::StepError;

struct Peer {
    name: &'static str,
    source: Source,
    purpose: &'static str,
}

/// How a peer is had.
enum Source {
    /// A Debian package, and a file by which it is known to be there: a program looked for, or a whole path.
    Debian { package: &'static str, file: &'static str },
    /// A Go program of the peer's name, installed into [`go_folder`], so that no other on the PATH is taken for it.
    Go { module: &'static str, version: &'static str },
    /// A Go program of our own, in the folder of the peer's name below tests/peers, built each time: Go sees what changed.
    OwnGo,
}

const fn debian(name: &'static str, package: &'static str, file: &'static str, purpose: &'static str) -> Peer {
    Peer { name, source: Source::Debian { package, file }, purpose }
}

const fn go(name: &'static str, module: &'static str, version: &'static str, purpose: &'static str) -> Peer {
    Peer { name, source: Source::Go { module, version }, purpose }
}

const PEERS: &[Peer] = &[
    debian("bind", "bind9", "named", "DNS UPDATE with TSIG, and a name server that stays behind"),
    debian("unbound", "unbound", "unbound", "a resolver that validates DNSSEC"),
    debian("knot", "knot", "knotd", "DNS UPDATE with TSIG"),
    debian("powerdns", "pdns-server", "pdns_server", "a provider with an API"),
    debian("powerdns-sqlite", "pdns-backend-sqlite3", POWERDNS_SCHEMA, "PowerDNS's database"),
    debian("sqlite", "sqlite3", "sqlite3", "PowerDNS's database"),
    debian("pebble-debian", "pebble", "/usr/bin/pebble", "a CA without profiles and renewal information"),
    debian("openssl", "openssl", "openssl", "verifying what was issued"),
    debian("nginx", "nginx", "nginx", "a web server that is to show the new certificate"),
    debian("apache", "apache2", "apache2", "another one"),
    debian("systemd-analyze", "systemd", "systemd-analyze", "verifying the units"),
    debian("ip", "iproute2", "ip", "network namespaces"),
    debian("strace", "strace", "strace", "seeing what a run opens and contacts"),
    debian("certbot", "certbot", "certbot", "a client to move in from"),
    debian("certbot-rfc2136", "python3-certbot-dns-rfc2136", CERTBOT_RFC2136, "certbot's updates"),
    debian("lego", "lego", "lego", "a client to move in from"),
    debian("dehydrated", "dehydrated", "dehydrated", "a client whose hook acmite is"),
    debian("faketime", "faketime", "faketime", "clocks that jump"),
    go(
        "pebble",
        "github.com/letsencrypt/pebble/v2/cmd/pebble",
        "v2.10.1",
        "a CA with profiles and renewal information",
    ),
    go("step-ca", "github.com/smallstep/certificates/cmd/step-ca", "v0.30.2", "a private CA, as many run it"),
    Peer { name: "step-ca-eab", source: Source::OwnGo, purpose: "external account keys for step-ca" },
];

const CERTBOT_RFC2136: &str = "/usr/lib/python3/dist-packages/certbot_dns_rfc2136/__init__.py";
const POWERDNS_SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

/// Installs what is missing where that can be done, and prints what there is.
pub(crate) fn ensure() -> Result<(), StepError> {
    install_debian();
    install_go();
    let mut absent = Vec::new();
    for peer in PEERS {
        match peer.path() {
            Some(path) => println!("peer {:<16} {}  ({})", peer.name, path.display(), peer.version_of(&path)),
            None => {
                println!("peer {:<16} MISSING ({}); {}", peer.name, peer.purpose, peer.remedy());
                absent.push(peer.name.to_owned());
            }
        }
    }
    absent.extend(python::ensure());
    if !absent.is_empty() && std::env::var("CI").as_deref() == Ok("true") {
        return Err(PeersError { programs: absent.join(", ") }.into());
    }
    Ok(())
}

impl Peer {
    fn path(&self) -> Option<PathBuf> {
        match self.source {
            Source::Debian { file, .. } if file.starts_with('/') => Some(PathBuf::from(file)).filter(|p| p.is_file()),
            Source::Debian { file, .. } => find(file),
            Source::Go { .. } | Source::OwnGo => Some(go_folder().join(self.name)).filter(|path| path.is_file()),
        }
    }

    /// What is missing and how it can be had by hand.
    fn remedy(&self) -> String {
        match self.source {
            Source::Debian { package, .. } => format!("run as root: apt-get install {package}"),
            Source::Go { module, version, .. } => {
                let folder = go_folder();
                format!("with Go 1.25 or newer run: GOBIN={} go install {module}@{version}", folder.display())
            }
            Source::OwnGo => format!("install Go 1.25 or newer; it is built from {}", self.own_folder().display()),
        }
    }

    /// What its package or its build says.
    fn version_of(&self, path: &Path) -> String {
        let found = match self.source {
            Source::Debian { package, .. } => package_version(package),
            Source::Go { .. } => built_version(path),
            Source::OwnGo => Some("built from tests/peers".to_owned()),
        };
        found.unwrap_or_else(|| "of unknown version".to_owned())
    }

    /// Where a program of our own has its source.
    fn own_folder(&self) -> PathBuf {
        repository().join("tests/peers").join(self.name)
    }

    /// What makes it anew; `None` for what Go does not make, and for what is there already.
    fn go_command(&self) -> Option<Command> {
        let mut command = Command::new("go");
        match self.source {
            Source::Debian { .. } => return None,
            Source::Go { .. } if self.path().is_some() && !self.is_stale() => return None,
            Source::Go { module, version } => command.arg("install").arg(format!("{module}@{version}")),
            Source::OwnGo => {
                command.args(["build", "-buildvcs=false", "-o"]).arg(go_folder()).current_dir(self.own_folder())
            }
        };
        command.envs([("GOTOOLCHAIN", "local"), ("CGO_ENABLED", "0")]).env("GOBIN", go_folder());
        Some(command)
    }

    /// Whether it is a Go program of another version than the one that is wanted.
    fn is_stale(&self) -> bool {
        match (&self.source, self.path()) {
            (Source::Go { version, .. }, Some(path)) => built_version(&path).is_some_and(|built| built != *version),
            _ => false,
        }
    }
}

/// Where Go programs are: in the project's own target folder.
fn go_folder() -> PathBuf {
    repository().join("target/peers/bin")
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the repository")
}

/// The module version that Go wrote into a program, from the line `mod PATH VERSION HASH`.
fn built_version(path: &Path) -> Option<String> {
    let output = Command::new("go").arg("version").arg("-m").arg(path).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let module = text.lines().find_map(|line| line.trim().strip_prefix("mod\t"))?;
    module.split('\t').nth(1).map(str::to_owned)
}

fn package_version(package: &str) -> Option<String> {
    let output = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Installs the Debian packages that are missing, without letting their services start.
fn install_debian() {
    let missing = PEERS.iter().filter(|peer| peer.path().is_none()).filter_map(|peer| match peer.source {
        Source::Debian { package, .. } => Some(package),
        Source::Go { .. } | Source::OwnGo => None,
    });
    install_packages(&missing.collect::<Vec<&str>>());
}

/// The same for any; nothing without the right to do it.
pub(crate) fn install_packages(packages: &[&str]) {
    if packages.is_empty() || !can_install() {
        return;
    }
    let policy = Path::new("/usr/sbin/policy-rc.d");
    let ours = !policy.exists() && write_policy(policy);
    for arguments in [&["update"][..], &[&["install", "-y", "--no-install-recommends"][..], packages].concat()] {
        run("apt-get", Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    }
    if ours && let Err(error) = std::fs::remove_file(policy) {
        eprintln!("warning: {} could not be removed again: {error}", policy.display());
    }
}

fn can_install() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    root && find("apt-get").is_some()
}

fn write_policy(policy: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(policy, "#!/bin/sh\nexit 101\n")
        .and_then(|()| std::fs::set_permissions(policy, std::fs::Permissions::from_mode(0o755)))
        .is_ok()
}

/// Builds the Go programs that are missing or of another version, by the Go that is there and without C libraries.
fn install_go() {
    let has_go = find("go").is_some();
    if !has_go {
        println!("what Go makes is left out: no go program; Debian's golang is too old for it");
    }
    for mut command in PEERS.iter().filter(|_| has_go).filter_map(Peer::go_command) {
        run("go", &mut command);
    }
}

/// Runs it with a word before and after, and one about a failure.
pub(crate) fn run(name: &str, command: &mut Command) {
    let arguments: Vec<String> = command.get_args().map(|one| one.to_string_lossy().into_owned()).collect();
    let line = format!("{name} {}", arguments.join(" "));
    println!("==> {line}");
    let started = Instant::now();
    if !command.status().is_ok_and(|status| status.success()) {
        eprintln!("warning: {line} failed");
    }
    println!("<== {name}: {} s", started.elapsed().as_secs());
}

/// Peers that could not be had where CI demands them.
#[derive(Debug, thiserror::Error)]
#[error("CI=true and these peers are missing: {programs}; the lines above say how to get them")]
pub(crate) struct PeersError {
    programs: String,
}
