//! dns-01 as a CA looks at it: every name server is asked, none is remembered (RFC 8555 section 8.4).

use std::net::SocketAddr;
use std::str::FromStr as _;
use std::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::problem::Problem;

/// Asks the same servers for every name.
#[derive(Clone, Debug)]
pub(super) struct Validator {
    pub(super) servers: Vec<SocketAddr>,
}

impl Validator {
    /// Whether every server shows `expected` at the challenge name, or where its aliases lead.
    pub(super) async fn validate(&self, name: &str, expected: &str) -> Result<(), Problem> {
        let owner = format!("_acme-challenge.{name}");
        let parsed = Name::from_str(&format!("{owner}."))
            .map_err(|_| Problem::new(400, "dns", format!("{owner} is too long for a DNS name")))?;
        if self.servers.is_empty() {
            return Err(Problem::new(400, "dns", "the CA was given no name servers to ask"));
        }
        let asked = self.servers.iter().map(|server| values(*server, parsed.clone()));
        for (server, found) in self.servers.iter().zip(futures_util::future::join_all(asked).await) {
            let found = found.map_err(|what| Problem::new(400, "dns", format!("{server} about {owner}: {what}")))?;
            if found.is_empty() {
                return Err(Problem::unauthorized(format!("no TXT record found at {owner} ({server})")));
            }
            if !found.iter().any(|value| value == expected) {
                let shown = found.join(", ");
                return Err(Problem::unauthorized(format!(
                    "incorrect TXT record found at {owner} ({server}): {shown}; expected {expected}"
                )));
            }
        }
        Ok(())
    }
}

/// TXT values of one server, aliases followed.
async fn values(server: SocketAddr, mut name: Name) -> Result<Vec<String>, String> {
    for _ in 0..=ALIASES_MAX {
        let reply = ask(server, &name).await?;
        match reply.metadata.response_code {
            ResponseCode::NoError => {}
            ResponseCode::NXDomain => return Err(format!("NXDOMAIN looking up TXT for {name}")),
            code => return Err(format!("{code} looking up TXT for {name}")),
        }
        let end = end_of_aliases(&reply, &name);
        let found: Vec<String> = reply.answers.iter().filter(|r| r.name == end).filter_map(|r| text(&r.data)).collect();
        if !found.is_empty() || end == name {
            return Ok(found);
        }
        name = end;
    }
    Err(format!("the aliases of the name are more than {ALIASES_MAX}"))
}

const ALIASES_MAX: usize = 16;

/// The last target of the chain that the answer holds.
fn end_of_aliases(reply: &Message, name: &Name) -> Name {
    let mut end = name.clone();
    for _ in 0..ALIASES_MAX {
        let next = reply.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == end => Some(target.0.clone()),
            _ => None,
        });
        let Some(next) = next else { return end };
        end = next;
    }
    end
}

fn text(data: &RData) -> Option<String> {
    match data {
        RData::TXT(txt) => Some(txt.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect()),
        _ => None,
    }
}

async fn ask(server: SocketAddr, name: &Name) -> Result<Message, String> {
    let mut message = Message::query();
    message.metadata.id = u16::from_be_bytes(super::nonce::random());
    message.metadata.recursion_desired = false;
    message.add_query(Query::query(name.clone(), RecordType::TXT));
    let bytes = message.to_vec().map_err(|error| error.to_string())?;
    for _ in 0..UDP_ATTEMPTS {
        if let Ok(Ok(reply)) = tokio::time::timeout(ANSWER_TIME, over_udp(server, &bytes)).await {
            return if reply.metadata.truncation { over_tcp(server, &bytes).await } else { Ok(reply) };
        }
    }
    Err(format!("no answer to {UDP_ATTEMPTS} queries"))
}

const UDP_ATTEMPTS: u8 = 2;
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// The answer with the query's id; others are passed over.
async fn over_udp(server: SocketAddr, query: &[u8]) -> std::io::Result<Message> {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if buffer[..length].starts_with(&query[..2])
            && let Ok(reply) = Message::from_vec(&buffer[..length])
        {
            return Ok(reply);
        }
    }
}

async fn over_tcp(server: SocketAddr, query: &[u8]) -> Result<Message, String> {
    let conversation = async {
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(query.len()).map_err(std::io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), query].concat()).await?;
        let mut reply = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut reply).await?;
        Message::from_vec(&reply).map_err(std::io::Error::other)
    };
    match tokio::time::timeout(ANSWER_TIME, conversation).await {
        Ok(answered) => answered.map_err(|error| format!("over TCP: {error}")),
        Err(_) => Err("no answer over TCP in time".to_owned()),
    }
}
