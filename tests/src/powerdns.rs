//! PowerDNS Authoritative Server with its API, on SQLite.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::http;
use crate::name_server::NameServer;
use crate::process::{find, free_port, peer, wait_until};

/// A running PowerDNS.
pub struct PowerDns {
    /// Its DNS side.
    pub server: NameServer,
    /// Where its API is, without final slash.
    pub api_url: String,
    /// What its API wants to be told.
    pub api_key: String,
}

/// The schema that Debian's package brings.
const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

/// PowerDNS with an empty database.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn powerdns() -> Option<PowerDns> {
    let program = peer("pdns_server")?;
    crate::process::or_skip("pdns-backend-sqlite3", Path::new(SCHEMA).is_file().then(|| SCHEMA.into()))?;
    peer("sqlite3")?;
    let folder = tempfile::tempdir().expect("a folder");
    make_database(folder.path());
    // With characters that look different in each encoding.
    let (dns, api, api_key) = (free_port(), free_port(), format!("key/of+tests={}~", std::process::id()));
    let more = format!(
        "webserver=yes\nwebserver-address=127.0.0.1\nwebserver-port={api}\nwebserver-loglevel=normal\n\
         api=yes\napi-key={api_key}\nallow-axfr-ips=127.0.0.0/8\n"
    );
    // Without a zone it answers no question, so its API is what tells that it is ready.
    let api_url = format!("http://127.0.0.1:{api}");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, dns));
    let command = command(&program, folder.path(), &folder.path().join("db"), address, &more);
    let server = NameServer::start_when("PowerDNS", command, folder, address, || {
        http::is_up(&format!("{api_url}/api/v1/servers"), Some(("x-api-key", &api_key)), None)
    });
    Some(PowerDns { server, api_url, api_key })
}

fn make_database(folder: &Path) {
    let database = folder.join("db");
    let schema = std::fs::File::open(SCHEMA).expect("the schema");
    let sqlite = find("sqlite3").expect("it was looked for");
    let status = Command::new(sqlite).arg(&database).stdin(schema).status().expect("sqlite3 that starts");
    assert!(status.success(), "sqlite3: {status}");
}

/// No cache, so that what the database holds is what is answered; no sync, as no test cuts the power.
fn command(program: &Path, folder: &Path, database: &Path, address: SocketAddr, more: &str) -> Command {
    let (path, database, ip, port) = (folder.display(), database.display(), address.ip(), address.port());
    let text = format!(
        "launch=gsqlite3\ngsqlite3-database={database}\ngsqlite3-pragma-synchronous=0\n\
         local-address={ip}\nlocal-port={port}\nsocket-dir={path}\n\
         cache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\n\
         daemon=no\nguardian=no\ndisable-syslog=yes\nloglevel=6\nreceiver-threads=1\ndistributor-threads=2\n\
         max-tcp-connections=1000\n{more}"
    );
    std::fs::write(folder.join("pdns.conf"), text).expect("written");
    let mut command = Command::new(program);
    command.arg(format!("--config-dir={path}"));
    command
}

impl PowerDns {
    /// Makes a zone through the API, with as many name servers at `127.0.0.N`, and sets of records: name, type,
    /// contents as in a zone file.
    ///
    /// # Panics
    /// If it is not taken.
    pub fn add_zone(&self, zone: &str, servers: u8, sets: &[(&str, &str, &[&str])]) {
        let names: Vec<String> = (1..=servers).map(|number| format!("ns{number}.{zone}.")).collect();
        let glue =
            (1..=servers).map(|number| set(&names[usize::from(number) - 1], "A", &[&format!("127.0.0.{number}")]));
        let sets: Vec<Value> =
            glue.chain(sets.iter().map(|(name, kind, contents)| set(name, kind, contents))).collect();
        let body = json!({"name": format!("{zone}."), "kind": "Native", "nameservers": names, "rrsets": sets});
        let (status, reply) = self.call("POST", "/api/v1/servers/localhost/zones", Some(&body));
        assert_eq!(status, 201, "{reply}");
        wait_until("the zone", std::time::Duration::from_secs(10), || self.server.txt(zone).is_ok());
    }

    /// A second server at 127.0.0.2 that answers out of the same database.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn twin(&self, zone: &str) -> NameServer {
        let folder = tempfile::tempdir().expect("a folder");
        let program = find("pdns_server").expect("it was found before");
        let address = SocketAddr::from(([127, 0, 0, 2], self.server.address.port()));
        let command = command(&program, folder.path(), &self.server.folder().join("db"), address, "");
        NameServer::start("the second PowerDNS", command, folder, address, zone)
    }

    /// A request to the API: status and body.
    ///
    /// # Panics
    /// If there is no reply.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        let url = format!("{}{path}", self.api_url);
        http::send(method, &url, Some(("x-api-key", &self.api_key)), body.map(Value::to_string), None).expect("a reply")
    }
}

fn set(name: &str, kind: &str, contents: &[&str]) -> Value {
    let records: Vec<Value> = contents.iter().map(|content| json!({"content": content, "disabled": false})).collect();
    let name = format!("{}.", name.trim_end_matches('.'));
    json!({"name": name, "type": kind, "ttl": 60, "changetype": "REPLACE", "records": records})
}
