//! One question to one server: UDP, again if it is lost, TCP if the answer is truncated.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::name::DnsName;

/// What a server is asked to do for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recursion {
    /// Find it out elsewhere: the question for a resolver.
    Desired,
    /// The same, with the signatures (the DO bit of RFC 3225), so that a resolver that validates does.
    Validated,
    /// The same, and hand it over even if its DNSSEC signatures do not hold (the CD bit, RFC 4035 section 3.2.2).
    Unchecked,
    /// Say what it knows itself: the question for an authoritative server.
    None,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the messages say it")]
pub enum AskError {
    #[error("silent")]
    Silent,
    #[error("not reachable ({why})")]
    Unreachable { why: String },
    #[error("a truncated answer, and none over TCP ({why})")]
    Truncated { why: String },
    #[error("no DNS answer over TLS or HTTPS ({why})")]
    Encrypted { why: String },
    #[error("{name} cannot be written as a question")]
    Unaskable { name: DnsName },
}

/// Asks `server`; any answer to the question counts, whatever its response code.
pub async fn ask(
    server: SocketAddr,
    name: &DnsName,
    kind: RecordType,
    recursion: Recursion,
) -> Result<Message, AskError> {
    let mut message = question(name, kind, recursion)?;
    let answer = ask_plain(server, &message).await?;
    if answer.metadata.response_code != ResponseCode::FormErr {
        return Ok(answer);
    }
    // A server from before EDNS (RFC 6891 section 7).
    message.edns = None;
    ask_plain(server, &message).await
}

pub(super) fn question(name: &DnsName, kind: RecordType, recursion: Recursion) -> Result<Message, AskError> {
    let owner = Name::from_ascii(format!("{name}.")).map_err(|_| AskError::Unaskable { name: name.clone() })?;
    let mut message = Message::query();
    message.metadata.recursion_desired = recursion != Recursion::None;
    // That the answer may say whether it was validated: RFC 6840 section 5.7.
    message.metadata.authentic_data = recursion == Recursion::Desired;
    message.metadata.checking_disabled = recursion == Recursion::Unchecked;
    message.add_query(Query::query(owner, kind));
    let mut edns = Edns::new();
    edns.set_max_payload(EDNS_PAYLOAD_BYTES);
    edns.set_dnssec_ok(recursion == Recursion::Validated);
    message.set_edns(edns);
    Ok(message)
}

/// What passes everywhere without fragments: DNS flag day 2020.
const EDNS_PAYLOAD_BYTES: u16 = 1232;

async fn ask_plain(server: SocketAddr, question: &Message) -> Result<Message, AskError> {
    let answer = over_udp(server, question).await.map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => AskError::Silent,
        _ => AskError::Unreachable { why: error.to_string() },
    })?;
    if !answer.metadata.truncation {
        return Ok(answer);
    }
    let over_tcp = async { over_stream(TcpStream::connect(server).await?, question).await };
    let answer = timeout(TCP_TIMEOUT, over_tcp).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
    answer.map_err(|error| AskError::Truncated { why: error.to_string() })
}

pub(super) const TCP_TIMEOUT: Duration = Duration::from_secs(5);

async fn over_udp(server: SocketAddr, question: &Message) -> io::Result<Message> {
    let socket = UdpSocket::bind(unbound(server)).await?;
    // Connected, so that only the server's answers arrive and a closed port is an error at once.
    socket.connect(server).await?;
    let bytes = question.to_vec().map_err(io::Error::other)?;
    let mut buffer = vec![0; 65_535];
    for wait in UDP_WAITS {
        socket.send(&bytes).await?;
        let received = timeout(wait, async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                if let Ok(answer) = answer_to(question, &buffer[..length]) {
                    return io::Result::Ok(answer);
                }
            }
        });
        if let Ok(answer) = received.await {
            return answer;
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// After each the question is sent again; together the time after which a server counts as silent.
pub(super) const UDP_WAITS: [Duration; 3] =
    [Duration::from_millis(800), Duration::from_millis(1200), Duration::from_millis(2000)];

/// One question over a connection, led by its length (RFC 1035 section 4.2.2).
pub(super) async fn over_stream(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    question: &Message,
) -> io::Result<Message> {
    let bytes = question.to_vec().map_err(io::Error::other)?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat()).await?;
    stream.flush().await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    answer_to(question, &answer)
}

pub(super) fn answer_to(question: &Message, bytes: &[u8]) -> io::Result<Message> {
    let answer = Message::from_vec(bytes).map_err(io::Error::other)?;
    // Who refuses or cannot read a question need not repeat it.
    let is_bare_error = answer.queries.is_empty() && answer.metadata.response_code != ResponseCode::NoError;
    let about_it = answer.queries == question.queries || is_bare_error;
    if answer.metadata.id != question.metadata.id || !about_it {
        return Err(io::Error::other("an answer to another question"));
    }
    Ok(answer)
}

/// Whether the machine has a route to it; nothing is sent.
pub(super) fn has_route(server: SocketAddr) -> bool {
    std::net::UdpSocket::bind(unbound(server)).and_then(|socket| socket.connect(server)).is_ok()
}

fn unbound(server: SocketAddr) -> &'static str {
    if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }
}
