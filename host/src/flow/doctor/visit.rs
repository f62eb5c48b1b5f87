//! A visit as a CA makes it, from this machine: what answers at a name's addresses.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::condition::Condition;
use crate::dns::Dns;
use crate::name::Host;
use crate::serve::http::TOKEN_PATH;
use crate::serve::tls::PROTOCOL;

/// Where a host's server is to be found.
pub(super) async fn addresses(dns: &Dns, host: &Host) -> Result<BTreeSet<IpAddr>, Condition> {
    let name = match host {
        Host::Ip(ip) => return Ok(BTreeSet::from([*ip])),
        Host::Dns(name) => name,
    };
    match dns.host_addresses(name).await {
        Err(answer) => Err(Condition::DnsUnanswered { name: name.to_string(), why: answer.to_string() }),
        Ok(none) if none.is_empty() => Err(Condition::NoAddress { name: name.to_string() }),
        Ok(found) => Ok(found),
    }
}

/// Why a visit did not meet what is served.
enum Missed {
    /// No connection.
    Nobody(String),
    /// Something else.
    Other(String),
}

impl Missed {
    fn condition(self, host: &Host, address: IpAddr, port: u16) -> Condition {
        let name = host.to_string();
        match self {
            Self::Nobody(why) => Condition::PortUnreachable { name, address, port, why },
            Self::Other(said) => Condition::AnsweredByOther { name, address, port, said },
        }
    }
}

/// Fetches a token as for http-01: plain HTTP on port 80, redirections followed (RFC 8555 section 8.3).
pub(super) async fn fetch(host: &Host, address: IpAddr, token: &str, expected: &str) -> Option<Condition> {
    let missed = fetched(host, address, token, expected).await.err()?;
    Some(missed.condition(host, address, HTTP_PORT))
}

const HTTP_PORT: u16 = 80;

async fn fetched(host: &Host, address: IpAddr, token: &str, expected: &str) -> Result<(), Missed> {
    let authority = SocketAddr::new(address, HTTP_PORT);
    let url = match host {
        Host::Dns(name) => format!("http://{name}{TOKEN_PATH}{token}"),
        Host::Ip(_) => format!("http://{authority}{TOKEN_PATH}{token}"),
    };
    let other = |error: reqwest::Error| Missed::Other(words(&error));
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(VISIT_TIME)
        .redirect(reqwest::redirect::Policy::limited(MOST_REDIRECTIONS))
        // A CA does not look at the certificate of a server it is redirected to.
        .tls_danger_accept_invalid_certs(true)
        .resolve(&host.to_string(), authority);
    let request = client.build().map_err(other)?.get(url);
    let reply = request.send().await.map_err(|error| match error.is_connect() || error.is_timeout() {
        true => Missed::Nobody(words(&error)),
        false => other(error),
    })?;
    let server = reply.headers().get("server").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (status, at) = (reply.status(), reply.url().clone());
    if reply.text().await.map_err(other)?.trim_end() == expected {
        return Ok(());
    }
    let server = server.map_or_else(|| "a server that does not name itself".to_owned(), |name| format!("{name:?}"));
    Err(Missed::Other(format!("{server} answered with status {} at {at}", status.as_u16())))
}

const VISIT_TIME: Duration = Duration::from_secs(10);
/// Let's Encrypt follows as many.
const MOST_REDIRECTIONS: usize = 10;

/// Looks for a certificate as for tls-alpn-01 (RFC 8737 section 3), on port 443.
pub(super) async fn shake_hands(host: &Host, address: IpAddr, certificate: &[u8]) -> Option<Condition> {
    let met = tokio::time::timeout(VISIT_TIME, met(host, address, certificate)).await;
    let missed = met.unwrap_or_else(|_| Err(Missed::Nobody("silent".to_owned()))).err()?;
    Some(missed.condition(host, address, TLS_PORT))
}

const TLS_PORT: u16 = 443;

async fn met(host: &Host, address: IpAddr, certificate: &[u8]) -> Result<(), Missed> {
    let stream = TcpStream::connect((address, TLS_PORT)).await.map_err(|error| Missed::Nobody(error.to_string()))?;
    let other = |why: &dyn std::fmt::Display| Missed::Other(format!("no TLS for a challenge ({why})"));
    let name = ServerName::try_from(host.server_name()).map_err(|error| other(&error))?;
    let config = curious_client().map_err(|error| other(&error))?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| other(&error))?;
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() != Some(PROTOCOL) {
        return Err(Missed::Other("a TLS server that does not speak acme-tls/1".to_owned()));
    }
    let shown = session.peer_certificates().and_then(<[_]>::first);
    let is_ours = shown.is_some_and(|shown| shown.as_ref() == certificate);
    is_ours.then_some(()).ok_or_else(|| Missed::Other("another server that speaks acme-tls/1".to_owned()))
}

fn curious_client() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

/// Takes every certificate: the caller compares it with its own, made for this visit. webpki, which would check the
/// signature, does not take certificates with the critical extension of RFC 8737.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The innermost cause: what is around it repeats the URL.
fn words(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().unwrap_or(error).to_string()
}
