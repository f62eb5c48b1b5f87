//! Keys of certificates.

use std::fmt;
use std::str::FromStr;

use rcgen::{KeyPair, PublicKeyData as _, RsaKeySize};
use zeroize::Zeroizing;

/// The type of a certificate's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyType {
    /// ECDSA on P-256.
    #[default]
    P256,
    /// ECDSA on P-384.
    P384,
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 3072 bits.
    Rsa3072,
    /// RSA, 4096 bits.
    Rsa4096,
}

const NAMES: [(KeyType, &str); 5] = [
    (KeyType::P256, "p256"),
    (KeyType::P384, "p384"),
    (KeyType::Rsa2048, "rsa2048"),
    (KeyType::Rsa3072, "rsa3072"),
    (KeyType::Rsa4096, "rsa4096"),
];

/// Of SubjectPublicKeyInfo, which differs with the type alone.
const PUBLIC_LENGTHS_BYTES: [(KeyType, usize); 5] = [
    (KeyType::P256, 91),
    (KeyType::P384, 120),
    (KeyType::Rsa2048, 294),
    (KeyType::Rsa3072, 422),
    (KeyType::Rsa4096, 550),
];

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(kind, _)| kind == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for KeyType {
    type Err = CertificateKeyError;

    fn from_str(text: &str) -> Result<Self, CertificateKeyError> {
        let found = NAMES.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind);
        found.ok_or_else(|| CertificateKeyError::UnknownType { text: text.to_owned() })
    }
}

/// The private key of a certificate.
pub struct CertificateKey(pub(super) KeyPair);

impl CertificateKey {
    /// Makes a key.
    pub fn generate(kind: KeyType) -> Result<Self, CertificateKeyError> {
        let rsa = |size| KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size);
        let made = match kind {
            KeyType::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            KeyType::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            KeyType::Rsa2048 => rsa(RsaKeySize::_2048),
            KeyType::Rsa3072 => rsa(RsaKeySize::_3072),
            KeyType::Rsa4096 => rsa(RsaKeySize::_4096),
        };
        made.map(Self).map_err(|source| CertificateKeyError::NotMade { source })
    }

    /// Reads a PEM key.
    pub fn from_pem(pem: &str) -> Result<Self, CertificateKeyError> {
        KeyPair::from_pem(pem).map(Self).map_err(|source| CertificateKeyError::Unreadable { source })
    }

    /// The private key as PKCS#8 PEM.
    pub fn to_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }

    /// Its type; `None` if acmite makes none of it.
    pub fn kind(&self) -> Option<KeyType> {
        let length = self.public_key_info().len();
        PUBLIC_LENGTHS_BYTES.iter().find(|(_, known)| *known == length).map(|(kind, _)| *kind)
    }

    /// The public key as SubjectPublicKeyInfo, DER.
    pub fn public_key_info(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }
}

impl fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateKey(..)")
    }
}

/// A key that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CertificateKeyError {
    /// No such type.
    #[error("{text:?} is no key type; use p256, p384, rsa2048, rsa3072 or rsa4096")]
    UnknownType {
        /// What was given.
        text: String,
    },
    /// The random source failed.
    #[error("no key could be made; try again")]
    NotMade {
        /// Why.
        source: rcgen::Error,
    },
    /// No private key.
    #[error("the text is no PEM private key this program reads; use an unencrypted PKCS#8 key")]
    Unreadable {
        /// Why.
        source: rcgen::Error,
    },
}
