//! One HTTP listener on loopback, plain or TLS, that ends with all its connections when dropped.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::HandshakeKind;

/// The connection is to be cut instead of an answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is cut on request")]
pub(crate) struct Cut;

/// A bound port that does not answer yet: its address is needed to make what answers.
pub(crate) struct Port {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Port {
    pub(crate) async fn bind() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub(crate) fn serve<H, F>(self, tls: Option<TlsAcceptor>, handler: H) -> Serving
    where
        H: Fn(http::Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<http::Response<Body>, Cut>> + Send + 'static,
    {
        let tally = Arc::<Tally>::default();
        let task = tokio::spawn(accept(self.listener, tls, Arc::new(handler), Arc::clone(&tally)));
        Serving { task, tally }
    }
}

/// A listener at work.
#[derive(Debug)]
pub(crate) struct Serving {
    task: JoinHandle<()>,
    tally: Arc<Tally>,
}

impl Serving {
    /// What it has taken so far.
    pub(crate) fn connections(&self) -> Connections {
        let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let Tally { taken, full, resumed } = &*self.tally;
        Connections { taken: read(taken), full_handshakes: read(full), resumed_handshakes: read(resumed) }
    }
}

/// The connections to one listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Of TCP, whatever became of them.
    pub taken: usize,
    /// TLS handshakes with certificate and key exchange.
    pub full_handshakes: usize,
    /// TLS handshakes that took up an earlier session (RFC 8446 section 2.2).
    pub resumed_handshakes: usize,
}

#[derive(Debug, Default)]
struct Tally {
    taken: AtomicUsize,
    full: AtomicUsize,
    resumed: AtomicUsize,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept<H, F>(listener: TcpListener, tls: Option<TlsAcceptor>, handler: Arc<H>, tally: Arc<Tally>)
where
    H: Fn(http::Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<http::Response<Body>, Cut>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tally.taken.fetch_add(1, Ordering::Relaxed);
        connections.spawn(converse(stream, tls.clone(), Arc::clone(&handler), Arc::clone(&tally)));
        while connections.try_join_next().is_some() {}
    }
}

async fn converse<H, F>(stream: TcpStream, tls: Option<TlsAcceptor>, handler: Arc<H>, tally: Arc<Tally>)
where
    H: Fn(http::Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<http::Response<Body>, Cut>> + Send + 'static,
{
    let Some(tls) = tls else { return speak(stream, handler).await };
    match tls.accept(stream).await {
        Ok(stream) => {
            let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
            let count = if resumed { &tally.resumed } else { &tally.full };
            count.fetch_add(1, Ordering::Relaxed);
            speak(stream, handler).await;
        }
        Err(error) => tracing::debug!(%error, "a client did not finish the TLS handshake"),
    }
}

async fn speak<H, F>(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, handler: Arc<H>)
where
    H: Fn(http::Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<http::Response<Body>, Cut>> + Send + 'static,
{
    let service = service_fn(move |request| handler(request));
    if let Err(error) = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The body, unless it is longer than [`BODY_MAX_BYTES`].
pub(crate) async fn body(incoming: Incoming) -> Option<bytes::Bytes> {
    axum::body::to_bytes(Body::new(incoming), BODY_MAX_BYTES).await.ok()
}

const BODY_MAX_BYTES: usize = 1 << 20;
