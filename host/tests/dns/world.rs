//! A resolver at 127.0.0.1 and authoritative servers from 127.0.0.2 on, over one store, at one port.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use acmite::dns::{Dns, DnsOptions, Target, ZoneError};
use acmite_lab::dns::{Behaviour, Dns as Servers, Mood, Store, TsigAlgorithm, TsigKey};
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::RecordType;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A key for updates, which no test here sends.
pub(crate) fn key() -> TsigKey {
    TsigKey::generate(TsigAlgorithm::default()).unwrap()
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) resolver: Servers,
    pub(crate) servers: Servers,
}

impl World {
    pub(crate) async fn start(zones: &[&str], servers: u8) -> Self {
        let store = Store::default();
        for zone in zones {
            store.add_zone(zone).unwrap();
            for number in 1..=servers {
                let host = format!("ns{number}.{zone}.");
                store.add(zone, zone, RecordType::NS, 60, &host).unwrap();
                store.add(zone, &host, RecordType::A, 60, &format!("127.0.0.{}", number + 1)).unwrap();
            }
        }
        // The port that is free at the first address may be taken at the others.
        for _ in 0..32 {
            let resolver = Servers::start(store.clone(), 1, &key()).await.unwrap();
            let port = resolver.resolver_addr().port();
            let addresses: Vec<_> = (1..=servers).map(|number| loopback(number + 1, port)).collect();
            if let Ok(servers) = Servers::start_at(store.clone(), &addresses, &key()).await {
                return Self { store, resolver, servers };
            }
        }
        panic!("no port is free at all addresses")
    }

    pub(crate) fn port(&self) -> u16 {
        self.resolver.resolver_addr().port()
    }

    pub(crate) fn add(&self, zone: &str, owner: &str, kind: RecordType, value: &str) {
        self.store.add(zone, owner, kind, 60, value).unwrap();
    }

    pub(crate) fn mood(&self, server: usize, mood: Mood) {
        assert!(self.servers.set_behaviour(server, Behaviour { mood, ..Behaviour::default() }));
    }

    pub(crate) fn dns(&self) -> Dns {
        dns(&[self.resolver.resolver_addr()])
    }

    pub(crate) async fn target(&self, base: &str) -> Result<Target, ZoneError> {
        target(&self.dns(), base).await
    }

    /// The names the resolver was asked about.
    pub(crate) fn names_resolved(&self) -> Vec<String> {
        self.resolver.queries().into_iter().map(|query| query.name).collect()
    }
}

pub(crate) fn loopback(last: u8, port: u16) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, last), port).into()
}

pub(crate) fn dns(resolvers: &[SocketAddr]) -> Dns {
    let resolvers = resolvers.iter().copied().map(Into::into).collect();
    Dns::new(DnsOptions { resolvers, ..DnsOptions::default() }).unwrap()
}

pub(crate) async fn target(dns: &Dns, base: &str) -> Result<Target, ZoneError> {
    dns.challenge_target(&base.parse().unwrap(), Instant::now() + Duration::from_secs(30)).await
}

/// What a scripted server does with one request.
pub(crate) enum Act {
    /// Lets another server answer.
    Pass,
    /// The same, and says that the signatures hold.
    PassValidated,
    /// Sends these, in order.
    Send(Vec<Message>),
    /// Says nothing.
    Drop,
}

/// A server over UDP that asks `script` first and `upstream` where that passes; ends when dropped.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    _task: JoinSet<()>,
}

impl Scripted {
    pub(crate) async fn start(
        address: SocketAddr,
        upstream: SocketAddr,
        script: impl Fn(&Message) -> Act + Send + Sync + 'static,
    ) -> Self {
        let socket = Arc::new(UdpSocket::bind(address).await.unwrap());
        let address = socket.local_addr().unwrap();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let request = Message::from_vec(&buffer[..length]).unwrap();
                let replies = match script(&request) {
                    Act::Pass => vec![forward(upstream, &buffer[..length]).await],
                    Act::PassValidated => vec![validated(&forward(upstream, &buffer[..length]).await)],
                    Act::Send(messages) => messages.iter().map(|message| message.to_vec().unwrap()).collect(),
                    Act::Drop => Vec::new(),
                };
                for reply in replies {
                    socket.send_to(&reply, peer).await.unwrap();
                }
            }
        });
        Self { address, _task: task }
    }
}

/// A server that takes its time and counts the questions under way.
pub(crate) struct Slow {
    pub(crate) address: SocketAddr,
    most: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl Slow {
    pub(crate) async fn start(address: SocketAddr, upstream: SocketAddr) -> Self {
        let socket = Arc::new(UdpSocket::bind(address).await.unwrap());
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (mut task, seen) = (JoinSet::new(), Arc::clone(&most));
        task.spawn(async move {
            let mut buffer = [0; 4096];
            let mut answering = JoinSet::new();
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                seen.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                let (socket, now, request) = (Arc::clone(&socket), Arc::clone(&now), buffer[..length].to_vec());
                answering.spawn(async move {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    let reply = forward(upstream, &request).await;
                    now.fetch_sub(1, Ordering::Relaxed);
                    socket.send_to(&reply, peer).await.unwrap();
                });
            }
        });
        Self { address, most, _task: task }
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
}

async fn forward(upstream: SocketAddr, request: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(request, upstream).await.unwrap();
    let mut reply = vec![0; 4096];
    let length = socket.recv(&mut reply).await.unwrap();
    reply.truncate(length);
    reply
}

fn validated(reply: &[u8]) -> Vec<u8> {
    let mut message = Message::from_vec(reply).unwrap();
    message.metadata.authentic_data = true;
    message.to_vec().unwrap()
}

pub(crate) fn reply(request: &Message, code: ResponseCode) -> Message {
    let mut reply = Message::response(request.metadata.id, OpCode::Query);
    reply.add_queries(request.queries.clone());
    reply.metadata.response_code = code;
    reply
}

pub(crate) fn asked(request: &Message) -> String {
    request.queries[0].name().to_ascii()
}
