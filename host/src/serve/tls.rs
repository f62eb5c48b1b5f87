//! The answers to tls-alpn-01 on a port of one's own (RFC 8737).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::listener::{ListenError, Server};

/// The protocol's name in ALPN. RFC 8737 section 6.2.
pub const PROTOCOL: &[u8] = b"acme-tls/1";

/// A certificate to show.
pub struct Shown {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Its key, PKCS#8 DER.
    pub key: Vec<u8>,
}

/// Serves certificates by the server name that a client asks for; only to CAs, which speak
/// [`PROTOCOL`].
pub fn serve_validation_certificates(
    port: u16,
    certificates: BTreeMap<String, Shown>,
) -> Result<Server, TlsServeError> {
    let by_name = certificates.into_iter().map(|(name, shown)| Ok((name, certified(shown)?)));
    let resolver = ByServerName(by_name.collect::<Result<_, rustls::Error>>()?);
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Ok(Server::start(port, move |stream| shake_hands(acceptor.clone(), stream))?)
}

fn certified(Shown { certificate, key }: Shown) -> Result<Arc<CertifiedKey>, rustls::Error> {
    let key = aws_lc_rs::sign::any_supported_type(&PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key)))?;
    Ok(Arc::new(CertifiedKey::new(vec![CertificateDer::from(certificate)], key)))
}

/// The handshake is all there is (RFC 8737 section 3).
async fn shake_hands(acceptor: TlsAcceptor, stream: TcpStream) {
    use tokio::io::AsyncWriteExt as _;
    match acceptor.accept(stream).await {
        Ok(mut stream) => stream.shutdown().await.unwrap_or_default(),
        Err(error) => tracing::debug!(%error, "a handshake for a challenge failed"),
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(..)")
    }
}

struct ByServerName(BTreeMap<String, Arc<CertifiedKey>>);

impl ResolvesServerCert for ByServerName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let speaks = hello.alpn().is_some_and(|mut protocols| protocols.any(|protocol| protocol == PROTOCOL));
        let name = hello.server_name()?.to_ascii_lowercase();
        speaks.then(|| self.0.get(&name).cloned())?
    }
}

impl fmt::Debug for ByServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why certificates could not be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsServeError {
    /// The port could not be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// TLS could not be set up with them.
    #[error("TLS could not be set up with the certificates that prove the names; report this")]
    Tls(#[from] rustls::Error),
}

#[cfg(test)]
mod tests {
    use rustls::ClientConfig;
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls_pki_types::{ServerName, UnixTime};
    use tokio_rustls::TlsConnector;

    use super::*;

    /// As a CA does, which looks at the certificate itself.
    #[derive(Debug)]
    struct Anything;

    impl ServerCertVerifier for Anything {
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
            _: &rustls::DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
        }
    }

    /// The certificate that a client sees who asks for a name and speaks a protocol.
    async fn seen(port: u16, name: &str, protocol: &[u8]) -> Option<Vec<u8>> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anything))
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
        let session = stream.get_ref().1;
        assert_eq!(session.alpn_protocol(), Some(PROTOCOL));
        session.peer_certificates().map(|chain| chain[0].to_vec())
    }

    #[tokio::test]
    async fn each_name_gets_its_certificate_and_only_for_the_acme_protocol() {
        let names = ["a.example", "1.2.0.192.in-addr.arpa"];
        let made = names.map(|name| rcgen::generate_simple_self_signed([name.to_owned()]).expect("made"));
        let shown = names.iter().zip(&made).map(|(name, made)| {
            let (certificate, key) = (made.cert.der().to_vec(), made.signing_key.serialize_der());
            ((*name).to_owned(), Shown { certificate, key })
        });
        let server = serve_validation_certificates(0, shown.collect()).expect("a port");
        let port = server.addresses()[0].port();
        for (name, made) in names.iter().zip(&made) {
            assert_eq!(seen(port, name, PROTOCOL).await, Some(made.cert.der().to_vec()));
        }
        assert_eq!(seen(port, "b.example", PROTOCOL).await, None);
        assert_eq!(seen(port, "a.example", b"h2").await, None);
    }
}
