//! DNS UPDATE (RFC 2136) of TXT records, signed with TSIG (RFC 8945).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::TSigVerifier;
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::rdata::tsig::{TsigAlgorithm, TsigError};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, TSigner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::name::DnsName;
use crate::plugin::address;
use crate::plugin::wire::TxtRecord;

/// A signed message, and what its answer is verified by.
pub struct Sent {
    id: u16,
    bytes: Vec<u8>,
    verifier: Option<TSigVerifier>,
}

impl Sent {
    /// As it is sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A server that takes updates, and the key it knows.
pub struct DnsUpdater {
    server: String,
    user_typed: bool,
    signer: TSigner,
    sent: AtomicU64,
}

impl fmt::Debug for DnsUpdater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsUpdater").field("server", &self.server).field("key", self.signer.signer_name()).finish()
    }
}

impl DnsUpdater {
    /// `server` is "host", "host:port" or "[v6]:port"; `secret` is base64 as key files have it.
    pub fn new(server: &str, key_name: &str, algorithm: &str, secret: Zeroizing<Vec<u8>>) -> Result<Self, UpdateError> {
        let refused = |text: String| UpdateError::Refused(text);
        let algorithm = match algorithm.trim_end_matches('.').to_ascii_lowercase().as_str() {
            "hmac-sha256" => TsigAlgorithm::HmacSha256,
            "hmac-sha384" => TsigAlgorithm::HmacSha384,
            "hmac-sha512" => TsigAlgorithm::HmacSha512,
            other => {
                return Err(refused(format!(
                    "the TSIG algorithm {other:?} is not supported; use hmac-sha256, hmac-sha384 or hmac-sha512"
                )));
            }
        };
        let name = Name::from_ascii(key_name).map_err(|_| refused(format!("{key_name:?} is not a TSIG key name")))?;
        let key = data_encoding::BASE64
            .decode(secret.trim_ascii())
            .map_err(|_| refused("the TSIG secret is not base64; copy it as the key file has it".into()))?;
        let signer = TSigner::new(key, algorithm, name, FUDGE_SECONDS)
            .map_err(|_| refused("the TSIG key cannot be used with this algorithm".into()))?;
        Ok(Self { server: with_port(server, None)?, user_typed: false, signer, sent: AtomicU64::new(0) })
    }

    /// The server is the user's own setting: it may stand in a private network or on this machine.
    pub fn user_typed(self, user_typed: bool) -> Self {
        Self { user_typed, ..self }
    }

    /// Deletes, then adds, values in as few messages as they fit in.
    pub async fn apply(
        &self,
        zone: &DnsName,
        additions: &[TxtRecord],
        deletions: &[TxtRecord],
        ttl: u32,
        deadline: Instant,
    ) -> Result<(), UpdateError> {
        let mut updates = Vec::new();
        for record in deletions {
            let mut update = txt(record, 0)?;
            update.dns_class = DNSClass::NONE;
            updates.push(update);
        }
        for record in additions {
            updates.push(txt(record, ttl)?);
        }
        for batch in updates.chunks(RECORDS_A_MESSAGE) {
            let mut message = Message::query();
            message.metadata.op_code = OpCode::Update;
            message.metadata.recursion_desired = false;
            message.add_query(zone_question(zone)?);
            message.authorities = batch.to_vec();
            let reply = self.exchange(message, deadline).await?;
            check_rcode(&reply, zone)?;
        }
        Ok(())
    }

    /// Whether the server takes the key and is authoritative for the zone.
    pub async fn probe(&self, zone: &DnsName, deadline: Instant) -> Result<bool, UpdateError> {
        let reply = self.exchange_signed(self.probe_message(zone)?, deadline).await?;
        check_rcode(&reply, zone)?;
        Ok(reply.metadata.authoritative && reply.answers.iter().any(|answer| answer.record_type() == RecordType::SOA))
    }

    /// The message by which [`DnsUpdater::probe`] asks.
    pub fn probe_message(&self, zone: &DnsName) -> Result<Sent, UpdateError> {
        let mut message = Message::query();
        message.metadata.recursion_desired = false;
        message.add_query(zone_question(zone)?);
        self.signed(message)
    }

    async fn exchange(&self, message: Message, deadline: Instant) -> Result<Message, UpdateError> {
        self.exchange_signed(self.signed(message)?, deadline).await
    }

    /// How many messages were sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    async fn exchange_signed(&self, sent: Sent, deadline: Instant) -> Result<Message, UpdateError> {
        let mut stream = self.connect(deadline).await?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let reply = tokio::time::timeout_at(deadline, round_trip(&mut stream, &sent.bytes))
            .await
            .map_err(|_| self.unanswered("no answer in time"))?
            .map_err(|error| self.unanswered(&error.to_string()))?;
        self.believed(&reply, sent)
    }

    fn signed(&self, mut message: Message) -> Result<Sent, UpdateError> {
        let mut id = [0u8; 2];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| UpdateError::Refused("the random generator failed".into()))?;
        message.metadata.id = u16::from_be_bytes(id);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let refused = |_| UpdateError::Refused("the message could not be signed".into());
        let verifier = message.finalize(&self.signer, now).map_err(refused)?;
        let bytes = message.to_vec().map_err(|_| UpdateError::Refused("the message is too large".into()))?;
        Ok(Sent { id: message.metadata.id, bytes, verifier })
    }

    /// The answer to a message, if the server's signature is on it; an error may come without one.
    pub fn believed(&self, reply: &[u8], sent: Sent) -> Result<Message, UpdateError> {
        let parsed = Message::from_vec(reply).map_err(|_| self.unanswered("the answer is not a DNS message"))?;
        if parsed.metadata.id != sent.id || parsed.metadata.message_type != MessageType::Response {
            return Err(self.unanswered("the answer is not to this message"));
        }
        if let Some(error) = parsed.signature().and_then(|tsig| tsig.data.error) {
            return Err(tsig_error(error));
        }
        if parsed.signature().is_none() {
            return match parsed.metadata.response_code {
                ResponseCode::NoError => Err(self.unanswered("the answer is not signed, so it cannot be believed")),
                code => Err(rcode(
                    code.into(),
                    registered_name(code),
                    "(an unsigned answer); check the key's name and secret",
                )),
            };
        }
        let mut verifier = sent.verifier.ok_or_else(|| self.unanswered("the answer cannot be verified"))?;
        verifier.verify(reply).map(|_| parsed).map_err(|_| self.unanswered("the answer's signature is wrong"))
    }

    fn unanswered(&self, text: &str) -> UpdateError {
        UpdateError::Unanswered(format!("{}: {text}", self.server))
    }

    async fn connect(&self, deadline: Instant) -> Result<TcpStream, UpdateError> {
        let unsent = |text: String| UpdateError::Unsent(format!("{}: {text}", self.server));
        let lookup = tokio::time::timeout_at(deadline, tokio::net::lookup_host(&self.server)).await;
        let addresses: Vec<SocketAddr> = match lookup {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(error)) => return Err(unsent(error.to_string())),
            Err(_) => return Err(unsent("its name was not resolved in time".into())),
        };
        let host = self.server.rsplit_once(':').map_or(self.server.as_str(), |(host, _)| host);
        address::check_all(host, &addresses, self.user_typed).map_err(|rule| UpdateError::Refused(rule.to_string()))?;
        let mut last = "it has no address".to_owned();
        for address in addresses {
            let until = deadline.min(Instant::now() + CONNECT_TIME);
            match tokio::time::timeout_at(until, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = format!("{address}: {error}"),
                Err(_) => last = format!("{address}: no connection in time"),
            }
        }
        Err(unsent(format!("{last}; check the server setting, and that TCP port 53 is open")))
    }
}

/// A server with the port that is used where it names none.
pub(super) fn with_port(server: &str, port: Option<&str>) -> Result<String, UpdateError> {
    let refused = |_| {
        UpdateError::Refused(format!("the port {:?} is none; it is a number up to 65535", port.unwrap_or_default()))
    };
    let port = port.map_or(Ok(DNS_PORT), str::parse::<u16>).map_err(refused)?;
    Ok(match server.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]:{port}"),
        Ok(IpAddr::V4(address)) => format!("{address}:{port}"),
        Err(_) if server.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) => server.to_owned(),
        Err(_) => format!("{server}:{port}"),
    })
}

const DNS_PORT: u16 = 53;

async fn round_trip(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<Vec<u8>> {
    let length = u16::try_from(message.len()).map_err(std::io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await?;
    let length = stream.read_u16().await?;
    let mut reply = vec![0; length.into()];
    stream.read_exact(&mut reply).await?;
    Ok(reply)
}

fn zone_question(zone: &DnsName) -> Result<Query, UpdateError> {
    let mut question = Query::new();
    question.set_name(absolute(zone)?).set_query_type(RecordType::SOA).set_query_class(DNSClass::IN);
    Ok(question)
}

fn txt(record: &TxtRecord, ttl: u32) -> Result<Record, UpdateError> {
    let strings = record.value.as_bytes().chunks(STRING_BYTES).collect();
    Ok(Record::from_rdata(absolute(&record.name)?, ttl, RData::TXT(TXT::from_bytes(strings))))
}

fn absolute(name: &DnsName) -> Result<Name, UpdateError> {
    Name::from_ascii(format!("{name}.")).map_err(|_| UpdateError::Refused(format!("{name} is not a DNS name")))
}

fn check_rcode(reply: &Message, zone: &DnsName) -> Result<(), UpdateError> {
    let code = reply.metadata.response_code;
    let remedy = match code {
        ResponseCode::NoError => return Ok(()),
        ResponseCode::Refused => format!("the key may not do this in {zone}; allow it TXT updates there"),
        ResponseCode::NotAuth | ResponseCode::NotZone => format!("the server is not the primary of {zone}"),
        ResponseCode::ServFail => format!("the server could not write {zone}; see its log"),
        _ => format!("the server did not take the update of {zone}; see its log"),
    };
    Err(rcode(code.into(), registered_name(code), &remedy))
}

/// As in IANA's registry of DNS RCODEs.
fn registered_name(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::YXDomain => "YXDOMAIN",
        ResponseCode::YXRRSet => "YXRRSET",
        ResponseCode::NXRRSet => "NXRRSET",
        ResponseCode::NotAuth => "NOTAUTH",
        ResponseCode::NotZone => "NOTZONE",
        _ => "an unusual RCODE",
    }
}

fn tsig_error(error: TsigError) -> UpdateError {
    match error {
        TsigError::BadSig => rcode(16, "BADSIG", "the TSIG secret is not the server's; copy it again"),
        TsigError::BadKey => rcode(17, "BADKEY", "the server knows no such key; check its name and algorithm"),
        TsigError::BadTime => rcode(18, "BADTIME", "the clocks differ by more than 300 s; set this machine's"),
        TsigError::BadTrunc => rcode(22, "BADTRUNC", "the server wants another length of signature"),
        TsigError::Unknown(code) => rcode(code, "TSIG error", "see the server's log"),
    }
}

fn rcode(code: u16, name: &str, message: &str) -> UpdateError {
    UpdateError::Rcode { code, name: name.to_owned(), message: message.to_owned() }
}

const FUDGE_SECONDS: u16 = 300;
const STRING_BYTES: usize = 255;
/// 60 KiB at under 400 bytes a record: name of at most 255 bytes and a challenge's 43, with headers.
const RECORDS_A_MESSAGE: usize = 150;
const CONNECT_TIME: std::time::Duration = std::time::Duration::from_secs(5);

/// Why an update was not made, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// Nothing was sent: what was asked for makes no sense.
    #[error("{0}")]
    Refused(String),
    /// Nothing was sent: no server could be reached.
    #[error("could not reach {0}")]
    Unsent(String),
    /// No answer that can be believed.
    #[error("no answer that can be believed from {0}")]
    Unanswered(String),
    /// The server said no.
    #[error("the DNS server answered {name} ({code}): {message}")]
    Rcode {
        /// IANA's number.
        code: u16,
        /// IANA's name.
        name: String,
        /// What it means and what to do.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(algorithm: &str, secret: &str) -> Result<DnsUpdater, UpdateError> {
        DnsUpdater::new("ns.example", "key", algorithm, Zeroizing::new(secret.as_bytes().to_vec()))
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_without_showing_the_secret() {
        assert!(new("hmac-sha256", "c2VjcmV0\n").is_ok());
        assert!(new("HMAC-SHA512.", "c2VjcmV0").is_ok());
        for (algorithm, secret) in [("hmac-md5", "c2VjcmV0"), ("hmac-sha256", "not base64 but secret")] {
            let error = new(algorithm, secret).expect_err("refused").to_string();
            assert!(!error.contains(secret), "{error}");
        }
        let updater = new("hmac-sha256", "c2VjcmV0").expect("an updater");
        assert!(!format!("{updater:?}").contains("secret"));
    }

    #[test]
    fn the_port_is_53_unless_given() {
        for (given, full) in [
            ("ns.example", "ns.example:53"),
            ("::1", "[::1]:53"),
            ("[::1]:5353", "[::1]:5353"),
            ("192.0.2.1:54", "192.0.2.1:54"),
        ] {
            assert_eq!(with_port(given, None).expect("a server"), full);
        }
        for (given, full) in
            [("ns.example", "ns.example:5353"), ("::1", "[::1]:5353"), ("192.0.2.1:54", "192.0.2.1:54")]
        {
            assert_eq!(with_port(given, Some("5353")).expect("a server"), full);
        }
        for port in ["", "dns", "65536", "-1"] {
            assert!(with_port("ns.example", Some(port)).is_err(), "{port}");
        }
    }

    #[test]
    fn a_full_message_of_longest_names_fits_in_64_kib() {
        let label = "a".repeat(60);
        let name: DnsName = format!("_acme-challenge.{label}.{label}.{label}.example.com").parse().expect("a name");
        let record = TxtRecord { name, value: "v".repeat(43) };
        let mut message = Message::query();
        message.authorities = (0..RECORDS_A_MESSAGE).map(|_| txt(&record, 60).expect("a record")).collect();
        assert!(message.to_vec().expect("a message").len() < 60 * 1024);
    }
}
