//! A certificate request of the user's own, which may come from whoever has the key.

use std::sync::OnceLock;

use acmite::pki::CertificateRequest;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair};

/// A request as it is, and one that is rightly signed with the bytes as what it asks for: else no name is ever reached.
pub(crate) fn csr(data: &[u8]) {
    check(data);
    let Some((length, data)) = data.split_first() else { return };
    let (alternative, common_name) = data.split_at(usize::from(*length).min(data.len()));
    if let Ok(der) = signed(alternative, &String::from_utf8_lossy(common_name)) {
        check(&der);
    }
}

/// What is taken names something, is the same from its PEM, and no word of it begins a line or turns one around.
fn check(bytes: &[u8]) {
    match CertificateRequest::read(bytes) {
        Ok(request) => {
            assert!(!request.names().is_empty() && !request.public_key_info().is_empty());
            let names: Vec<String> = request.names().iter().map(ToString::to_string).collect();
            assert!(names.iter().all(|name| name.is_ascii() && !name.contains(char::is_control)), "{names:?}");
            assert_eq!(CertificateRequest::read(request.to_pem().as_bytes()).as_ref(), Ok(&request));
        }
        Err(error) => {
            let said = error.to_string();
            assert_eq!(acmite::words::one_line(&said), said);
        }
    }
}

/// A request with these bytes as subjectAltName, DER, and this common name.
fn signed(alternative: &[u8], common_name: &str) -> Result<Vec<u8>, rcgen::Error> {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    if !common_name.is_empty() {
        params.distinguished_name.push(DnType::CommonName, common_name);
    }
    params.custom_extensions = vec![CustomExtension::from_oid_content(SUBJECT_ALTERNATIVE_NAME, alternative.to_vec())];
    let key = KEY.get_or_init(|| KeyPair::generate().unwrap());
    Ok(params.serialize_request(key)?.der().to_vec())
}

/// RFC 5280 section 4.2.1.6.
const SUBJECT_ALTERNATIVE_NAME: &[u64] = &[2, 5, 29, 17];
