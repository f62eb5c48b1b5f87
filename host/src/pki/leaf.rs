//! What stands in a certificate.

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};

use super::key::CertificateKey;
use crate::words::one_line;

/// What acmite wants to know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// Valid from.
    pub not_before: OffsetDateTime,
    /// Valid to.
    pub not_after: OffsetDateTime,
    /// The DNS names and addresses of subjectAltName, in its order.
    pub names: Vec<String>,
    /// The serial number's DER content bytes.
    pub serial: Vec<u8>,
    /// The issuer's name as text.
    pub issuer: String,
    /// The id in renewal information and `replaces` (RFC 9773 section 4.1); `None` without an authority key id.
    pub renewal_id: Option<String>,
    public_key_info: Vec<u8>,
}

impl Leaf {
    /// Reads the first certificate of a PEM text.
    pub fn from_pem(pem: &str) -> Result<Self, LeafError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| LeafError::NotPem)?;
        Self::from_der(&der)
    }

    /// Reads a certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, LeafError> {
        let (_, cert) = X509Certificate::from_der(der).map_err(|_| LeafError::NotX509)?;
        let moment = |seconds| OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| LeafError::NotX509);
        Ok(Self {
            der: der.to_vec(),
            not_before: moment(cert.validity().not_before.timestamp())?,
            not_after: moment(cert.validity().not_after.timestamp())?,
            names: names(&cert),
            serial: cert.raw_serial().to_vec(),
            issuer: one_line(&cert.issuer().to_string()),
            renewal_id: authority_key_id(&cert).map(|key_id| renewal_id(key_id, cert.raw_serial())),
            public_key_info: cert.public_key().raw.to_vec(),
        })
    }

    /// Its SubjectPublicKeyInfo, DER.
    pub fn public_key_info(&self) -> &[u8] {
        &self.public_key_info
    }

    /// Whether the certificate is for `key`.
    pub fn matches(&self, key: &CertificateKey) -> bool {
        self.is_for(&key.public_key_info())
    }

    /// Whether it is for the key with this SubjectPublicKeyInfo, DER.
    pub fn is_for(&self, public_key_info: &[u8]) -> bool {
        self.public_key_info == public_key_info
    }
}

/// Whether each certificate names the next as its issuer.
pub fn is_chain(ders: &[Vec<u8>]) -> bool {
    let parsed: Result<Vec<_>, _> = ders.iter().map(|der| X509Certificate::from_der(der)).collect();
    parsed.is_ok_and(|certs| certs.windows(2).all(|pair| pair[0].1.issuer().as_raw() == pair[1].1.subject().as_raw()))
}

fn names(cert: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = cert.subject_alternative_name() else { return Vec::new() };
    names.value.general_names.iter().filter_map(name).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) => Some(one_line(text)),
        GeneralName::IPAddress(bytes) => <[u8; 4]>::try_from(*bytes)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
            .map(|ip| ip.to_string())
            .ok(),
        _ => None,
    }
}

fn authority_key_id<'a>(cert: &'a X509Certificate<'_>) -> Option<&'a [u8]> {
    cert.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|key_id| key_id.0),
        _ => None,
    })
}

fn renewal_id(key_id: &[u8], serial: &[u8]) -> String {
    format!("{}.{}", BASE64URL_NOPAD.encode(key_id), BASE64URL_NOPAD.encode(serial))
}

/// A text or file that is no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// No PEM block.
    #[error("the text holds no PEM certificate; issue the certificate again")]
    NotPem,
    /// Not X.509.
    #[error("the certificate is damaged; issue it again")]
    NotX509,
}

#[cfg(test)]
mod tests {
    use super::super::csr::csr_der;
    use super::super::key::KeyType;
    use super::*;
    use crate::name::CertName;

    #[test]
    fn the_renewal_id_is_that_of_rfc_9773_section_4_1() {
        let key_id = [
            0x69, 0x88, 0x5B, 0x6B, 0x87, 0x46, 0x40, 0x41, 0xE1, 0xB3, 0x7B, 0x84, 0x7B, 0xA0, 0xAE, 0x2C, 0xDE, 0x01,
            0xC8, 0xD4,
        ];
        assert_eq!(renewal_id(&key_id, &[0, 0x87, 0x65, 0x43, 0x21]), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
    }

    #[test]
    fn a_certificate_matches_only_its_own_key() {
        let [own, other] = [(); 2].map(|()| CertificateKey::generate(KeyType::P256).expect("a key"));
        let names = ["example.com", "*.example.com", "192.0.2.1", "2001:db8::1"].map(str::to_owned).to_vec();
        let params = rcgen::CertificateParams::new(names.clone()).expect("parameters");
        let leaf = Leaf::from_pem(&params.self_signed(&own.0).expect("a certificate").pem()).expect("a leaf");
        assert!(leaf.matches(&CertificateKey::from_pem(&own.to_pem()).expect("its own PEM")));
        assert!(!leaf.matches(&other));
        assert_eq!(leaf.names, names);
    }

    #[test]
    fn a_request_carries_all_names() {
        let key = CertificateKey::generate(KeyType::P384).expect("a key");
        let names = ["example.com", "*.example.com"].map(|text| CertName::parse(text).expect("a name"));
        let der = csr_der(&key, &names).expect("a request");
        let contains = |text: &[u8]| der.windows(text.len()).any(|window| window == text);
        assert!(contains(b"\x0bexample.com") && contains(b"\x0d*.example.com"));
    }
}
