//! Account keys and signed request bodies (RFC 7515, RFC 7638, RFC 8555 section 6.2).

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair as _};
use aws_lc_rs::{digest, hmac, rsa};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use x509_parser::prelude::FromDer as _;
use zeroize::Zeroizing;

use super::pem;

/// A key that signs ACME requests.
pub struct AccountKey {
    pair: Pair,
    pkcs8: Zeroizing<Vec<u8>>,
}

pub(super) enum Pair {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Rsa(rsa::KeyPair),
}

/// The types of account key that can be made; RSA keys can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccountKeyType {
    /// ES256.
    #[default]
    P256,
    /// ES384.
    P384,
}

impl FromStr for AccountKeyType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "p256" => Ok(Self::P256),
            "p384" => Ok(Self::P384),
            _ => Err("give p256 or p384".to_owned()),
        }
    }
}

impl AccountKey {
    /// Makes a key; store it before the CA hears of it.
    pub fn generate(kind: AccountKeyType) -> Result<Self, KeyError> {
        let algorithm = match kind {
            AccountKeyType::P256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            AccountKeyType::P384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        };
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).map_err(|_| KeyError::NotMade)?;
        Self::from_pkcs8(made.as_ref())
    }

    /// Reads an unencrypted PKCS#8 key (`BEGIN PRIVATE KEY`).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::NotPem)?;
        Self::from_pkcs8(der.secret_pkcs8_der())
    }

    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let p256 = EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Pair::P256);
        let pair = p256
            .or_else(|_| EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, der).map(Pair::P384))
            .or_else(|_| rsa::KeyPair::from_pkcs8(der).map(Pair::Rsa))
            .map_err(|_| KeyError::Unsupported)?;
        Ok(Self { pair, pkcs8: Zeroizing::new(der.to_vec()) })
    }

    pub(super) fn pair(&self) -> &Pair {
        &self.pair
    }

    pub(super) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The private key as PKCS#8 PEM.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let text = Zeroizing::new(BASE64.encode(&self.pkcs8));
        let mut pem = Zeroizing::new(String::with_capacity(text.len() * 2));
        pem.push_str("-----BEGIN PRIVATE KEY-----\n");
        for (at, char) in text.char_indices() {
            if at > 0 && at % pem::LINE_CHARS == 0 {
                pem.push('\n');
            }
            pem.push(char);
        }
        pem.push_str("\n-----END PRIVATE KEY-----\n");
        pem
    }

    /// The public key as JWK, members in the order RFC 7638 hashes them.
    pub fn jwk(&self) -> Value {
        match &self.pair {
            Pair::P256(pair) => ec_jwk("P-256", pair.public_key().as_ref()),
            Pair::P384(pair) => ec_jwk("P-384", pair.public_key().as_ref()),
            Pair::Rsa(pair) => {
                let (_, public) = x509_parser::public_key::RSAPublicKey::from_der(pair.public_key().as_ref())
                    .expect("aws-lc encodes public keys as RSAPublicKey");
                rsa_jwk(unpadded(public.modulus), unpadded(public.exponent))
            }
        }
    }

    /// SHA-256 of the JWK, base64url (RFC 7638).
    pub fn thumbprint(&self) -> String {
        thumbprint(&self.jwk())
    }

    /// `token.thumbprint` (RFC 8555 section 8.1).
    pub fn key_authorization(&self, token: &str) -> String {
        format!("{token}.{}", self.thumbprint())
    }

    /// Value for the `_acme-challenge` TXT record: base64url, no padding, 43 ASCII bytes. RFC 8555 section 8.4.
    pub fn dns01_value(&self, token: &str) -> String {
        BASE64URL_NOPAD.encode(&self.key_authorization_digest(token))
    }

    /// SHA-256 of the key authorization. RFC 8737 section 3.
    pub fn key_authorization_digest(&self, token: &str) -> [u8; 32] {
        let digest = digest::digest(&digest::SHA256, self.key_authorization(token).as_bytes());
        digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::P256(_) => "ES256",
            Pair::P384(_) => "ES384",
            Pair::Rsa(_) => "RS256",
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::P256(pair) | Pair::P384(pair) => {
                pair.sign(&random, message).map(|s| s.as_ref().to_vec()).map_err(|_| KeyError::NotSigned)
            }
            Pair::Rsa(pair) => {
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signed)
                    .map_err(|_| KeyError::NotSigned)?;
                Ok(signed)
            }
        }
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountKey({}, thumbprint {})", self.algorithm(), self.thumbprint())
    }
}

/// Whom a request is from.
#[derive(Clone, Copy, Debug)]
pub enum Signer<'a> {
    /// The key alone: for new accounts and for revocation by a certificate's key.
    Key(&'a AccountKey),
    /// A registered account.
    Account(&'a AccountKey, &'a str),
}

impl Signer<'_> {
    /// The request body; `payload` is `None` for POST-as-GET (RFC 8555 section 6.3).
    pub fn body(&self, url: &str, nonce: &str, payload: Option<&Value>) -> Result<Vec<u8>, KeyError> {
        let (key, protected) = match self {
            Self::Key(key) => (key, json!({"alg": key.algorithm(), "jwk": key.jwk(), "nonce": nonce, "url": url})),
            Self::Account(key, kid) => (key, json!({"alg": key.algorithm(), "kid": kid, "nonce": nonce, "url": url})),
        };
        let text = payload.map(Value::to_string).unwrap_or_default();
        let flattened = flatten(&protected, &text, |input| key.sign(input))?;
        Ok(flattened.to_string().into_bytes())
    }
}

/// The `externalAccountBinding` of a new account: HS256 over its JWK (RFC 8555 section 7.3.4).
pub(super) fn external_binding(key: &AccountKey, kid: &str, mac_key: &[u8], url: &str) -> Result<Value, KeyError> {
    let mac_key = hmac::Key::new(hmac::HMAC_SHA256, mac_key);
    let protected = json!({"alg": "HS256", "kid": kid, "url": url});
    flatten(&protected, &key.jwk().to_string(), |input| Ok(hmac::sign(&mac_key, input).as_ref().to_vec()))
}

/// The payload that changes an account's key, signed by the new one (RFC 8555 section 7.3.5).
pub(super) fn key_change(old: &AccountKey, new: &AccountKey, account: &str, url: &str) -> Result<Value, KeyError> {
    let protected = json!({"alg": new.algorithm(), "jwk": new.jwk(), "url": url});
    let payload = json!({"account": account, "oldKey": old.jwk()});
    flatten(&protected, &payload.to_string(), |input| new.sign(input))
}

fn flatten(
    protected: &Value,
    payload: &str,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, KeyError>,
) -> Result<Value, KeyError> {
    let protected = BASE64URL_NOPAD.encode(protected.to_string().as_bytes());
    let payload = BASE64URL_NOPAD.encode(payload.as_bytes());
    let signature = sign(format!("{protected}.{payload}").as_bytes())?;
    Ok(json!({"protected": protected, "payload": payload, "signature": BASE64URL_NOPAD.encode(&signature)}))
}

fn ec_jwk(curve: &str, point: &[u8]) -> Value {
    let (x, y) = point[1..].split_at((point.len() - 1) / 2);
    json!({"crv": curve, "kty": "EC", "x": BASE64URL_NOPAD.encode(x), "y": BASE64URL_NOPAD.encode(y)})
}

fn rsa_jwk(modulus: &[u8], exponent: &[u8]) -> Value {
    json!({"e": BASE64URL_NOPAD.encode(exponent), "kty": "RSA", "n": BASE64URL_NOPAD.encode(modulus)})
}

fn unpadded(integer: &[u8]) -> &[u8] {
    &integer[integer.iter().take_while(|byte| **byte == 0).count()..]
}

fn thumbprint(jwk: &Value) -> String {
    BASE64URL_NOPAD.encode(digest::digest(&digest::SHA256, jwk.to_string().as_bytes()).as_ref())
}

/// A key that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No private key block.
    #[error("the text holds no unencrypted PKCS#8 private key; convert it with `openssl pkcs8 -topk8 -nocrypt`")]
    NotPem,
    /// No JWK of a private key.
    #[error("the text is no JWK of a private key; give the file that the other client keeps the account's key in")]
    NotJwk,
    /// Another algorithm.
    #[error("the key is neither P-256, P-384 nor RSA of at least 2048 bits; use a key of one of these types")]
    Unsupported,
    /// The random source failed.
    #[error("no key could be made; the system's random source failed, try again")]
    NotMade,
    /// The signature failed.
    #[error("the request could not be signed; the key may be damaged, restore it from a copy")]
    NotSigned,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638_section_3_1() {
        let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk = json!({"e": "AQAB", "kty": "RSA", "n": modulus});
        assert_eq!(thumbprint(&jwk), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn a_signed_body_verifies_with_the_public_key_after_a_pem_round_trip() {
        for kind in [AccountKeyType::P256, AccountKeyType::P384] {
            let made = AccountKey::generate(kind).expect("a key");
            let key = AccountKey::from_pem(&made.to_pem()).expect("its own PEM");
            let body = Signer::Account(&key, "https://ca/acct/1").body("https://ca/x", "n", None).expect("a body");
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            let text = |field: &str| body[field].as_str().expect("text").to_owned();
            assert_eq!(text("payload"), "");
            let signed = format!("{}.{}", text("protected"), text("payload"));
            let signature = BASE64URL_NOPAD.decode(text("signature").as_bytes()).expect("base64url");
            let (algorithm, point): (&signature::EcdsaVerificationAlgorithm, _) = match &made.pair {
                Pair::P256(pair) => (&signature::ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()),
                Pair::P384(pair) => (&signature::ECDSA_P384_SHA384_FIXED, pair.public_key().as_ref()),
                Pair::Rsa(_) => unreachable!("only EC keys are made"),
            };
            let public = signature::UnparsedPublicKey::new(algorithm, point);
            assert!(public.verify(signed.as_bytes(), &signature).is_ok());
            assert!(public.verify(b"other", &signature).is_err());
        }
    }
}
