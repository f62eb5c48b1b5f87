//! Resolvers over TLS and HTTPS.

use std::net::SocketAddr;
use std::sync::Arc;

use acmite::dns::{Dns, DnsOptions, ZoneError};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::world::{World, target};

#[derive(Clone, Copy)]
enum Protocol {
    Tls,
    Https,
}

/// Takes questions over TLS and lets `upstream` answer them; ends when dropped.
struct Encrypted {
    port: u16,
    certificate_pem: String,
    _task: JoinSet<()>,
}

impl Encrypted {
    async fn start(protocol: Protocol, upstream: SocketAddr) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::clone(made.cert.der())], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that does not trust the certificate ends the handshake.
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                match protocol {
                    Protocol::Tls => over_tls(stream, upstream).await,
                    Protocol::Https => over_https(stream, upstream).await,
                }
            }
        });
        Self { port, certificate_pem: made.cert.pem(), _task: task }
    }
}

async fn over_tls(mut stream: impl AsyncRead + AsyncWrite + Unpin, upstream: SocketAddr) {
    let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut question).await.unwrap();
    let answer = ask(upstream, &question).await;
    stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
    stream.write_all(&answer).await.unwrap();
    stream.shutdown().await.unwrap();
}

async fn over_https(mut stream: impl AsyncRead + AsyncWrite + Unpin, upstream: SocketAddr) {
    let mut request = Vec::new();
    let question = loop {
        stream.read_buf(&mut request).await.unwrap();
        if let Some(question) = body(&request) {
            break question;
        }
    };
    let answer = ask(upstream, &question).await;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    stream.write_all(&[head.as_bytes(), &answer].concat()).await.unwrap();
    stream.shutdown().await.unwrap();
}

/// The body once all of it is there; the request must be the one of RFC 8484 section 4.1.
fn body(request: &[u8]) -> Option<Vec<u8>> {
    let end = request.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(request[..end].to_vec()).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("post /dns-query http/1.1"), "{head}");
    assert!(head.contains("content-type: application/dns-message"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let body = &request[end..];
    (body.len() == length.parse::<usize>().unwrap()).then(|| body.to_vec())
}

async fn ask(upstream: SocketAddr, question: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(upstream).await.unwrap();
    stream.write_u16(u16::try_from(question.len()).unwrap()).await.unwrap();
    stream.write_all(question).await.unwrap();
    let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut answer).await.unwrap();
    answer
}

fn dns(resolvers: &[String], roots_pem: Option<&str>) -> Dns {
    let resolvers = resolvers.iter().map(|resolver| resolver.parse().unwrap()).collect();
    let roots_pem = roots_pem.map(|pem| pem.as_bytes().to_vec());
    Dns::new(DnsOptions { resolvers, zone: None, roots_pem }).unwrap()
}

#[tokio::test]
async fn an_encrypted_resolver_finds_the_zone_if_its_certificate_is_trusted() {
    let world = World::start(&["example.test"], 1).await;
    let plain = world.resolver.resolver_addr();
    for protocol in [Protocol::Tls, Protocol::Https] {
        let server = Encrypted::start(protocol, plain).await;
        let url = match protocol {
            Protocol::Tls => format!("tls://localhost:{}", server.port),
            Protocol::Https => format!("https://localhost:{}/dns-query", server.port),
        };
        // The plain one has the port of the lab, and is asked only if the first fails.
        let trusted = dns(&[url.clone(), plain.to_string()], Some(&server.certificate_pem));
        assert_eq!(target(&trusted, "www.example.test").await.unwrap().zone.apex.as_str(), "example.test");
        let asked = world.resolver.queries().len();
        let error = target(&dns(&[url], None), "www.example.test").await.unwrap_err();
        assert!(matches!(error, ZoneError::NoResolver { .. }), "{error}");
        assert_eq!(world.resolver.queries().len(), asked);
    }
}
