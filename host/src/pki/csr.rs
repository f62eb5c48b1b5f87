//! Certificate signing requests (RFC 2986).

use rcgen::{CertificateParams, DistinguishedName};

use super::key::CertificateKey;
use crate::name::CertName;

/// A request for `names`, DER; they stand in subjectAltName alone, as CAs no longer want a common name.
pub fn csr_der(key: &CertificateKey, names: &[CertName]) -> Result<Vec<u8>, CsrError> {
    let made = || {
        let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(&key.0)?.der().to_vec())
    };
    made().map_err(|source| CsrError { source })
}

/// A request that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the certificate request could not be made; try another key type")]
pub struct CsrError {
    source: rcgen::Error,
}
