//! Hashes and what signatures are made of them, for the mocks alone: nothing of the SDK's signers is used here.

use aws_lc_rs::{digest, hmac};
use data_encoding::HEXLOWER;

/// SHA-256 in lower case hex.
pub(super) fn sha256(text: &str) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

/// SHA-1 in lower case hex.
pub(super) fn sha1(text: &str) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref())
}

/// HMAC-SHA256 of the last text in lower case hex, under a key derived by the texts before it, one after the other.
pub(super) fn signature(first_key: &str, steps: &[&str], to_sign: &str) -> String {
    let mac = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    let key = steps.iter().fold(first_key.as_bytes().to_vec(), |key, step| mac(&key, step).as_ref().to_vec());
    HEXLOWER.encode(mac(&key, to_sign).as_ref())
}

/// All but the unreserved characters of RFC 3986 as %XX.
pub(super) fn percent(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
