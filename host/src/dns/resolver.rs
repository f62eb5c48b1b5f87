//! A resolver, asked in the clear, over TLS (RFC 7858) or over HTTPS (RFC 8484).

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use rustls_pki_types::ServerName;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

use super::transport::{AskError, Recursion, TCP_TIMEOUT, answer_to, ask, over_stream, question};
use crate::name::DnsName;
use crate::tls;

/// A resolver as users write it: `ADDR[:PORT]`, `tls://HOST[:PORT]` or `https://HOST/dns-query`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub enum Resolver {
    /// UDP and TCP.
    Plain(SocketAddr),
    /// DNS over TLS.
    Tls {
        /// A name or an address, checked against the certificate.
        host: String,
        /// 853 unless told otherwise.
        port: u16,
    },
    /// DNS over HTTPS.
    Https(Url),
}

impl FromStr for Resolver {
    type Err = ResolverError;

    fn from_str(text: &str) -> Result<Self, ResolverError> {
        let refuse = || ResolverError::NotOne { text: text.to_owned() };
        if text.starts_with("https://") {
            return Url::parse(text).map(Self::Https).map_err(|_| refuse());
        }
        if text.starts_with("tls://") {
            let url = Url::parse(text).map_err(|_| refuse())?;
            let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(refuse)?;
            let host = host.trim_matches(['[', ']']).to_owned();
            return Ok(Self::Tls { host, port: url.port().unwrap_or(TLS_PORT) });
        }
        let bare = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT));
        text.parse().or(bare).map(Self::Plain).map_err(|_| refuse())
    }
}

/// RFC 1035.
pub(super) const DNS_PORT: u16 = 53;
/// RFC 7858 section 3.1.
const TLS_PORT: u16 = 853;

impl fmt::Display for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(address) if address.port() == DNS_PORT => address.ip().fmt(f),
            Self::Plain(address) => address.fmt(f),
            Self::Tls { host, port } if host.contains(':') => write!(f, "tls://[{host}]:{port}"),
            Self::Tls { host, port } => write!(f, "tls://{host}:{port}"),
            Self::Https(url) => url.fmt(f),
        }
    }
}

impl From<SocketAddr> for Resolver {
    fn from(address: SocketAddr) -> Self {
        Self::Plain(address)
    }
}

impl From<Resolver> for String {
    fn from(resolver: Resolver) -> Self {
        resolver.to_string()
    }
}

/// The resolvers of the system, as it is configured.
pub(super) fn of_the_system() -> Result<Vec<Resolver>, ResolverError> {
    let (config, _) = hickory_resolver::system_conf::read_system_conf()
        .map_err(|error| ResolverError::NoSystemConfig { why: error.to_string() })?;
    let port = |connections: &[hickory_resolver::config::ConnectionConfig]| connections.first().map(|c| c.port);
    let addresses = config.name_servers.iter().map(|s| (s.ip, port(&s.connections).unwrap_or(DNS_PORT)));
    let mut all: Vec<Resolver> = addresses.map(|address| Resolver::Plain(address.into())).collect();
    all.dedup();
    if all.is_empty() {
        return Err(ResolverError::NoSystemConfig { why: "it names none".into() });
    }
    Ok(all)
}

/// What encrypted resolvers are asked with.
#[derive(Clone, Debug)]
pub(super) struct Encrypted {
    https: reqwest::Client,
    tls: Arc<rustls::ClientConfig>,
}

impl Encrypted {
    /// Trusts the system's certificates and these.
    pub(super) fn new(roots_pem: Option<&[u8]>) -> Result<Self, ResolverError> {
        let no_tls = |error: &dyn std::error::Error| ResolverError::NoTls { why: error.to_string() };
        let over_tls = tls::bare(roots_pem).map_err(|error| no_tls(&error))?;
        let https = reqwest::Client::builder()
            .no_proxy()
            .https_only(true)
            .timeout(TCP_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(tls::https(roots_pem).map_err(|error| no_tls(&error))?)
            .build()
            .map_err(|error| no_tls(&error))?;
        Ok(Self { https, tls: Arc::new(over_tls) })
    }

    pub(super) async fn ask(
        &self,
        resolver: &Resolver,
        name: &DnsName,
        kind: RecordType,
        recursion: Recursion,
    ) -> Result<Message, AskError> {
        let question = question(name, kind, recursion)?;
        let answer = match resolver {
            Resolver::Plain(address) => return ask(*address, name, kind, recursion).await,
            Resolver::Https(url) => self.over_https(url, &question).await,
            Resolver::Tls { host, port } => {
                let answer = timeout(TCP_TIMEOUT, self.over_tls(host, *port, &question)).await;
                answer.unwrap_or_else(|elapsed| Err(elapsed.into()))
            }
        };
        answer.map_err(|error| AskError::Encrypted { why: error.to_string() })
    }

    async fn over_tls(&self, host: &str, port: u16, question: &Message) -> io::Result<Message> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let plain = TcpStream::connect((host, port)).await?;
        over_stream(TlsConnector::from(Arc::clone(&self.tls)).connect(name, plain).await?, question).await
    }

    async fn over_https(&self, url: &Url, question: &Message) -> io::Result<Message> {
        let body = question.to_vec().map_err(io::Error::other)?;
        let request = self.https.post(url.clone()).body(body);
        let request = request.header("content-type", MEDIA_TYPE).header("accept", MEDIA_TYPE);
        let mut reply = request.send().await.and_then(reqwest::Response::error_for_status).map_err(io::Error::other)?;
        let mut bytes = Vec::new();
        while let Some(part) = reply.chunk().await.map_err(io::Error::other)? {
            bytes.extend(part);
            if bytes.len() > usize::from(u16::MAX) {
                return Err(io::Error::other("longer than a DNS message can be"));
            }
        }
        answer_to(question, &bytes)
    }
}

/// RFC 8484 section 6.
const MEDIA_TYPE: &str = "application/dns-message";

/// Why there is no resolver to ask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ResolverError {
    #[error("the system's DNS resolvers cannot be read ({why}); name one with --dns-resolver")]
    NoSystemConfig { why: String },
    #[error("{text:?} is no resolver; write ADDR, ADDR:PORT, tls://HOST[:PORT] or https://HOST/dns-query")]
    NotOne { text: String },
    #[error("encrypted resolvers cannot be asked ({why}); check the certificates given, or give a plain resolver")]
    NoTls { why: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_is_read_in_every_form_and_shown_so_that_it_can_be_read_again() {
        for (text, shown) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:5353", "192.0.2.1:5353"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:5353", "[2001:db8::1]:5353"),
            ("tls://dns.example", "tls://dns.example:853"),
            ("tls://[2001:db8::1]:8853", "tls://[2001:db8::1]:8853"),
            ("https://dns.example/dns-query", "https://dns.example/dns-query"),
        ] {
            let resolver: Resolver = text.parse().expect(text);
            assert_eq!(resolver.to_string(), shown);
            assert_eq!(shown.parse::<Resolver>().as_ref(), Ok(&resolver));
        }
    }

    #[test]
    fn what_is_no_resolver_is_refused_with_the_forms_that_are() {
        for text in ["", "dns.example", "http://dns.example/dns-query", "tls://", "192.0.2.1:port"] {
            let error = text.parse::<Resolver>().expect_err(text);
            assert!(error.to_string().contains("https://HOST/dns-query"), "{error}");
        }
    }
}
