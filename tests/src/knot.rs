//! Knot, a real name server that takes DNS UPDATE.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

use crate::bind::bind_zones;
use crate::name_server::{NameServer, TSIG_SECRET, zone_text};
use crate::process::{free_port, peer};

/// Knot with the zone example.test, which the key "acmite" may update by `algorithm`.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn knot(algorithm: &str) -> Option<NameServer> {
    knot_zones(algorithm, &[("example.test".into(), vec!["_acme-challenge IN TXT \"foreign\"".into()])])
}

/// The same with other zones, each with lines of its own.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn knot_zones(algorithm: &str, zones: &[(String, Vec<String>)]) -> Option<NameServer> {
    let zones: Vec<_> = zones
        .iter()
        .map(|(zone, lines)| {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            (zone.as_str(), zone_text(1, &lines))
        })
        .collect();
    start(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())), algorithm, &zones)
}

/// Knot at 127.0.0.2 as the second server of the zone example.test, whose first one is `primary`; it knows no way to it,
/// and so never shows what is published there.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn laggard(primary: &NameServer) -> Option<NameServer> {
    let address = SocketAddr::new(IpAddr::from([127, 0, 0, 2]), primary.address.port());
    start(address, "hmac-sha256", &[("example.test", zone_text(2, &[]))])
}

/// A BIND and a [`laggard`] for example.test: what is published is waited for in vain.
///
/// # Panics
/// If one cannot be started; under CI=true also if one is not there.
pub fn bind_with_laggard() -> Option<(NameServer, NameServer)> {
    let lines = ["@ IN NS ns2", "ns2 IN A 127.0.0.2", "_acme-challenge IN TXT \"foreign\""].map(str::to_owned);
    let server = bind_zones("hmac-sha256", &[("example.test".to_owned(), lines.to_vec())])?;
    let laggard = laggard(&server)?;
    Some((server, laggard))
}

fn start(address: SocketAddr, algorithm: &str, zones: &[(&str, String)]) -> Option<NameServer> {
    let program = peer("knotd")?;
    let folder = tempfile::tempdir().expect("a folder");
    let (path, ip, port) = (folder.path().display().to_string(), address.ip(), address.port());
    let mut configuration = format!(
        "server:\n  rundir: {path}\n  listen: {ip}@{port}\n\
         log:\n  - target: stderr\n    any: info\n\
         key:\n  - id: acmite\n    algorithm: {algorithm}\n    secret: {TSIG_SECRET}\n\
         acl:\n  - id: update\n    key: acmite\n    action: update\n\
         \x20 - id: transfer\n    address: 127.0.0.0/8\n    action: transfer\n\
         database:\n  storage: {path}/db\n\
         zone:\n"
    );
    std::fs::create_dir(folder.path().join("db")).expect("a folder");
    for (zone, text) in zones {
        std::fs::write(folder.path().join(zone), text).expect("a zone");
        configuration.push_str(&format!(
            "  - domain: {zone}\n    storage: {path}\n    file: {zone}\n    acl: [update, transfer]\n"
        ));
    }
    std::fs::write(folder.path().join("knot.conf"), configuration).expect("a configuration");
    let mut command = Command::new(program);
    command.arg("-c").arg(folder.path().join("knot.conf"));
    Some(NameServer::start("Knot", command, folder, address, zones[0].0))
}
