//! An application's certificate, by whose key it proves itself to Microsoft Entra ID.
//!
//! "Microsoft identity platform application authentication certificate credentials" (seen 2026-11-28). PS256 is what that
//! page asks of new code; RS256 is taken everywhere, in the sovereign clouds and by AD FS too, and both thumbprints tell
//! which certificate it is.

use std::fmt;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rand::{SystemRandom, fill};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A certificate with its key.
#[derive(Clone)]
pub struct EntraCertificate {
    key: Arc<RsaKeyPair>,
    sha1: String,
    sha256: String,
}

impl fmt::Debug for EntraCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraCertificate").field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

impl EntraCertificate {
    /// Reads PEM with the certificate first of its chain, and its RSA key (PKCS #8 or PKCS #1, without a password).
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let certificate = CertificateDer::from_pem_slice(pem).map_err(|_| CertificateError::NoCertificate)?;
        let key = match PrivateKeyDer::from_pem_slice(pem).map_err(|_| CertificateError::NoKey)? {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(CertificateError::NotRsa),
        };
        let thumbprint = |algorithm| BASE64URL_NOPAD.encode(digest(algorithm, &certificate).as_ref());
        Ok(Self {
            key: Arc::new(key.map_err(|_| CertificateError::NotRsa)?),
            sha1: thumbprint(&SHA1_FOR_LEGACY_USE_ONLY),
            sha256: thumbprint(&SHA256),
        })
    }

    /// A JWT that says "I am `client_id`" to `audience` for ten minutes from `now` (Unix seconds).
    pub(super) fn assertion(&self, client_id: &str, audience: &str, now: u64) -> Zeroizing<String> {
        let mut id = [0u8; 16];
        // Without random bytes the signature would fail as well.
        let _ = fill(&mut id);
        let header = json!({"alg": "RS256", "typ": "JWT", "x5t": self.sha1, "x5t#S256": self.sha256});
        let claims = json!({"aud": audience, "iss": client_id, "sub": client_id, "jti": HEXLOWER.encode(&id),
            "nbf": now, "exp": now + ASSERTION_SECONDS});
        let part = |json: serde_json::Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let signed = self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature);
        signed.expect("the buffer is as long as the key's modulus");
        Zeroizing::new(format!("{message}.{}", BASE64URL_NOPAD.encode(&signature)))
    }
}

const ASSERTION_SECONDS: u64 = 600;

/// Why a file is no certificate that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No certificate in it.
    #[error("holds no certificate in PEM; write the certificate and its key into one file")]
    NoCertificate,
    /// No key in it.
    #[error("holds no private key in PEM without a password; add it below the certificate")]
    NoKey,
    /// Another kind of key.
    #[error("holds a key that is not RSA of at least 2048 bits; Entra takes only such ones")]
    NotRsa,
}
