//! The certificate that proves a name by tls-alpn-01 (RFC 8737 section 3).

use std::fmt;

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};

use crate::name::Host;

/// A self-signed certificate with its key.
pub struct ValidationCertificate {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Its key, PKCS#8 DER; of no worth but for this.
    pub key: Vec<u8>,
}

impl ValidationCertificate {
    /// For one name or address, with the digest of the key authorization in the critical extension acmeIdentifier.
    pub fn new(host: &Host, digest: &[u8; 32]) -> Result<Self, ValidationCertificateError> {
        let made = || {
            let key = KeyPair::generate()?;
            let mut params = CertificateParams::new(vec![host.to_string()])?;
            params.distinguished_name = DistinguishedName::new();
            params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
            let certificate = params.self_signed(&key)?.der().to_vec();
            Ok(Self { certificate, key: key.serialize_der() })
        };
        made().map_err(|source| ValidationCertificateError { host: host.clone(), source })
    }
}

impl fmt::Debug for ValidationCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ValidationCertificate(..)")
    }
}

/// A certificate that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the certificate that proves {host} could not be made; try again, or prove it by another challenge")]
pub struct ValidationCertificateError {
    /// For what.
    pub host: Host,
    source: rcgen::Error,
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

    use super::*;
    use crate::name::CertName;

    #[test]
    fn it_names_one_host_and_holds_the_digest_in_a_critical_extension() {
        for (text, is_name) in [("example.com", true), ("2001:db8::1", false)] {
            let host = CertName::parse(text).expect("a name").base().clone();
            let made = ValidationCertificate::new(&host, &[7; 32]).expect("made");
            let (_, certificate) = X509Certificate::from_der(&made.certificate).expect("X.509");
            let names = certificate.subject_alternative_name().expect("readable").expect("there");
            assert_eq!(names.value.general_names.len(), 1);
            assert_eq!(matches!(names.value.general_names[0], GeneralName::DNSName(_)), is_name);
            let of_acme = |extension: &&x509_parser::prelude::X509Extension<'_>| {
                extension.oid.to_id_string() == "1.3.6.1.5.5.7.1.31"
            };
            let extension = certificate.extensions().iter().find(of_acme).expect("acmeIdentifier");
            assert!(extension.critical);
            // An OCTET STRING of 32 bytes.
            assert_eq!(extension.value, [&[4, 32][..], &[7; 32]].concat());
        }
    }
}
