//! A name server's process, ended with its test.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use std::io::{Read, Write};

/// A TSIG secret for tests, base64 of 32 bytes.
pub const TSIG_SECRET: &str = "dGVzdC1vbmx5LXRzaWcta2V5LW9mLTMyLWJ5dGVzISE=";

/// A running server with its folder.
pub struct Server {
    child: Child,
    folder: tempfile::TempDir,
    /// Where it answers DNS.
    pub address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that has ended already is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            #[expect(clippy::print_stderr, reason = "a failing test shows its server's log")]
            {
                eprintln!("--- the server's log ---\n{log}");
            }
        }
    }
}

/// Where a program is, also in the folders of daemons.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// BIND with the zone example.test, which the key "acmite" may update by `algorithm`.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn bind(algorithm: &str) -> Option<Server> {
    let program = peer("named")?;
    let (folder, port) = (zone_folder(), free_port());
    let path = folder.path().display().to_string();
    let configuration = format!(
        "key \"acmite\" {{ algorithm {algorithm}; secret \"{TSIG_SECRET}\"; }};\n\
         options {{ directory \"{path}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         pid-file none; session-keyfile none; recursion no; dnssec-validation no; }};\n\
         controls {{ }};\n\
         zone \"example.test\" {{ type primary; file \"zone\"; update-policy {{ grant acmite zonesub TXT; }}; }};\n"
    );
    std::fs::write(folder.path().join("named.conf"), configuration).expect("a configuration");
    let file = folder.path().join("named.conf");
    let mut command = Command::new(program);
    command.arg("-g").arg("-c").arg(file).args(["-n", "1"]);
    Some(start(command, folder, port))
}

/// BIND as a resolver at `address`, port 53, that finds everything below `domain` at `authority`.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn bind_resolver(address: &str, domain: &str, authority: &str) -> Option<Server> {
    let program = peer("named")?;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let configuration = format!(
        "options {{ directory \"{path}\"; listen-on {{ {address}; }}; listen-on-v6 {{ none; }}; pid-file none;\n\
         session-keyfile none; recursion yes; allow-recursion {{ any; }}; dnssec-validation no; }};\n\
         controls {{ }};\n\
         zone \"{domain}\" {{ type static-stub; server-addresses {{ {authority}; }}; }};\n"
    );
    let file = folder.path().join("named.conf");
    std::fs::write(&file, configuration).expect("a configuration");
    let mut command = Command::new(program);
    command.arg("-g").arg("-c").arg(file).args(["-n", "1"]);
    let address = SocketAddr::new(address.parse().expect("an address"), 53);
    Some(spawn(command, folder, address, |server| std::net::TcpStream::connect(server.address).is_ok()))
}

/// Knot with the same zone and key.
///
/// # Panics
/// If it cannot be started; under CI=true also if it is not there.
pub fn knot(algorithm: &str) -> Option<Server> {
    let program = peer("knotd")?;
    let (folder, port) = (zone_folder(), free_port());
    let path = folder.path().display().to_string();
    let configuration = format!(
        "server:\n  rundir: {path}\n  listen: 127.0.0.1@{port}\n\
         log:\n  - target: stderr\n    any: info\n\
         key:\n  - id: acmite\n    algorithm: {algorithm}\n    secret: {TSIG_SECRET}\n\
         acl:\n  - id: update\n    key: acmite\n    action: update\n\
         database:\n  storage: {path}/db\n\
         zone:\n  - domain: example.test\n    storage: {path}\n    file: zone\n    acl: update\n"
    );
    std::fs::create_dir(folder.path().join("db")).expect("a folder");
    std::fs::write(folder.path().join("knot.conf"), configuration).expect("a configuration");
    let mut command = Command::new(program);
    command.arg("-c").arg(folder.path().join("knot.conf"));
    Some(start(command, folder, port))
}

fn peer(program: &str) -> Option<PathBuf> {
    let found = find(program);
    if found.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{program} is missing; run cargo xtask peers");
        #[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
        {
            eprintln!("SKIPPED: {program} is missing; run cargo xtask peers");
        }
    }
    found
}

fn zone_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let zone = "$TTL 60\n@ IN SOA ns1 hostmaster 1 3600 600 86400 60\n  IN NS ns1\nns1 IN A 127.0.0.1\n\
                _acme-challenge IN TXT \"foreign\"\n";
    std::fs::write(folder.path().join("zone"), zone).expect("a zone");
    folder
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

fn start(command: Command, folder: tempfile::TempDir, port: u16) -> Server {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    spawn(command, folder, address, |server| server.txt("_acme-challenge.example.test").is_ok())
}

fn spawn(
    mut command: Command,
    folder: tempfile::TempDir,
    address: SocketAddr,
    is_ready: impl Fn(&Server) -> bool,
) -> Server {
    let log = std::fs::File::create(folder.path().join("log")).expect("a log");
    let errors = log.try_clone().expect("a log");
    let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect("a server that starts");
    let server = Server { child, folder, address };
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_ready(&server) {
        assert!(Instant::now() < deadline, "the server does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    server
}

impl Server {
    /// The folder of its configuration, zone and log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The TXT values at a name, sorted; an error while it does not answer.
    ///
    /// # Errors
    /// If there is no connection or no answer for the zone.
    pub fn txt(&self, name: &str) -> std::io::Result<Vec<String>> {
        let mut message = Message::query();
        message.metadata.id = 7;
        let mut query = Query::new();
        query.set_name(Name::from_ascii(format!("{name}.")).map_err(std::io::Error::other)?);
        query.set_query_type(RecordType::TXT);
        message.add_query(query);
        let bytes = message.to_vec().map_err(std::io::Error::other)?;
        let mut stream = std::net::TcpStream::connect_timeout(&self.address, Duration::from_secs(2))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let length = u16::try_from(bytes.len()).map_err(std::io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat())?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut reply = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut reply)?;
        let reply = Message::from_vec(&reply).map_err(std::io::Error::other)?;
        if !reply.metadata.authoritative {
            return Err(std::io::Error::other("not authoritative"));
        }
        let mut values: Vec<String> = reply.answers.iter().filter_map(|answer| value_of(&answer.data)).collect();
        values.sort();
        Ok(values)
    }
}

fn value_of(data: &RData) -> Option<String> {
    match data {
        RData::TXT(txt) => Some(txt.txt_data.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect()),
        _ => None,
    }
}
