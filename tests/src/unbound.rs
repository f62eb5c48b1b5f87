//! Unbound, a resolver that validates DNSSEC.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use crate::name_server::{NameServer, is_validated};
use crate::process::peer;

/// Unbound at 127.0.0.2 and the port of `authority`, which it asks about example.test; it checks signatures by `anchor`,
/// a DNSKEY record. It is ready when they hold.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn unbound(authority: &NameServer, anchor: &str) -> Option<NameServer> {
    let program = peer("unbound")?;
    let folder = tempfile::tempdir().expect("a folder");
    let (path, ip, port) = (folder.path().display(), authority.address.ip(), authority.address.port());
    let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), port));
    let configuration = format!(
        "server:\n interface: {address_ip}@{port}\n directory: \"{path}\"\n chroot: \"\"\n username: \"\"\n\
         pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n verbosity: 1\n num-threads: 1\n\
         do-not-query-localhost: no\n local-zone: \"test.\" nodefault\n trust-anchor: \"{anchor}\"\n\
         remote-control:\n control-enable: no\n\
         stub-zone:\n name: \"example.test.\"\n stub-addr: {ip}@{port}\n",
        address_ip = address.ip(),
    );
    let file = folder.path().join("unbound.conf");
    std::fs::write(&file, configuration).expect("a configuration");
    let mut command = Command::new(program);
    command.arg("-d").arg("-c").arg(file);
    let ready = || match is_validated(address, "example.test") {
        Ok(true) => Ok(()),
        Ok(false) => Err("no signatures that hold yet".into()),
        Err(error) => Err(error.to_string()),
    };
    Some(NameServer::start_when("Unbound", command, folder, address, ready))
}
