//! step-ca, with a provisioner for ACME.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;

use crate::process::{Process, built_peers, free_port, or_skip};
use crate::{http, tls};

/// A running step-ca.
pub struct StepCa {
    _process: Process,
    /// Its directory.
    pub directory: String,
    /// The file for `--ca-bundle`; its own server certificate and those it issues are below the same root.
    pub ca_bundle: PathBuf,
    /// What stands in that file.
    pub root_pem: String,
    /// Where it comes for http-01.
    pub http_port: u16,
    /// Where it comes for tls-alpn-01.
    pub tls_port: u16,
}

/// An external account key: its id, and its MAC key as bytes.
#[derive(Clone, Copy, Debug)]
pub struct ExternalKey<'a> {
    /// What the CA calls it.
    pub id: &'a str,
    /// At least 32 bytes, as step-ca takes no shorter key for HS256.
    pub mac: &'a str,
}

/// Starts a step-ca that asks `dns` alone.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn step_ca(dns: SocketAddr) -> Option<StepCa> {
    start(dns, None)
}

/// The same with an ACME provisioner that demands a binding (`requireEAB`), and one key for it in its database: the
/// administration that would make keys is in the hosted edition alone.
///
/// # Panics
/// If it cannot be started; under CI=true also if it or `step-ca-eab` is not there.
pub fn step_ca_that_binds(dns: SocketAddr, key: ExternalKey<'_>) -> Option<StepCa> {
    start(dns, Some(key))
}

fn built(name: &str) -> Option<PathBuf> {
    or_skip(name, Some(built_peers().join(name)).filter(|program| program.is_file()))
}

fn put_key(database: &Path, key: ExternalKey<'_>) -> Option<()> {
    let status = Command::new(built("step-ca-eab")?).arg(database).args([key.id, key.mac]).status();
    assert!(status.is_ok_and(|status| status.success()), "step-ca-eab");
    Some(())
}

fn start(dns: SocketAddr, key: Option<ExternalKey<'_>>) -> Option<StepCa> {
    let program = built("step-ca")?;
    let folder = tempfile::tempdir().expect("a folder");
    let root = tls::root("acmite tests");
    let mut params = tls::authority("acmite tests intermediate");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let intermediate =
        CertifiedIssuer::signed_by(params, KeyPair::generate().expect("a key"), &root).expect("an authority");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let port = free_port();
    let database = folder.path().join("db");
    if let Some(key) = key {
        put_key(&database, key)?;
    }
    let provisioner = json!({
        "type": "ACME", "name": "acme", "challenges": ["dns-01", "http-01", "tls-alpn-01"], "requireEAB": key.is_some(),
    });
    let configuration = json!({
        "root": write("root.pem", &root.pem()), "crt": write("ca.pem", &intermediate.pem()),
        "key": write("ca.key", &intermediate.key().serialize_pem()),
        "address": format!("127.0.0.1:{port}"), "dnsNames": ["localhost", "127.0.0.1"],
        "db": {"type": "bbolt", "dataSource": database},
        "authority": {"provisioners": [provisioner]},
        "logger": {"format": "text"},
    });
    let file = write("ca.json", &configuration.to_string());
    let mut command = Command::new(program);
    let (http_port, tls_port) = (free_port(), free_port());
    command.arg(file).args(["--resolver", &dns.to_string(), "--insecure"]).env("STEPPATH", folder.path());
    command.args(["--acme-http-port", &http_port.to_string(), "--acme-tls-port", &tls_port.to_string()]);
    let (ca_bundle, root_pem) = (folder.path().join("root.pem"), root.pem());
    let mut process = Process::start("step-ca", command, folder);
    let directory = format!("https://localhost:{port}/acme/acme/directory");
    process.await_ready(|| http::is_up(&directory, None, Some(&root_pem)));
    Some(StepCa { _process: process, directory, ca_bundle, root_pem, http_port, tls_port })
}
