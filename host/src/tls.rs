//! TLS as a client: whom to trust, with the system's roots read once for all connections, when the first needs them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// For HTTPS, over HTTP/2 where the server has it. Trusts the system's roots and, where given, those of a PEM text.
///
/// Each configuration keeps TLS sessions of its own (RFC 8446 section 2.2), so that none is resumed under another trust.
pub fn https(roots_pem: Option<&[u8]>) -> Result<ClientConfig, BadRoots> {
    let mut config = bare(roots_pem)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The same for a protocol that no ALPN name is asked for.
pub fn bare(roots_pem: Option<&[u8]>) -> Result<ClientConfig, BadRoots> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let given = roots_pem.map(|pem| verifier(pem, Arc::clone(&provider))).transpose()?;
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs has what TLS 1.2 and 1.3 take")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trust { provider: Arc::clone(&provider), given }))
        .with_no_client_auth();
    Ok(config)
}

/// The roots of the user first: what they are for needs none of the system's hundreds.
#[derive(Debug)]
struct Trust {
    provider: Arc<CryptoProvider>,
    given: Option<Arc<WebPkiServerVerifier>>,
}

fn verifier(roots_pem: &[u8], provider: Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, BadRoots> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(roots_pem) {
        roots.add(root.map_err(|_| BadRoots)?).map_err(|_| BadRoots)?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(|_| BadRoots)
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let by = |verifier: &dyn ServerCertVerifier| verifier.verify_server_cert(leaf, intermediates, name, ocsp, now);
        let refused = match self.given.as_ref().map(|given| by(given.as_ref())) {
            Some(Ok(verified)) => return Ok(verified),
            Some(Err(refused)) => Some(refused),
            None => None,
        };
        match (system(&self.provider).and_then(|system| by(system.as_ref())), refused) {
            (Err(_), Some(refused)) if !is_unknown_issuer(&refused) => Err(refused),
            (verdict, _) => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn is_unknown_issuer(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
}

/// What the system trusts, read by whoever needs it first and kept for the others.
fn system(provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    static KEPT: Mutex<Option<(Instant, Arc<dyn ServerCertVerifier>)>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((read_at, verifier)) = &*kept
        && read_at.elapsed() < READ_AGAIN_AFTER
    {
        return Ok(Arc::clone(verifier));
    }
    tracing::debug!("reading the system's root certificates");
    let read = rustls_platform_verifier::Verifier::new(Arc::clone(provider));
    let verifier: Arc<dyn ServerCertVerifier> = Arc::new(read.map_err(|_| no_system_roots())?);
    *kept = Some((Instant::now(), Arc::clone(&verifier)));
    Ok(verifier)
}

/// A service runs for months, and the system's roots are brought up to date meanwhile.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// As a certificate that is not trusted, which is what it comes to.
fn no_system_roots() -> rustls::Error {
    CertificateError::Other(OtherError(Arc::new(NoSystemRoots))).into()
}

#[derive(Debug, thiserror::Error)]
#[error("this system has no root certificates; install them (package ca-certificates)")]
struct NoSystemRoots;

/// The roots that were given are not PEM, or one of them is no certificate, or there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the roots are not all readable PEM certificates")]
pub struct BadRoots;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::{HandshakeKind, ServerConfig};
    use rustls_pki_types::PrivatePkcs8KeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    struct Server {
        acceptor: TlsAcceptor,
        root_pem: String,
    }

    fn server() -> Server {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate");
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate with its key");
        Server { acceptor: TlsAcceptor::from(Arc::new(config)), root_pem: certificate.pem() }
    }

    impl Server {
        /// One connection with a byte from the server, before which its ticket came.
        async fn visit(&self, config: &Arc<ClientConfig>) -> std::io::Result<Option<HandshakeKind>> {
            let (near, far) = tokio::io::duplex(64 * 1024);
            let serve = async {
                let mut stream = self.acceptor.accept(far).await?;
                stream.write_all(b".").await?;
                stream.flush().await?;
                std::io::Result::Ok(stream)
            };
            let connect = async {
                let name = ServerName::try_from("localhost").expect("a name");
                let mut stream = TlsConnector::from(Arc::clone(config)).connect(name, near).await?;
                stream.read_u8().await?;
                std::io::Result::Ok(stream.get_ref().1.handshake_kind())
            };
            let (_server, kind) = tokio::join!(serve, connect);
            kind
        }
    }

    #[tokio::test]
    async fn a_session_is_resumed_by_its_own_configuration_alone() {
        let server = server();
        let config = || Arc::new(bare(Some(server.root_pem.as_bytes())).expect("a configuration"));
        let (own, other) = (config(), config());
        for (config, kind) in
            [(&own, HandshakeKind::Full), (&own, HandshakeKind::Resumed), (&other, HandshakeKind::Full)]
        {
            assert_eq!(server.visit(config).await.expect("a connection"), Some(kind));
        }
    }

    #[tokio::test]
    async fn who_is_below_none_of_the_roots_is_not_trusted() {
        let config = Arc::new(bare(Some(server().root_pem.as_bytes())).expect("a configuration"));
        let refused = server().visit(&config).await.expect_err("another's certificate");
        assert!(refused.get_ref().is_some_and(|error| error.is::<rustls::Error>()), "{refused}");
    }

    #[test]
    fn roots_that_are_none_are_refused() {
        for text in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(https(Some(text.as_bytes())), Err(BadRoots)), "{text:?}");
        }
        assert!(https(None).is_ok_and(|config| config.alpn_protocols == [&b"h2"[..], b"http/1.1"]));
    }
}
