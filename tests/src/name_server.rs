//! A name server, whichever it is, and what it shows.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::process::Process;

/// A TSIG secret for tests, base64 of 32 bytes.
pub const TSIG_SECRET: &str = "dGVzdC1vbmx5LXRzaWcta2V5LW9mLTMyLWJ5dGVzISE=";

/// A running server.
pub struct NameServer {
    process: Process,
    /// Where it answers DNS.
    pub address: SocketAddr,
}

impl NameServer {
    /// Starts a server and waits until it answers for `zone`.
    ///
    /// # Panics
    /// If it does not.
    pub fn start(name: &str, command: Command, folder: tempfile::TempDir, address: SocketAddr, zone: &str) -> Self {
        Self::start_when(name, command, folder, address, || {
            soa_serial(address, zone).map(|_| ()).map_err(|error| error.to_string())
        })
    }

    /// Starts a server and waits until `ready`.
    ///
    /// # Panics
    /// If it ends or is not ready in time.
    pub fn start_when(
        name: &str,
        command: Command,
        folder: tempfile::TempDir,
        address: SocketAddr,
        ready: impl FnMut() -> Result<(), String>,
    ) -> Self {
        let mut process = Process::start(name, command, folder);
        process.await_ready(ready);
        Self { process, address }
    }

    /// Waits for more than its first answer.
    ///
    /// # Panics
    /// If it ends or is not ready in time.
    pub fn await_until(&mut self, ready: impl FnMut() -> Result<(), String>) {
        self.process.await_ready(ready);
    }

    /// The folder of its configuration, zones and log.
    pub fn folder(&self) -> &Path {
        self.process.folder()
    }

    /// How much of a processor it has had.
    pub fn cpu(&self) -> Duration {
        self.process.cpu()
    }

    /// Sends it a signal by name, as `STOP`.
    ///
    /// # Panics
    /// If that fails.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The TXT values at a name, sorted; an error while it does not answer.
    ///
    /// # Errors
    /// If there is no connection or no answer for the zone.
    pub fn txt(&self, name: &str) -> std::io::Result<Vec<String>> {
        let answers = ask(self.address, name, RecordType::TXT)?;
        let mut values: Vec<String> = answers.iter().filter_map(|answer| value_of(&answer.data)).collect();
        values.sort();
        Ok(values)
    }

    /// Every TXT record of a zone, as `name value`, sorted; by zone transfer, so that none can hide.
    ///
    /// # Panics
    /// If the server does not hand the zone out.
    pub fn all_txt(&self, zone: &str) -> Vec<String> {
        let records = transfer(self.address, zone).unwrap_or_else(|error| panic!("no transfer of {zone}: {error}"));
        let mut found: Vec<String> = records
            .iter()
            .filter_map(|one| Some(format!("{} {}", one.name.to_ascii(), value_of(&one.data)?)))
            .collect();
        found.sort();
        found
    }
}

/// The serial that a server tells for a zone it has.
///
/// # Errors
/// If there is no connection or no answer for the zone.
pub fn soa_serial(server: SocketAddr, zone: &str) -> std::io::Result<u32> {
    let answers = ask(server, zone, RecordType::SOA)?;
    let serial = answers.iter().find_map(|answer| match &answer.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    });
    serial.ok_or_else(|| std::io::Error::other("no SOA"))
}

/// Whether a resolver finds the signatures of a zone's SOA to hold.
///
/// # Errors
/// If there is no connection or no answer.
pub fn is_validated(resolver: SocketAddr, zone: &str) -> std::io::Result<bool> {
    Ok(receive(&mut send(resolver, zone, RecordType::SOA)?)?.metadata.authentic_data)
}

fn ask(server: SocketAddr, name: &str, kind: RecordType) -> std::io::Result<Vec<Record>> {
    let mut stream = send(server, name, kind)?;
    let reply = receive(&mut stream)?;
    if !reply.metadata.authoritative {
        return Err(std::io::Error::other("not authoritative"));
    }
    Ok(reply.answers)
}

/// RFC 5936: messages until the SOA has come a second time.
fn transfer(server: SocketAddr, zone: &str) -> std::io::Result<Vec<Record>> {
    let mut stream = send(server, zone, RecordType::AXFR)?;
    let mut records: Vec<Record> = Vec::new();
    while records.iter().filter(|record| matches!(record.data, RData::SOA(_))).count() < 2 {
        let reply = receive(&mut stream)?;
        if reply.answers.is_empty() {
            return Err(std::io::Error::other(format!("refused: {}", reply.metadata.response_code)));
        }
        records.extend(reply.answers);
    }
    Ok(records)
}

fn send(server: SocketAddr, name: &str, kind: RecordType) -> std::io::Result<TcpStream> {
    let mut message = Message::query();
    message.metadata.id = 7;
    message.metadata.recursion_desired = true;
    message.metadata.authentic_data = true;
    let mut query = Query::new();
    query.set_name(Name::from_ascii(format!("{name}.")).map_err(std::io::Error::other)?);
    query.set_query_type(kind);
    message.add_query(query);
    let bytes = message.to_vec().map_err(std::io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&server, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let length = u16::try_from(bytes.len()).map_err(std::io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat())?;
    Ok(stream)
}

fn receive(stream: &mut TcpStream) -> std::io::Result<Message> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut reply)?;
    Message::from_vec(&reply).map_err(std::io::Error::other)
}

fn value_of(data: &RData) -> Option<String> {
    match data {
        RData::TXT(txt) => Some(txt.txt_data.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect()),
        _ => None,
    }
}

/// A zone file with the name servers given as addresses `127.0.0.N`, and lines of its own.
pub fn zone_text(servers: u8, more: &[&str]) -> String {
    let mut text = "$TTL 60\n@ IN SOA ns1 hostmaster 1 3600 600 86400 60\n".to_owned();
    for number in 1..=servers {
        text.push_str(&format!("@ IN NS ns{number}\nns{number} IN A 127.0.0.{number}\n"));
    }
    for line in more {
        text.push_str(line);
        text.push('\n');
    }
    text
}
