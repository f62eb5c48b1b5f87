//! BIND.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use crate::name_server::{NameServer, TSIG_SECRET, zone_text};
use crate::process::{free_port, peer};

/// BIND with the zone example.test, which the key "acmite" may update by `algorithm`; it logs each update, and takes as
/// many connections as the newest Pebble opens at once (three for each name).
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn bind(algorithm: &str) -> Option<NameServer> {
    let program = peer("named")?;
    let folder = tempfile::tempdir().expect("a folder");
    let (path, port) = (folder.path().display().to_string(), free_port());
    let configuration = format!(
        "key \"acmite\" {{ algorithm {algorithm}; secret \"{TSIG_SECRET}\"; }};\n\
         options {{ directory \"{path}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         pid-file none; session-keyfile none; recursion no; dnssec-validation no; allow-transfer {{ any; }};\n\
         notify no; tcp-clients 1000; tcp-listen-queue 500; }};\n\
         controls {{ }};\n\
         zone \"example.test\" {{ type primary; file \"zone\"; update-policy {{ grant acmite zonesub TXT; }}; }};\n"
    );
    std::fs::write(folder.path().join("zone"), zone_text(1, &["_acme-challenge IN TXT \"foreign\""])).expect("a zone");
    let file = folder.path().join("named.conf");
    std::fs::write(&file, configuration).expect("a configuration");
    let mut command = Command::new(program);
    command.arg("-g").arg("-c").arg(file).args(["-n", "1"]);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Some(NameServer::start("BIND", command, folder, address, "example.test"))
}
