//! A port of one's own, on IPv4 and IPv6.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::port_holder::{PortHolder, port_holder};

/// Takes connections on a port, on every address of the machine, until it is dropped.
#[derive(Debug)]
pub struct Server {
    _accepting: JoinSet<()>,
    addresses: Vec<SocketAddr>,
}

impl Server {
    /// Hands every connection to `handle`, some side by side and each for a while only. Port 0 takes one that is free.
    pub fn start<H, F>(port: u16, handle: H) -> Result<Self, ListenError>
    where
        H: Fn(TcpStream) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listeners = listeners(port)?;
        let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(accept(listener, slots.clone(), handle.clone()));
        }
        Ok(Self { _accepting: accepting, addresses })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

async fn accept<H, F>(listener: TcpListener, slots: Arc<Semaphore>, handle: H)
where
    H: Fn(TcpStream) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    while let Ok(slot) = slots.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                tracing::debug!(%peer, "a connection for a challenge");
                let handled = timeout(CONNECTION_TIME, handle(stream));
                connections.spawn(async move {
                    let _slot = slot;
                    if handled.await.is_err() {
                        tracing::debug!(%peer, "the connection took too long");
                    }
                });
            }
            // Out of files, say: not asked again at once.
            Err(error) => {
                tracing::debug!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

const MOST_CONNECTIONS: usize = 64;
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(50);
const CONNECTION_TIME: Duration = Duration::from_secs(10);

/// One for each address family that the machine has.
fn listeners(port: u16) -> Result<Vec<TcpListener>, ListenError> {
    let v4 = listener(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
    let chosen = v4.as_ref().and_then(|v4| v4.local_addr().ok()).map_or(port, |address| address.port());
    let v6 = listener(SocketAddr::from((Ipv6Addr::UNSPECIFIED, chosen)))?;
    let found: Vec<TcpListener> = v4.into_iter().chain(v6).collect();
    if found.is_empty() { Err(ListenError::NoNetwork) } else { Ok(found) }
}

fn listener(address: SocketAddr) -> Result<Option<TcpListener>, ListenError> {
    let made = bound(address);
    match made {
        Ok(listener) => Ok(Some(listener)),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) => Ok(None),
            _ => Err(ListenError::of(address.port(), error)),
        },
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    TcpListener::from_std(StdListener::from(socket))
}

const BACKLOG: i32 = 128;

/// Why a port could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody listens there already.
    #[error("port {port} is taken{}; if that is a web server, let it serve the tokens with --webroot, else stop it for the time, or have another port forwarded and give that", holder.as_ref().map_or(String::new(), |holder| format!(" by {holder}")))]
    Taken {
        /// The port.
        port: u16,
        /// Who, where it is known.
        holder: Option<PortHolder>,
    },
    /// Low ports are not for everyone.
    #[error(
        "this user may not listen on port {port}; run as root, allow it (setcap cap_net_bind_service+ep on acmite), or have another port forwarded and give that"
    )]
    NotAllowed {
        /// The port.
        port: u16,
    },
    /// Neither IPv4 nor IPv6.
    #[error("the machine has neither IPv4 nor IPv6 to listen on; see its network settings")]
    NoNetwork,
    /// The system refuses otherwise.
    #[error("port {port} cannot be listened on; see what the system says")]
    Refused {
        /// The port.
        port: u16,
        /// What it said.
        source: io::Error,
    },
}

impl ListenError {
    fn of(port: u16, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::Taken { port, holder: port_holder(Path::new("/proc"), port) },
            io::ErrorKind::PermissionDenied => Self::NotAllowed { port },
            _ => Self::Refused { port, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn both_families_are_served_until_the_server_is_dropped() {
        let greet = |mut stream: TcpStream| async move { stream.write_all(b"hello").await.unwrap_or_default() };
        let server = Server::start(0, greet).expect("a port");
        let addresses = server.addresses().to_vec();
        assert!(addresses.iter().any(SocketAddr::is_ipv4));
        for address in &addresses {
            let ip = if address.is_ipv4() { "127.0.0.1" } else { "::1" };
            let mut stream = TcpStream::connect((ip, address.port())).await.expect("connected");
            let mut text = String::new();
            stream.read_to_string(&mut text).await.expect("read");
            assert_eq!(text, "hello");
        }
        drop(server);
        // The sockets go with the tasks, which end at their next turn.
        while TcpStream::connect(("127.0.0.1", addresses[0].port())).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_told_with_its_holder() {
        let other = StdListener::bind("0.0.0.0:0").expect("a port");
        let port = other.local_addr().expect("an address").port();
        let refused = Server::start(port, |_| async {}).expect_err("taken");
        assert!(refused.to_string().contains(&format!("(process {})", std::process::id())), "{refused}");
    }
}
