//! The keys that sign: two roots, and one intermediate certified by both. All made afresh.

use std::collections::BTreeSet;

use rcgen::{BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose};
use rcgen::{IsCa, KeyPair, KeyUsagePurpose, SanType, SerialNumber};
use rustls_pki_types::CertificateSigningRequestDer;
use time::OffsetDateTime;
use x509_parser::prelude::FromDer as _;

use super::jws::Jwk;
use super::nonce::random;
use super::problem::Problem;
use super::server::CaError;
use super::tls::authority;

pub(super) struct Issuer {
    pub(super) root_pem: String,
    pub(super) alternate_root_pem: String,
    /// The intermediate, as certified by the root and by the alternate root.
    intermediate_pems: [String; 2],
    signer: rcgen::Issuer<'static, KeyPair>,
}

/// A request whose signature was verified.
pub(super) struct Request {
    verified: CertificateSigningRequestParams,
    /// DNS names of SAN and subject, lower case.
    pub(super) names: BTreeSet<String>,
}

impl Issuer {
    pub(super) fn generate() -> Result<Self, CaError> {
        let key = KeyPair::generate()?;
        let mut params = authority("acmite lab intermediate")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.use_authority_key_identifier_extension = true;
        let (root_pem, first) = certify("acmite lab root X1", &mut params, &key)?;
        let (alternate_root_pem, second) = certify("acmite lab root X2", &mut params, &key)?;
        let signer = rcgen::Issuer::new(params, key);
        Ok(Self { root_pem, alternate_root_pem, intermediate_pems: [first, second], signer })
    }

    /// The leaf's DER, for a request that was found to suit its order.
    pub(super) fn issue(
        &self,
        request: &Request,
        not_before: OffsetDateTime,
        not_after: OffsetDateTime,
    ) -> Result<Vec<u8>, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.not_before = not_before;
        params.not_after = not_after;
        params.serial_number = Some(serial());
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.distinguished_name = rcgen::DistinguishedName::new();
        let short = request.names.iter().find(|name| name.len() <= COMMON_NAME_MAX_CHARS);
        if let Some(name) = short {
            params.distinguished_name.push(DnType::CommonName, name.as_str());
        }
        for name in &request.names {
            params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
        }
        let signed = params.signed_by(&request.verified.public_key, &self.signer)?;
        Ok(signed.der().to_vec())
    }

    /// Leaf and intermediate as RFC 8555 section 9.1 wants them; `alternate` counts from 0, the default chain.
    pub(super) fn chain(&self, leaf_pem: &str, alternate: usize) -> Option<String> {
        Some(format!("{leaf_pem}{}", self.intermediate_pems.get(alternate)?))
    }
}

/// X.520's upper bound; longer names stand in the SAN only.
const COMMON_NAME_MAX_CHARS: usize = 64;

fn certify(name: &str, intermediate: &mut CertificateParams, key: &KeyPair) -> Result<(String, String), CaError> {
    let root_key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384)?;
    let root_params = authority(name)?;
    let root = root_params.self_signed(&root_key)?;
    intermediate.serial_number = Some(serial());
    let certified = intermediate.signed_by(key, &rcgen::Issuer::from_params(&root_params, &root_key))?;
    Ok((root.pem(), certified.pem()))
}

/// 128 random bits (CA/Browser Forum Baseline Requirements ask for 64); the first byte is not zero, so that the
/// number is always as long as its bytes.
fn serial() -> SerialNumber {
    let mut bytes = random::<16>();
    bytes[0] |= 1;
    SerialNumber::from_slice(&bytes)
}

impl Request {
    /// Reads PKCS#10 (RFC 2986) and verifies its signature.
    pub(super) fn parse(der: &[u8], account_key: &Jwk) -> Result<Self, Problem> {
        let verified = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(der))
            .map_err(|error| Problem::bad_csr(format!("the CSR was not taken: {error}")))?;
        let (rest, parsed) = x509_parser::certification_request::X509CertificationRequest::from_der(der)
            .map_err(|_| Problem::bad_csr("the CSR is not PKCS#10"))?;
        if !rest.is_empty() {
            return Err(Problem::bad_csr("bytes follow the CSR"));
        }
        let info = &parsed.certification_request_info;
        if account_key.is_key_of(&info.subject_pki) {
            return Err(Problem::bad_csr("the certificate's key must not be the account's"));
        }
        let mut names = BTreeSet::new();
        for name in &verified.params.subject_alt_names {
            match name {
                SanType::DnsName(name) => names.insert(name.as_str().to_ascii_lowercase()),
                _ => return Err(Problem::bad_csr("the CSR asks for a name that is not a DNS name")),
            };
        }
        for name in info.subject.iter_common_name() {
            let text = name.as_str().map_err(|_| Problem::bad_csr("the subject's common name is not text"))?;
            names.insert(text.to_ascii_lowercase());
        }
        Ok(Self { verified, names })
    }
}
