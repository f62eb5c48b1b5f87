//! The sockets: one port for UDP and TCP on several loopback addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{RecordType, TSigner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::answer::{self, Sight};
use super::store::{self, Store};
use super::tsig::{self, Standing, TsigKey};
use super::update;

/// How a server treats questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// Answers with authority.
    #[default]
    Healthy,
    /// Takes questions and says nothing.
    Silent,
    /// REFUSED to everything.
    Refuses,
    /// Answers without the AA bit.
    Lame,
    /// SERVFAIL to all who do not do without validation (the CD bit), as a resolver to what DNSSEC shows to be forged.
    Bogus,
}

/// One server's behaviour; changeable at any time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Behaviour {
    /// How it treats questions.
    pub mood: Mood,
    /// A change is shown only when it is this old.
    pub delay: Duration,
    /// Changes after this moment are never shown.
    pub frozen_at: Option<Instant>,
}

/// One question a server was asked, or one update it was sent.
#[derive(Clone, Debug)]
pub struct QueryLog {
    /// Query or Update.
    pub op_code: OpCode,
    /// The server's address.
    pub server: SocketAddr,
    /// The name, lower case, without final dot; of an update the zone.
    pub name: String,
    /// The type; of an update SOA.
    pub kind: RecordType,
    /// When.
    pub at: SystemTime,
}

/// Why the servers did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No port was free on all the addresses.
    #[error("no port was free for UDP and TCP on {servers} loopback addresses; ask for fewer name servers")]
    NoCommonPort {
        /// How many addresses were asked for.
        servers: u8,
        /// What the last attempt met.
        #[source]
        last: std::io::Error,
    },
    /// One of the addresses asked for cannot be had.
    #[error("could not listen at {address}; end what listens there, or choose another address")]
    Taken {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The key for updates is not one.
    #[error("the TSIG key {name:?} is not usable; its name is a DNS name and its secret base64")]
    BadKey {
        /// The key's name.
        name: String,
    },
}

/// The running servers; they stop when this is dropped.
pub struct Dns {
    store: Store,
    servers: Vec<Arc<Server>>,
    log: Log,
    _tasks: JoinSet<()>,
}

type Log = Arc<Mutex<Vec<QueryLog>>>;

impl Dns {
    /// Starts `servers` name servers over `store`: 127.0.0.1, 127.0.0.2 and so on. Each takes updates signed by `key`.
    pub async fn start(store: Store, servers: u8, key: &TsigKey) -> Result<Self, StartError> {
        Self::run(store, bind(servers.max(1)).await?, key)
    }

    /// Starts name servers over `store` at just these addresses; the first also recurses over the store's zones.
    pub async fn start_at(store: Store, addresses: &[SocketAddr], key: &TsigKey) -> Result<Self, StartError> {
        let mut sockets = Vec::new();
        for address in addresses {
            let bound = bind_at(*address).await.map_err(|source| StartError::Taken { address: *address, source })?;
            sockets.push(bound);
        }
        Self::run(store, sockets, key)
    }

    fn run(store: Store, sockets: Vec<Sockets>, key: &TsigKey) -> Result<Self, StartError> {
        let signer = key.signer().ok_or_else(|| StartError::BadKey { name: key.name.clone() })?;
        let log = Log::default();
        let mut tasks = JoinSet::new();
        let mut running = Vec::new();
        for (position, (udp, tcp, address)) in sockets.into_iter().enumerate() {
            let server = Arc::new(Server {
                address,
                recursor: position == 0,
                store: store.clone(),
                signer: signer.clone(),
                behaviour: Mutex::default(),
                log: Arc::clone(&log),
            });
            tasks.spawn(serve_udp(Arc::clone(&server), udp));
            tasks.spawn(serve_tcp(Arc::clone(&server), tcp));
            running.push(server);
        }
        Ok(Self { store, servers: running, log, _tasks: tasks })
    }

    /// The zones served.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The first server, which also recurses over the lab's zones.
    pub fn resolver_addr(&self) -> SocketAddr {
        self.servers[0].address
    }

    /// All servers, ns1 first.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|server| server.address).collect()
    }

    /// Changes how the server at `position` (0 is ns1) behaves from now on; false if there is no such server.
    pub fn set_behaviour(&self, position: usize, behaviour: Behaviour) -> bool {
        let Some(server) = self.servers.get(position) else { return false };
        *server.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
        true
    }

    /// Every question so far, oldest first.
    pub fn queries(&self) -> Vec<QueryLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Clone, Copy)]
enum Transport {
    Udp,
    Tcp,
}

struct Server {
    address: SocketAddr,
    recursor: bool,
    store: Store,
    signer: TSigner,
    behaviour: Mutex<Behaviour>,
    log: Log,
}

impl Server {
    /// The reply's bytes, or nothing for a silent server and for what is no request.
    fn reply(&self, bytes: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let Ok(request) = Message::from_vec(bytes) else { return unreadable(bytes) };
        if request.metadata.message_type != MessageType::Query {
            return None;
        }
        let standing = tsig::check(&self.signer, bytes, &request);
        let message = self.respond(&request, &standing)?;
        let limit = UDP_MAX_BYTES.min(request.max_payload().into());
        let short = message.truncate();
        let full = tsig::sign(&self.signer, &standing, message)?;
        match transport {
            Transport::Udp if full.len() > limit => tsig::sign(&self.signer, &standing, short),
            Transport::Udp | Transport::Tcp => Some(full),
        }
    }

    fn respond(&self, request: &Message, standing: &Standing) -> Option<Message> {
        let (id, op_code) = (request.metadata.id, request.metadata.op_code);
        let failed = |code| Some(Message::error_msg(id, op_code, code));
        let behaviour = *self.behaviour.lock().unwrap_or_else(PoisonError::into_inner);
        let [query] = request.queries.as_slice() else { return failed(ResponseCode::FormErr) };
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(QueryLog {
            op_code,
            server: self.address,
            name: store::key(query.name()),
            kind: query.query_type(),
            at: SystemTime::now(),
        });
        match (behaviour.mood, op_code, standing) {
            (Mood::Silent, ..) => None,
            (Mood::Refuses, ..) => failed(ResponseCode::Refused),
            (Mood::Bogus, OpCode::Query, _) if !request.metadata.checking_disabled => failed(ResponseCode::ServFail),
            (_, _, Standing::Bad { .. }) => failed(ResponseCode::NotAuth),
            (_, OpCode::Query, _) => Some(self.answer(request, query, behaviour)),
            (_, OpCode::Update, Standing::Unsigned) => failed(ResponseCode::Refused),
            (_, OpCode::Update, Standing::Good { .. }) => failed(update::apply(&self.store, request)),
            _ => failed(ResponseCode::NotImp),
        }
    }

    fn answer(&self, request: &Message, query: &Query, behaviour: Behaviour) -> Message {
        let recursive = self.recursor && request.metadata.recursion_desired;
        let mut reply = answer::answer(&self.store, request, query, sight(behaviour, recursive));
        reply.metadata.authoritative &= behaviour.mood != Mood::Lame;
        reply
    }
}

/// FORMERR to a request with at least a header, so that its sender need not wait.
fn unreadable(bytes: &[u8]) -> Option<Vec<u8>> {
    let [first, second, flags, _, ..] = *bytes else { return None };
    let is_request = bytes.len() >= HEADER_BYTES && flags & 0x80 == 0;
    let id = u16::from_be_bytes([first, second]);
    let reply = Message::error_msg(id, OpCode::from_u8((flags >> 3) & 0x0f), ResponseCode::FormErr);
    is_request.then(|| reply.to_vec().ok())?
}

/// RFC 1035 section 4.1.1.
const HEADER_BYTES: usize = 12;

fn sight(behaviour: Behaviour, recursive: bool) -> Sight {
    Sight { delay: behaviour.delay, until: behaviour.frozen_at, recursive }
}

type Sockets = (UdpSocket, TcpListener, SocketAddr);

async fn bind(servers: u8) -> Result<Vec<Sockets>, StartError> {
    let mut last = None;
    for _ in 0..PORT_ATTEMPTS {
        match bind_once(servers).await {
            Ok(sockets) => return Ok(sockets),
            Err(error) => last = Some(error),
        }
    }
    Err(StartError::NoCommonPort { servers, last: last.expect("the loop above ran at least once") })
}

/// The system chooses the port of the first; the others may find it taken.
const PORT_ATTEMPTS: usize = 32;

async fn bind_once(servers: u8) -> std::io::Result<Vec<Sockets>> {
    let mut port = 0;
    let mut sockets = Vec::new();
    for number in 1..=servers {
        let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 0, number));
        let bound = bind_at((ip, port).into()).await?;
        port = bound.2.port();
        sockets.push(bound);
    }
    Ok(sockets)
}

async fn bind_at(address: SocketAddr) -> std::io::Result<Sockets> {
    let udp = UdpSocket::bind(address).await?;
    let address = udp.local_addr()?;
    Ok((udp, TcpListener::bind(address).await?, address))
}

async fn serve_udp(server: Arc<Server>, socket: UdpSocket) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(reply) = server.reply(&buffer[..length], Transport::Udp)
            && let Err(error) = socket.send_to(&reply, peer).await
        {
            tracing::debug!(%error, "the asker did not take the answer");
        }
    }
}

/// Larger answers over UDP are cut short: the DNS flag day 2020 value.
const UDP_MAX_BYTES: usize = 1232;

async fn serve_tcp(server: Arc<Server>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        connections.spawn(converse(Arc::clone(&server), stream));
        while connections.try_join_next().is_some() {}
    }
}

/// Messages each led by its length, RFC 1035 section 4.2.2.
async fn converse(server: Arc<Server>, mut stream: TcpStream) -> std::io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut request = vec![0; length.into()];
        stream.read_exact(&mut request).await?;
        let Some(reply) = server.reply(&request, Transport::Tcp) else { continue };
        let length = u16::try_from(reply.len()).map_err(std::io::Error::other)?;
        stream.write_u16(length).await?;
        stream.write_all(&reply).await?;
    }
}
