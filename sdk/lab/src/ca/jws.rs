//! Signed requests: flattened JWS (RFC 7515) as RFC 8555 section 6.2 wants it, keys as JWK (RFC 7517, 7518).

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use aws_lc_rs::{digest, hmac};
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;

/// Algorithms the CA takes, RFC 7518 section 3.1.
pub(super) const ALGORITHMS: [&str; 3] = ["ES256", "ES384", "RS256"];

/// A JWS as sent, not verified.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Jws {
    protected: String,
    payload: String,
    signature: String,
}

/// The protected header.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) url: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) kid: Option<String>,
    pub(super) jwk: Option<Value>,
}

impl Jws {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(bytes).map_err(|error| {
            Problem::malformed(format!("the body is not a flattened JWS of protected, payload and signature: {error}"))
        })
    }

    pub(super) fn from_value(value: &Value) -> Result<Self, Problem> {
        Self::deserialize(value).map_err(|error| Problem::malformed(format!("not a flattened JWS: {error}")))
    }

    pub(super) fn header(&self) -> Result<Header, Problem> {
        let bytes = decode(&self.protected, "protected")?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Problem::malformed(format!("the protected header is not one: {error}")))
    }

    /// `None` for POST-as-GET, RFC 8555 section 6.3.
    pub(super) fn payload(&self) -> Result<Option<Value>, Problem> {
        let bytes = decode(&self.payload, "payload")?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Some).map_err(|error| Problem::malformed(format!("the payload is not JSON: {error}")))
    }

    pub(super) fn verify(&self, algorithm: &str, key: &Jwk) -> Result<(), Problem> {
        if !ALGORITHMS.contains(&algorithm) {
            let mut problem = Problem::new(400, "badSignatureAlgorithm", format!("{algorithm} is not supported"));
            problem.extra.push(("algorithms", json!(ALGORITHMS)));
            return Err(problem);
        }
        let signature = decode(&self.signature, "signature")?;
        if key.verifies(algorithm, self.signed().as_bytes(), &signature) {
            Ok(())
        } else {
            Err(Problem::malformed("the signature does not verify with the key"))
        }
    }

    /// HS256, for external account binding (RFC 8555 section 7.3.4).
    pub(super) fn verify_mac(&self, key: &[u8]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let mac = BASE64URL_NOPAD.decode(self.signature.as_bytes());
        mac.is_ok_and(|mac| hmac::verify(&key, self.signed().as_bytes(), &mac).is_ok())
    }

    fn signed(&self) -> String {
        format!("{}.{}", self.protected, self.payload)
    }
}

fn decode(text: &str, what: &str) -> Result<Vec<u8>, Problem> {
    BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| Problem::malformed(format!("{what} is not base64url without padding")))
}

/// A public key an account may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Jwk {
    /// The point, uncompressed: 04, x, y.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
}

impl Jwk {
    pub(super) fn parse(value: &Value) -> Result<Self, Problem> {
        let refuse = |detail: &str| Problem::new(400, "badPublicKey", detail);
        let member = |name: &str| {
            let text = value[name].as_str().ok_or_else(|| refuse(&format!("the JWK has no member {name}")))?;
            BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| refuse(&format!("{name} of the JWK is not base64url")))
        };
        let point = |bytes: usize| {
            let (x, y) = (member("x")?, member("y")?);
            if x.len() != bytes || y.len() != bytes {
                return Err(refuse("x and y of the JWK do not have the curve's length (RFC 7518 section 6.2.1)"));
            }
            Ok([&[4], x.as_slice(), y.as_slice()].concat())
        };
        match (value["kty"].as_str(), value["crv"].as_str()) {
            (Some("EC"), Some("P-256")) => Ok(Self::P256(point(32)?)),
            (Some("EC"), Some("P-384")) => Ok(Self::P384(point(48)?)),
            (Some("RSA"), _) => {
                let (modulus, exponent) = (member("n")?, member("e")?);
                if !(RSA_MIN_BYTES..=RSA_MAX_BYTES).contains(&modulus.len()) || modulus[0] == 0 {
                    return Err(refuse("RSA keys need 2048 to 4096 bits, without leading zero bytes"));
                }
                Ok(Self::Rsa { modulus, exponent })
            }
            _ => Err(refuse("keys of this type are not supported; use EC P-256, EC P-384 or RSA")),
        }
    }

    /// RFC 7638, SHA-256, base64url.
    pub(super) fn thumbprint(&self) -> String {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let canonical = match self {
            Self::P256(point) | Self::P384(point) => {
                let (x, y) = point[1..].split_at((point.len() - 1) / 2);
                let curve = if matches!(self, Self::P256(_)) { "P-256" } else { "P-384" };
                format!(r#"{{"crv":"{curve}","kty":"EC","x":"{}","y":"{}"}}"#, text(x), text(y))
            }
            Self::Rsa { modulus, exponent } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(exponent), text(modulus))
            }
        };
        text(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
    }

    /// Whether this is the key of the certificate or request with this SubjectPublicKeyInfo.
    pub(super) fn is_key_of(&self, info: &x509_parser::x509::SubjectPublicKeyInfo<'_>) -> bool {
        use x509_parser::public_key::PublicKey;
        let unpadded = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
        match (self, info.parsed()) {
            (Self::P256(point) | Self::P384(point), Ok(PublicKey::EC(other))) => other.data() == point.as_slice(),
            (Self::Rsa { modulus, exponent }, Ok(PublicKey::RSA(other))) => {
                unpadded(other.modulus) == *modulus && unpadded(other.exponent) == *exponent
            }
            _ => false,
        }
    }

    fn verifies(&self, algorithm: &str, message: &[u8], signed: &[u8]) -> bool {
        match (self, algorithm) {
            (Self::P256(point), "ES256") => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signed).is_ok()
            }
            (Self::P384(point), "ES384") => {
                UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point).verify(message, signed).is_ok()
            }
            (Self::Rsa { modulus, exponent }, "RS256") => RsaPublicKeyComponents { n: modulus, e: exponent }
                .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signed)
                .is_ok(),
            _ => false,
        }
    }
}

const RSA_MIN_BYTES: usize = 256;
const RSA_MAX_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and thumbprint of RFC 7638 section 3.1.
    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = Jwk::parse(&json!({"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256"})).expect("a key");
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    /// RFC 7515 appendix A.3.
    #[test]
    fn the_example_of_rfc_7515_verifies_and_a_changed_payload_does_not() {
        let key = Jwk::parse(&json!({"kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}))
        .expect("a key");
        let mut jws = Jws {
            protected: "eyJhbGciOiJFUzI1NiJ9".to_owned(),
            payload: "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
                .to_owned(),
            signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
                .to_owned(),
        };
        assert_eq!(jws.verify("ES256", &key), Ok(()));
        assert_eq!(jws.verify("RS256", &key).expect_err("another key type").kind, "malformed");
        assert_eq!(jws.verify("HS256", &key).expect_err("no such").kind, "badSignatureAlgorithm");
        jws.payload.push('A');
        assert!(jws.verify("ES256", &key).is_err());
    }

    #[test]
    fn short_rsa_keys_and_unknown_curves_are_bad_public_keys() {
        for key in [
            json!({"kty": "RSA", "n": BASE64URL_NOPAD.encode(&[1; 128]), "e": "AQAB"}),
            json!({"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AQAB"}),
        ] {
            assert_eq!(Jwk::parse(&key).expect_err("refused").kind, "badPublicKey");
        }
    }
}
