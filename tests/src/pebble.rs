//! Pebble: the newest, which `cargo xtask peers` builds, and Debian's.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::process::{Process, built_peers, free_port, or_skip};
use crate::{http, tls};

/// Which Pebble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Knows profiles and renewal information; asks DNS over TCP.
    Newest,
    /// Debian's 2.4.0, which has neither.
    Debian,
}

impl Version {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Newest, Self::Debian];

    fn program(self) -> Option<PathBuf> {
        match self {
            Self::Newest => or_skip("the newest Pebble", Some(built_peers().join("pebble")).filter(|p| p.is_file())),
            // By its path: what PATH finds first may be another.
            Self::Debian => {
                or_skip("Debian's Pebble", Some("/usr/bin/pebble".into()).filter(|p: &PathBuf| p.is_file()))
            }
        }
    }
}

/// How a Pebble is to behave.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Percentage of good nonces that it refuses.
    pub refused_nonces: u8,
    /// Any member of the object "pebble" of its configuration.
    pub more: serde_json::Map<String, serde_json::Value>,
    /// How many other roots it has.
    pub alternate_roots: u8,
}

/// A running Pebble.
pub struct Pebble {
    process: Process,
    /// The profile to be named: without one the newest takes any at random.
    pub profile: Option<&'static str>,
    /// Its directory.
    pub directory: String,
    /// The file for `--ca-bundle`.
    pub ca_bundle: PathBuf,
    management: String,
    root_pem: String,
}

/// Starts a Pebble that asks `dns` alone.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn pebble(version: Version, dns: SocketAddr, options: &Options) -> Option<Pebble> {
    let program = version.program()?;
    let folder = tempfile::tempdir().expect("a folder");
    let pair = tls::localhost();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let (certificate, key) = (write("cert.pem", &pair.certificate), write("key.pem", &pair.key));
    let ca_bundle = write("root.pem", &pair.root);
    let (acme, management) = (free_port(), free_port());
    let mut configuration = json!({
        "listenAddress": format!("127.0.0.1:{acme}"), "managementListenAddress": format!("127.0.0.1:{management}"),
        "certificate": certificate, "privateKey": key, "httpPort": free_port(), "tlsPort": free_port(),
        "ocspResponderURL": "", "externalAccountBindingRequired": false, "retryAfter": {"authz": 1, "order": 1},
        "profiles": {"default": {"description": "90 days", "validityPeriod": 7_776_000},
                     "shortlived": {"description": "6 days", "validityPeriod": 518_400}},
    });
    configuration.as_object_mut().expect("an object").extend(options.more.clone());
    let file = write("pebble.json", &json!({"pebble": configuration}).to_string());
    let mut command = Command::new(program);
    command.arg("-config").arg(file).args(["-dnsserver", &dns.to_string()]);
    command.envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_AUTHZREUSE", "0")]);
    command.env("PEBBLE_WFE_NONCEREJECT", options.refused_nonces.to_string());
    command.env("PEBBLE_ALTERNATE_ROOTS", options.alternate_roots.to_string());
    let (directory, management) = (format!("https://localhost:{acme}/dir"), format!("https://localhost:{management}"));
    let mut process = Process::start(&format!("Pebble ({version:?})"), command, folder);
    process.await_ready(|| {
        http::is_up(&directory, None, Some(&pair.root))?;
        http::is_up(&format!("{management}/roots/0"), None, Some(&pair.root))
    });
    let profile = (version == Version::Newest).then_some("default");
    Some(Pebble { process, profile, directory, ca_bundle, management, root_pem: pair.root })
}

impl Pebble {
    /// The root above the certificates it issues, PEM.
    ///
    /// # Panics
    /// If it does not tell.
    pub fn issuing_root(&self) -> String {
        self.root(0)
    }

    /// One of the roots it has, PEM; those after the first are above its alternate chains.
    ///
    /// # Panics
    /// If it does not tell.
    pub fn root(&self, number: u8) -> String {
        let url = format!("{}/roots/{number}", self.management);
        http::send("GET", &url, None, None, Some(&self.root_pem)).expect("the root").1
    }

    /// Lets it suggest to renew a certificate within a window, both ends RFC 3339.
    ///
    /// # Panics
    /// If it does not take it.
    pub fn suggest(&self, certificate_pem: &str, start: &str, end: &str) {
        let window = json!({"suggestedWindow": {"start": start, "end": end}}).to_string();
        let body = json!({"certificate": certificate_pem, "ariResponse": window}).to_string();
        let url = format!("{}/set-renewal-info/", self.management);
        let reply = http::send("POST", &url, None, Some(body), Some(&self.root_pem)).expect("a reply");
        assert_eq!(reply.0, 200, "{}", reply.1);
    }

    /// How much of a processor it has had.
    pub fn cpu(&self) -> std::time::Duration {
        self.process.cpu()
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        self.process.log()
    }
}
