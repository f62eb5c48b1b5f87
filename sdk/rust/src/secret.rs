//! Computing with credentials that stay in the host.
//!
//! A credential that is sent as it is (a bearer token, an API key, a password) needs nothing of this: the manifest
//! places it, `secrets = { "header:authorization" = "Bearer {api_token}" }`. That is also why there is no
//! `bearer(..)` here: code in the provider that places a raw secret could forget or misplace it.
//!
//! A signature is computed from references and then injected where the manifest has a sink for its class:
//!
//! ```no_run
//! use acmite_sdk::secret::{self, Encoding, Hash};
//! use acmite_sdk::{Error, http, parts};
//!
//! /// `secrets = { "header:x-signature" = ["derived api_secret"] }`
//! fn signed(date: &str) -> Result<http::Reply, Error> {
//!     let key = secret::credential("api_secret")?;
//!     let mac = secret::hmac(Hash::Sha1, &parts![key], &parts![date])?;
//!     let signature = secret::encode(Encoding::Hex, &parts![mac])?;
//!     http::request("records").header("x-date", date).inject("header:x-signature", &parts![signature]).send()
//! }
//! ```

use crate::bindings::acmite::provider::secrets as wit;
use crate::error::error;
use crate::{Error, ErrorKind, Part, host};

pub use wit::{Encoding, Hash, Signing};

/// Stands for bytes that stay in the host, until the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret(u32);

/// A list of [`Part`]s of texts, bytes and secrets: `parts!["AWS4", key]`.
#[macro_export]
macro_rules! parts {
    ($($part:expr),* $(,)?) => { [$($crate::Part::from($part)),*] };
}

impl From<Secret> for Part {
    fn from(secret: Secret) -> Self {
        Self::Secret(secret.0)
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Part {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Part {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Part {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// A secret field of the manifest by name, or `endpoint.capture` once that endpoint has answered.
pub fn credential(name: &str) -> Result<Secret, Error> {
    host::credential(name).map(Secret).map_err(|fault| told(fault, name))
}

/// The parts joined, then encoded; [`Encoding::None`] joins only.
pub fn encode(encoding: Encoding, parts: &[Part]) -> Result<Secret, Error> {
    host::encode(encoding, parts).map(Secret).map_err(|fault| told(fault, "encode"))
}

/// The hash of the joined parts.
pub fn digest(hash: Hash, parts: &[Part]) -> Result<Secret, Error> {
    host::digest(hash, parts).map(Secret).map_err(|fault| told(fault, "digest"))
}

/// The HMAC (RFC 2104) of the joined data under the joined key.
pub fn hmac(hash: Hash, key: &[Part], data: &[Part]) -> Result<Secret, Error> {
    host::hmac(hash, key, data).map(Secret).map_err(|fault| told(fault, "hmac"))
}

/// The signature of the joined data; the key is PEM.
pub fn sign(algorithm: Signing, key: Secret, data: &[Part]) -> Result<Secret, Error> {
    host::sign(algorithm, key.0, data).map(Secret).map_err(|fault| told(fault, "sign"))
}

/// Six digits for the time of the call (RFC 6238); the key is base32 text.
pub fn totp(key: Secret) -> Result<Secret, Error> {
    host::totp(key.0).map(Secret).map_err(|fault| told(fault, "totp"))
}

fn told(fault: wit::Fault, what: &str) -> Error {
    match fault {
        wit::Fault::UnknownCredential => error(
            ErrorKind::Misconfigured,
            format!("the credential {what:?} is not set, or its endpoint was not asked"),
        ),
        wit::Fault::UnknownSecret => error(ErrorKind::Other, format!("{what}: a secret of another call was used")),
        wit::Fault::BadKey => error(ErrorKind::Misconfigured, format!("{what}: the key is not one for this algorithm"))
            .with_hint("give the key as the provider's console exports it, in PEM"),
        wit::Fault::Limit => {
            error(ErrorKind::Unsupported, format!("{what}: more or longer secrets than the host takes"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;
    use crate::testing::Recording;

    #[test]
    fn a_signature_is_made_of_references_and_injected() {
        let recording = Recording::new().secret("api_secret").reply("records", 200, "{}").inject("header:sig", "v1 #3");
        let script = recording.run(|| {
            let key = credential("api_secret").expect("a credential");
            let mac = hmac(Hash::Sha256, &parts!["k", key], &parts!["20261124", &b"\x01"[..]]).expect("a mac");
            let hex = encode(Encoding::Hex, &parts![mac]).expect("an encoding");
            http::request("records").inject("header:sig", &parts!["v1 ", hex]).send().expect("a reply");
        });
        assert_eq!(
            script.secret_calls,
            ["credential(api_secret) -> #1", "hmac(sha256, k #1, 20261124 0x01) -> #2", "encode(hex, #2) -> #3"]
        );
    }

    #[test]
    fn with_its_value_given_a_secret_is_computed_and_shown_where_it_is_injected() {
        let hex = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
        let script =
            Recording::new().secret_value("api_secret", "key").reply("records", 200, "").inject("header:sig", hex);
        script.run(|| {
            let key = credential("api_secret").expect("a credential");
            let data = parts!["The quick brown fox ", &b"jumps over the lazy dog"[..]];
            let mac = hmac(Hash::Sha256, &parts![key], &data).expect("a mac");
            let hex = encode(Encoding::Hex, &parts![mac]).expect("an encoding");
            http::request("records").inject("header:sig", &parts![hex]).send().expect("a reply");
        });
    }

    #[test]
    fn a_missing_credential_is_the_users_to_set() {
        let told = Recording::new().run(|| credential("api_secret")).result.expect_err("a fault");
        assert_eq!(told.kind, ErrorKind::Misconfigured);
        assert!(told.message.contains("api_secret"));
    }
}
