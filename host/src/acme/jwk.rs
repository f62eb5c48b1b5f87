//! Account keys as other clients keep them: JWK with the private part (RFC 7517, RFC 7518 section 6), SEC 1, PKCS#1.

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _, EcPrivateKeyBin, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivatePkcs1KeyDer, PrivateSec1KeyDer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::jws::{AccountKey, KeyError, Pair};
use super::pem;

impl AccountKey {
    /// Reads an unencrypted key: PKCS#8 (`BEGIN PRIVATE KEY`), or as lego writes them, SEC 1 (`BEGIN EC PRIVATE KEY`) and
    /// PKCS#1 (`BEGIN RSA PRIVATE KEY`).
    pub fn from_any_pem(pem: &str) -> Result<Self, KeyError> {
        if let Ok(der) = PrivateSec1KeyDer::from_pem_slice(pem.as_bytes()) {
            return from_sec1(der.secret_sec1_der());
        }
        if let Ok(der) = PrivatePkcs1KeyDer::from_pem_slice(pem.as_bytes()) {
            return from_pkcs1(der.secret_pkcs1_der());
        }
        Self::from_pem(pem)
    }

    /// Reads a JWK with its private part, as certbot keeps them.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        match jwk["kty"].as_str() {
            Some("EC") => {
                let point = [vec![4], member(jwk, "x")?.to_vec(), member(jwk, "y")?.to_vec()].concat();
                let algorithm = match jwk["crv"].as_str() {
                    Some("P-256") => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
                    Some("P-384") => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
                    _ => return Err(KeyError::Unsupported),
                };
                let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &member(jwk, "d")?, &point);
                from_pair(&pair.map_err(|_| KeyError::Unsupported)?)
            }
            Some("RSA") => {
                let mut content = Zeroizing::new(integer(&[0]));
                for name in RSA_MEMBERS {
                    content.extend(integer(&member(jwk, name)?));
                }
                from_pkcs1(&Zeroizing::new(tlv(SEQUENCE, &content)))
            }
            _ => Err(KeyError::Unsupported),
        }
    }

    /// The public key as PEM (`BEGIN PUBLIC KEY`).
    pub fn public_pem(&self) -> String {
        let encoded = match self.pair() {
            Pair::P256(pair) | Pair::P384(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
        };
        let der: PublicKeyX509Der<'_> = encoded.expect("a key that was read can be written");
        pem::block("PUBLIC KEY", der.as_ref())
    }

    /// The JWK with its private part.
    pub fn to_private_jwk(&self) -> Result<Value, KeyError> {
        let mut jwk = self.jwk();
        match self.pair() {
            Pair::P256(pair) | Pair::P384(pair) => {
                let private: EcPrivateKeyBin<'_> =
                    pair.private_key().as_be_bytes().map_err(|_| KeyError::Unsupported)?;
                jwk["d"] = json!(BASE64URL_NOPAD.encode(private.as_ref()));
            }
            Pair::Rsa(_) => {
                let integers = pkcs8_rsa_integers(self.pkcs8()).ok_or(KeyError::Unsupported)?;
                for (name, bytes) in RSA_MEMBERS.into_iter().zip(integers.into_iter().skip(1)) {
                    jwk[name] = json!(BASE64URL_NOPAD.encode(bytes));
                }
            }
        }
        Ok(jwk)
    }
}

/// In the order of RSAPrivateKey (RFC 8017 appendix A.1.2), after its version.
const RSA_MEMBERS: [&str; 8] = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

fn member(jwk: &Value, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let text = jwk[name].as_str().ok_or(KeyError::NotJwk)?;
    let unpadded = text.trim_end_matches('=').as_bytes();
    BASE64URL_NOPAD.decode(unpadded).map(Zeroizing::new).map_err(|_| KeyError::NotJwk)
}

fn from_sec1(der: &[u8]) -> Result<AccountKey, KeyError> {
    let algorithms = [&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &signature::ECDSA_P384_SHA384_FIXED_SIGNING];
    let mut read = algorithms.into_iter().filter_map(|curve| EcdsaKeyPair::from_private_key_der(curve, der).ok());
    from_pair(&read.next().ok_or(KeyError::Unsupported)?)
}

fn from_pair(pair: &EcdsaKeyPair) -> Result<AccountKey, KeyError> {
    AccountKey::from_pkcs8(pair.to_pkcs8v1().map_err(|_| KeyError::Unsupported)?.as_ref())
}

fn from_pkcs1(der: &[u8]) -> Result<AccountKey, KeyError> {
    let pair = rsa::KeyPair::from_der(der).map_err(|_| KeyError::Unsupported)?;
    AccountKey::from_pkcs8(pair.as_der().map_err(|_| KeyError::Unsupported)?.as_ref())
}

/// The integers of the RSAPrivateKey inside a PKCS#8 key, without leading zeros.
fn pkcs8_rsa_integers(pkcs8: &[u8]) -> Option<Vec<&[u8]>> {
    let (_, outer, _) = read_tlv(pkcs8)?;
    let (_, _version, rest) = read_tlv(outer)?;
    let (_, _algorithm, rest) = read_tlv(rest)?;
    let (_, inner, _) = read_tlv(rest)?;
    let (_, mut rest, _) = read_tlv(inner)?;
    let mut integers = Vec::new();
    while let Some((INTEGER, bytes, after)) = read_tlv(rest) {
        integers.push(&bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]);
        rest = after;
    }
    (integers.len() == RSA_MEMBERS.len() + 1).then_some(integers)
}

/// Tag, content, and what follows (X.690 section 8.1).
fn read_tlv(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f).min(size_of::<usize>()))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let sign = bytes.first().is_some_and(|first| first & 0x80 != 0);
    tlv(INTEGER, &[if sign { &[0][..] } else { &[] }, bytes].concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let digits = content.len().to_be_bytes();
    let digits = &digits[digits.iter().take_while(|digit| **digit == 0).count()..];
    let length = match content.len() {
        short @ 0..=0x7f => vec![short as u8],
        _ => [&[0x80 | digits.len() as u8][..], digits].concat(),
    };
    [&[tag][..], &length, content].concat()
}

const INTEGER: u8 = 2;
const SEQUENCE: u8 = 0x30;

#[cfg(test)]
mod tests {
    use super::super::jws::AccountKeyType;
    use super::*;

    fn rsa_key() -> AccountKey {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
        AccountKey::from_pkcs8(pair.as_der().expect("DER").as_ref()).expect("a key")
    }

    #[test]
    fn every_key_comes_back_from_its_jwk() {
        let ec = [AccountKeyType::P256, AccountKeyType::P384].map(|kind| AccountKey::generate(kind).expect("a key"));
        for key in ec.into_iter().chain([rsa_key()]) {
            let jwk = key.to_private_jwk().expect("a JWK");
            let again = AccountKey::from_jwk(&jwk).expect("a key");
            assert_eq!(again.thumbprint(), key.thumbprint());
            assert_eq!(again.to_private_jwk().expect("a JWK"), jwk);
        }
    }

    #[test]
    fn a_jwk_without_its_private_part_or_with_a_damaged_one_is_refused() {
        let key = rsa_key();
        assert_eq!(AccountKey::from_jwk(&key.jwk()).map(|_| ()), Err(KeyError::NotJwk));
        let mut damaged = key.to_private_jwk().expect("a JWK");
        damaged["p"] = json!("AQAB");
        assert!(AccountKey::from_jwk(&damaged).is_err());
        assert_eq!(AccountKey::from_jwk(&json!({"kty": "oct"})).map(|_| ()), Err(KeyError::Unsupported));
    }

    #[test]
    fn keys_as_lego_and_openssl_write_them_are_read() {
        // openssl ecparam -name prime256v1 -genkey -noout
        let sec1 = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIKWKRYD3RN14/7iVNDK09RajN3H3CCWiljDmKmq4S14OoAoGCCqGSM49\nAwEHoUQDQgAEZfQi5QvGrrFMwkEc0G4RMx0bmId6NvZUjmrZnqwCNe3KBhzGn5tf\nUtCoxYqY+7Vzy9GdZX2MfQVlXKCydIm91g==\n-----END EC PRIVATE KEY-----\n";
        assert!(AccountKey::from_any_pem(sec1).is_ok());
        let key = rsa_key();
        let (_, outer, _) = read_tlv(key.pkcs8()).expect("PKCS#8");
        let (_, _, rest) = read_tlv(outer).expect("a version");
        let (_, _, rest) = read_tlv(rest).expect("an algorithm");
        let (_, pkcs1, _) = read_tlv(rest).expect("a key");
        let pem = pem::block("RSA PRIVATE KEY", pkcs1);
        assert_eq!(AccountKey::from_any_pem(&pem).expect("a key").thumbprint(), key.thumbprint());
        assert!(AccountKey::from_any_pem(&key.to_pem()).is_ok());
    }
}
