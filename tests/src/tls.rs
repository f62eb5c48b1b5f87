//! TLS certificates for peers on this machine.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// A root and what it signed, all PEM.
pub struct Pair {
    /// What `--ca-bundle` is given.
    pub root: String,
    /// For localhost and 127.0.0.1.
    pub certificate: String,
    /// The certificate's key.
    pub key: String,
}

/// A root certificate with its key.
pub type Root = CertifiedIssuer<'static, KeyPair>;

/// A fresh root that may sign authorities and servers.
///
/// # Panics
/// If it cannot be made.
pub fn root(name: &str) -> Root {
    CertifiedIssuer::self_signed(authority(name), KeyPair::generate().expect("a key")).expect("a root")
}

/// What an authority's certificate says.
///
/// # Panics
/// If it cannot be made.
pub fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A pair for a server on this machine.
///
/// # Panics
/// If it cannot be made.
pub fn localhost() -> Pair {
    let root = root("acmite tests");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &root).expect("a certificate");
    Pair { root: root.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
}
