//! A certificate signing request (RFC 2986) of the user's own, whose key acmite never has.

use std::net::IpAddr;

use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509CertificationRequest};
use x509_parser::public_key::PublicKey;

use crate::digest::sha256_hex;
use crate::name::{CertName, Host};
use crate::words::one_line;

/// A request as it is handed in, and what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest {
    der: Vec<u8>,
    names: Vec<CertName>,
    public_key_info: Vec<u8>,
}

impl CertificateRequest {
    /// Reads PEM or DER; takes nothing that a CA must refuse by RFC 8555 section 7.4 or would refuse as weak.
    pub fn read(bytes: &[u8]) -> Result<Self, RequestError> {
        let der = der(bytes)?;
        let (rest, request) = X509CertificationRequest::from_der(&der).map_err(|_| RequestError::Damaged)?;
        if !rest.is_empty() {
            return Err(RequestError::Damaged);
        }
        check_key(&request)?;
        check_signature(&request)?;
        let names = names(&request)?;
        let public_key_info = request.certification_request_info.subject_pki.raw.to_vec();
        Ok(Self { names, public_key_info, der })
    }

    /// As it goes to the CA, byte for byte.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The same as PEM.
    pub fn to_pem(&self) -> String {
        let text = data_encoding::BASE64.encode(&self.der);
        let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("-----BEGIN {LABEL}-----\n{}\n-----END {LABEL}-----\n", lines.join("\n"))
    }

    /// What it is for: the names of subjectAltName in their order, then the common name if it is none of them.
    pub fn names(&self) -> &[CertName] {
        &self.names
    }

    /// The key as SubjectPublicKeyInfo, DER.
    pub fn public_key_info(&self) -> &[u8] {
        &self.public_key_info
    }

    /// What tells this request from others, in 16 hexadecimal digits.
    pub fn id(&self) -> String {
        sha256_hex(&self.der)[..16].to_owned()
    }
}

const LABEL: &str = "CERTIFICATE REQUEST";
/// As some programs of Windows write it.
const OLD_LABEL: &str = "NEW CERTIFICATE REQUEST";

fn der(bytes: &[u8]) -> Result<Vec<u8>, RequestError> {
    if bytes.first() == Some(&DER_SEQUENCE) {
        return Ok(bytes.to_vec());
    }
    let blocks: Vec<Pem> = Pem::iter_from_buffer(bytes).filter_map(Result::ok).collect();
    match blocks.iter().find(|block| block.label == LABEL || block.label == OLD_LABEL) {
        Some(request) => Ok(request.contents.clone()),
        None => Err(RequestError::NotARequest { found: blocks.iter().map(|block| one_line(&block.label)).collect() }),
    }
}

const DER_SEQUENCE: u8 = 0x30;

fn check_key(request: &X509CertificationRequest<'_>) -> Result<(), RequestError> {
    match request.certification_request_info.subject_pki.parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() < FEWEST_RSA_BITS => {
            Err(RequestError::ShortKey { bits: key.key_size() })
        }
        Ok(_) => Ok(()),
        Err(_) => Err(RequestError::Damaged),
    }
}

/// CAs take no shorter one (Baseline Requirements, section 6.1.5).
const FEWEST_RSA_BITS: usize = 2048;

fn check_signature(request: &X509CertificationRequest<'_>) -> Result<(), RequestError> {
    use x509_parser::error::X509Error;
    let algorithm = request.signature_algorithm.algorithm.to_id_string();
    let named = WEAK.iter().find(|(oid, _)| *oid == algorithm).map(|(_, name)| (*name).to_owned());
    if let Some(algorithm) = named {
        return Err(RequestError::WeakSignature { algorithm });
    }
    match request.verify_signature() {
        Ok(()) => Ok(()),
        Err(X509Error::SignatureVerificationError) => Err(RequestError::Forged),
        Err(_) => Err(RequestError::UnknownSignature { algorithm }),
    }
}

/// Of RFC 3279 section 2.2.
const WEAK: [(&str, &str); 5] = [
    ("1.2.840.113549.1.1.2", "MD2 with RSA"),
    ("1.2.840.113549.1.1.4", "MD5 with RSA"),
    ("1.2.840.113549.1.1.5", "SHA-1 with RSA"),
    ("1.3.14.3.2.29", "SHA-1 with RSA"),
    ("1.2.840.10045.4.1", "SHA-1 with ECDSA"),
];

fn names(request: &X509CertificationRequest<'_>) -> Result<Vec<CertName>, RequestError> {
    let mut names: Vec<CertName> = Vec::new();
    let mut take = |text: &str| {
        let bad = |why| RequestError::BadName { name: text.to_owned(), why };
        let name = CertName::parse(text).map_err(|error| bad(error.to_string()))?;
        // The CA compares what stands in the request with what is ordered.
        if !name.to_string().eq_ignore_ascii_case(text) {
            return Err(bad(format!("it must be written as {name}")));
        }
        if !names.contains(&name) {
            names.push(name);
        }
        Ok(())
    };
    for extension in request.requested_extensions().into_iter().flatten() {
        if let ParsedExtension::SubjectAlternativeName(alternative) = extension {
            alternative.general_names.iter().try_for_each(|name| take(&text(name)?))?;
        }
    }
    for common_name in request.certification_request_info.subject.iter_common_name() {
        take(common_name.as_str().map_err(|_| RequestError::Damaged)?)?;
    }
    if names.is_empty() { Err(RequestError::NoNames) } else { Ok(names) }
}

fn text(name: &GeneralName<'_>) -> Result<String, RequestError> {
    let other =
        |kind, name: &dyn std::fmt::Display| Err(RequestError::OtherName { kind, name: one_line(&name.to_string()) });
    match name {
        GeneralName::DNSName(text) if is_address(text) => {
            let why = "an address stands in the subjectAltName as iPAddress".to_owned();
            Err(RequestError::BadName { name: (*text).to_owned(), why })
        }
        GeneralName::DNSName(text) => Ok((*text).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.map(|address| address.to_string()).map_err(|_| RequestError::Damaged)
        }
        GeneralName::RFC822Name(text) => other("an e-mail address", text),
        GeneralName::URI(text) => other("a URI", text),
        GeneralName::DirectoryName(name) => other("a directory name", name),
        GeneralName::RegisteredID(oid) => other("a registered id", oid),
        _ => other("a name of a kind of its own", &""),
    }
}

/// An order for it would be for another identifier than what stands there.
fn is_address(text: &str) -> bool {
    CertName::parse(text).is_ok_and(|name| matches!(name.base(), Host::Ip(_)))
}

/// Why a file is no request that a CA would take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Neither PEM nor DER, or PEM of something else.
    #[error(
        "it holds {}; give a certificate request, as `openssl req -new` makes one",
        if found.is_empty() { "no PEM and no DER".to_owned() } else { format!("{} and no CERTIFICATE REQUEST", found.join(", ")) }
    )]
    NotARequest {
        /// Labels of the PEM blocks.
        found: Vec<String>,
    },
    /// It cannot be read to its end.
    #[error("the certificate request is damaged; make it anew")]
    Damaged,
    /// The signature is not that of the key in it.
    #[error("the certificate request is not signed by its own key, or was changed; make it anew")]
    Forged,
    /// CAs no longer take it.
    #[error("the certificate request is signed with {algorithm}, which CAs refuse; make it anew with SHA-256")]
    WeakSignature {
        /// Its algorithm.
        algorithm: String,
    },
    /// acmite cannot check it.
    #[error(
        "the certificate request is signed by an algorithm that acmite does not know ({algorithm}); use RSA, ECDSA on \
         P-256 or P-384, or Ed25519, with SHA-256 or SHA-384"
    )]
    UnknownSignature {
        /// Its object identifier.
        algorithm: String,
    },
    /// The key is too short.
    #[error("the certificate request is for an RSA key of {bits} bits; CAs take none below {FEWEST_RSA_BITS}")]
    ShortKey {
        /// Of its modulus.
        bits: usize,
    },
    /// It is for nothing.
    #[error("the certificate request names nothing; put names into its subjectAltName")]
    NoNames,
    /// A name that is none.
    #[error("the certificate request is for {name:?}, which no ACME CA takes: {why}")]
    BadName {
        /// As it stands there.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A name of a kind that ACME has no identifier for.
    #[error("the certificate request names {kind} ({name}); ACME knows DNS names and IP addresses alone")]
    OtherName {
        /// What it is.
        kind: &'static str,
        /// As text.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn request(sans: &[SanType], common_name: Option<&str>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.subject_alt_names = sans.to_vec();
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.serialize_request(&KeyPair::generate().expect("a key")).expect("a request").der().to_vec()
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().expect("a name"))
    }

    #[test]
    fn the_names_are_those_of_the_extension_and_the_common_name_and_pem_is_der_again() {
        let address = SanType::IpAddress("192.0.2.1".parse().expect("an address"));
        let der = request(&[dns("*.example.com"), address], Some("Example.com"));
        let read = CertificateRequest::read(&der).expect("a request");
        let names: Vec<String> = read.names().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["*.example.com", "192.0.2.1", "example.com"]);
        let pem = read.to_pem();
        assert!(pem.lines().all(|line| line.len() <= 64));
        assert_eq!(CertificateRequest::read(pem.as_bytes()), Ok(read.clone()));
        let old = format!("some words\n{}", pem.replace(LABEL, OLD_LABEL));
        assert_eq!(CertificateRequest::read(old.as_bytes()), Ok(read));
    }

    #[test]
    fn what_acme_has_no_identifier_for_and_what_names_nothing_is_refused() {
        let mail = SanType::Rfc822Name("me@example.com".try_into().expect("an address"));
        let refused = CertificateRequest::read(&request(&[dns("a.example"), mail], None));
        assert!(matches!(refused, Err(RequestError::OtherName { kind: "an e-mail address", .. })), "{refused:?}");
        assert_eq!(CertificateRequest::read(&request(&[], None)), Err(RequestError::NoNames));
        let refused = CertificateRequest::read(&request(&[], Some("My Server")));
        assert!(matches!(refused, Err(RequestError::BadName { .. })), "{refused:?}");
        let refused = CertificateRequest::read(&request(&[], Some("b\u{fc}cher.example"))).expect_err("refused");
        assert!(refused.to_string().ends_with("it must be written as xn--bcher-kva.example"), "{refused}");
    }

    #[test]
    fn what_it_says_begins_no_line_of_acmites_own() {
        let uri = SanType::URI("https://a/\x1b[2J\nerror: b".try_into().expect("a URI"));
        let refused = CertificateRequest::read(&request(&[uri], None)).expect_err("refused").to_string();
        assert!(refused.contains("https://a/\u{fffd}[2J\u{fffd}error: b"), "{refused:?}");
        let label = b"-----BEGIN A\x1b[2J-----\nAAAA\n-----END A\x1b[2J-----\n";
        let found = vec!["A\u{fffd}[2J".to_owned()];
        assert_eq!(CertificateRequest::read(label), Err(RequestError::NotARequest { found }));
    }

    #[test]
    fn an_address_as_a_dns_name_is_refused_before_a_ca_does() {
        let refused = CertificateRequest::read(&request(&[dns("192.0.2.1")], None));
        assert!(matches!(&refused, Err(RequestError::BadName { name, .. }) if name == "192.0.2.1"), "{refused:?}");
    }

    #[test]
    fn a_byte_that_was_changed_shows() {
        let der = request(&[dns("a.example")], None);
        let at = der.windows(9).position(|window| window == b"a.example").expect("the name");
        let changed = |at: usize| {
            let mut bytes = der.clone();
            bytes[at] ^= 1;
            CertificateRequest::read(&bytes)
        };
        assert_eq!(changed(at), Err(RequestError::Forged));
        assert_eq!(changed(1), Err(RequestError::Damaged));
        assert_eq!(CertificateRequest::read(&[&der[..], b"\n"].concat()), Err(RequestError::Damaged));
        let found = vec!["PRIVATE KEY".to_owned()];
        let key = KeyPair::generate().expect("a key").serialize_pem();
        assert_eq!(CertificateRequest::read(key.as_bytes()), Err(RequestError::NotARequest { found }));
        assert_eq!(CertificateRequest::read(b""), Err(RequestError::NotARequest { found: Vec::new() }));
    }
}
