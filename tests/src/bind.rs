//! BIND.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use crate::name_server::{NameServer, TSIG_SECRET, zone_text};
use crate::process::{free_port, peer};

/// BIND with the zone example.test, which the key "acmite" may update by `algorithm`; it logs each update, and takes as
/// many connections as the newest Pebble opens at once (three for each name).
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn bind(algorithm: &str) -> Option<NameServer> {
    bind_zones(algorithm, &[("example.test".into(), vec!["_acme-challenge IN TXT \"foreign\"".into()])])
}

/// The same with other zones, each with lines of its own.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn bind_zones(algorithm: &str, zones: &[(String, Vec<String>)]) -> Option<NameServer> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let text = |lines| zone_text(1, &borrowed(lines));
    let zones: Vec<_> = zones.iter().map(|(zone, lines)| (zone.as_str(), text(lines), UPDATES_BY_KEY)).collect();
    start(address, &key(algorithm), &zones)
}

fn borrowed(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

/// [`bind`] that also counts what it is asked: with where it tells, an URL that gives JSON.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn bind_counting(algorithm: &str) -> Option<(NameServer, String)> {
    let port = free_port();
    let channel = format!("statistics-channels {{ inet 127.0.0.1 port {port} allow {{ 127.0.0.1; }}; }};\n");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let before = format!("{channel}{}", key(algorithm));
    let server = start(address, &before, &[("example.test", zone_text(1, &[]), UPDATES_BY_KEY)])?;
    Some((server, format!("http://127.0.0.1:{port}/json/v1/server")))
}

/// [`bind`] whose key may update just one name.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn bind_for_one_name(name: &str) -> Option<NameServer> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let rights = format!("update-policy {{ grant acmite name {name} TXT; }};");
    start(
        address,
        &key("hmac-sha256"),
        &[("example.test", zone_text(1, &["_acme-challenge IN TXT \"foreign\""]), &rights)],
    )
}

fn key(algorithm: &str) -> String {
    format!("key \"acmite\" {{ algorithm {algorithm}; secret \"{TSIG_SECRET}\"; }};\n")
}

const UPDATES_BY_KEY: &str = "update-policy { grant acmite zonesub TXT; };";

/// `before` is what stands above the options.
fn start(address: SocketAddr, before: &str, zones: &[(&str, String, &str)]) -> Option<NameServer> {
    let program = peer("named")?;
    let folder = tempfile::tempdir().expect("a folder");
    let (path, ip, port) = (folder.path().display().to_string(), address.ip(), address.port());
    let mut configuration = format!(
        "{before}options {{ directory \"{path}\"; listen-on port {port} {{ {ip}; }}; listen-on-v6 {{ none; }};\n\
         pid-file none; session-keyfile none; recursion no; dnssec-validation no; allow-transfer {{ any; }};\n\
         notify no; tcp-clients 1000; tcp-listen-queue 500; }};\ncontrols {{ }};\n"
    );
    for (zone, text, rights) in zones {
        std::fs::write(folder.path().join(zone), text).expect("a zone");
        configuration.push_str(&format!("zone \"{zone}\" {{ type primary; file \"{zone}\"; {rights} }};\n"));
    }
    let file = folder.path().join("named.conf");
    std::fs::write(&file, configuration).expect("a configuration");
    let mut command = Command::new(program);
    command.arg("-g").arg("-c").arg(file).args(["-n", "1"]);
    Some(NameServer::start("BIND", command, folder, address, zones[0].0))
}

/// BIND with a zone example.test that it signs, and the trust anchor for it.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn bind_signed(algorithm: &str) -> Option<(NameServer, String)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let rights = format!("{UPDATES_BY_KEY} dnssec-policy default; inline-signing no;");
    let mut server = start(address, &key(algorithm), &[("example.test", zone_text(1, &[]), &rights)])?;
    let folder = server.folder().to_owned();
    let mut anchor = Err("nothing yet".to_owned());
    server.await_until(|| {
        anchor = signing_key(&folder);
        anchor.clone().map(|_| ())
    });
    Some((server, anchor.expect("it was waited for")))
}

/// The public part of the key that BIND makes for a zone some time after it has loaded it.
fn signing_key(folder: &Path) -> Result<String, String> {
    let shown = |error: std::io::Error| error.to_string();
    let files = std::fs::read_dir(folder).map_err(shown)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut keys = files.filter(|file| file.extension().is_some_and(|extension| extension == "key"));
    let text = std::fs::read_to_string(keys.next().ok_or("no key")?).map_err(shown)?;
    text.lines().find(|line| line.contains(" DNSKEY ")).map(str::to_owned).ok_or_else(|| "no record".to_owned())
}

/// BIND as a resolver at `address`, port 53, that finds everything below `domain` at `authority`.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn bind_resolver(address: &str, domain: &str, authority: &str) -> Option<NameServer> {
    resolver(address, domain, authority, "dnssec-validation no; };")
}

/// The same, which expects a signature of `domain` that nobody can make.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn bind_distrusting(address: &str, domain: &str, authority: &str) -> Option<NameServer> {
    let digest = "A5".repeat(32);
    let anchor =
        format!("dnssec-validation yes; }};\ntrust-anchors {{ \"{domain}\" static-ds 12345 13 2 \"{digest}\"; }};");
    resolver(address, domain, authority, &anchor)
}

fn resolver(address: &str, domain: &str, authority: &str, validation: &str) -> Option<NameServer> {
    let program = peer("named")?;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let configuration = format!(
        "options {{ directory \"{path}\"; listen-on {{ {address}; }}; listen-on-v6 {{ none; }}; pid-file none;\n\
         session-keyfile none; recursion yes; allow-recursion {{ any; }}; {validation}\n\
         controls {{ }};\n\
         zone \"{domain}\" {{ type static-stub; server-addresses {{ {authority}; }}; }};\n"
    );
    let file = folder.path().join("named.conf");
    std::fs::write(&file, configuration).expect("a configuration");
    let mut command = Command::new(program);
    command.arg("-g").arg("-c").arg(file).args(["-n", "1"]);
    let address = SocketAddr::new(address.parse().expect("an address"), 53);
    let ready = || std::net::TcpStream::connect(address).map(|_| ()).map_err(|error| error.to_string());
    Some(NameServer::start_when("BIND as a resolver", command, folder, address, ready))
}
