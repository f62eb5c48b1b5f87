//! Whether a chain leads to a root, as a TLS client would see it.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Checks that the chain (PEM, leaf first) leads to one of the roots (PEM) and is valid for `name` at `unix_seconds`.
pub fn verify_chain(chain_pem: &str, roots_pem: &[u8], name: &str, unix_seconds: u64) -> Result<(), TrustError> {
    let ders = |pem: &[u8]| CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let chain = ders(chain_pem.as_bytes()).map_err(|_| TrustError::NoChain)?;
    let (leaf, intermediates) = chain.split_first().ok_or(TrustError::NoChain)?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(ders(roots_pem).map_err(|_| TrustError::NoRoot)?);
    if added == 0 {
        return Err(TrustError::NoRoot);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_| TrustError::NoRoot)?;
    // A wildcard is checked by a name it is for.
    let concrete = name.strip_prefix("*.").map_or_else(|| name.to_owned(), |base| format!("acmite-check.{base}"));
    let server = ServerName::try_from(concrete).map_err(|_| TrustError::NotAName { name: name.to_owned() })?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(unix_seconds));
    verifier
        .verify_server_cert(leaf, intermediates, &server, &[], now)
        .map(|_| ())
        .map_err(|source| TrustError::Refused { name: name.to_owned(), source })
}

/// Why a client would not trust a chain.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// No certificates in the chain.
    #[error("the chain holds no PEM certificate; issue it again")]
    NoChain,
    /// No usable root.
    #[error("the roots hold no usable PEM certificate; give the file of the CA's root")]
    NoRoot,
    /// Not a server's name.
    #[error("{name:?} is no name of a server")]
    NotAName {
        /// As given.
        name: String,
    },
    /// It does not lead there, is expired, or is for other names.
    #[error("a client would not accept it for {name}: {source}")]
    Refused {
        /// The name.
        name: String,
        /// Why not.
        source: rustls::Error,
    },
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;

    struct Made {
        root: String,
        chain: String,
        now: u64,
    }

    fn made() -> Made {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root");
        let names = vec!["example.com".to_owned(), "*.example.com".to_owned()];
        let leaf = CertificateParams::new(names).expect("names");
        let leaf = leaf.signed_by(&KeyPair::generate().expect("a key"), &root).expect("a leaf");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        Made { root: root.pem(), chain: leaf.pem(), now: now.as_secs() }
    }

    #[test]
    fn a_chain_is_good_for_its_names_below_its_root_alone() {
        let Made { root, chain, now } = made();
        for name in ["example.com", "*.example.com"] {
            verify_chain(&chain, root.as_bytes(), name, now).expect(name);
        }
        assert!(verify_chain(&chain, root.as_bytes(), "example.org", now).is_err());
        assert!(verify_chain(&chain, made().root.as_bytes(), "example.com", now).is_err());
        assert!(matches!(verify_chain(&chain, b"", "example.com", now), Err(TrustError::NoRoot)));
    }

    #[test]
    fn an_expired_chain_is_refused() {
        let Made { root, chain, now } = made();
        let in_three_thousand_years = now + 3000 * 365 * 86_400;
        let error = verify_chain(&chain, root.as_bytes(), "example.com", in_three_thousand_years);
        assert!(matches!(error, Err(TrustError::Refused { .. })));
    }
}
