//! What the host computes, for tests that give a secret's value.

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::bindings::acmite::provider::secrets::{Encoding, Hash};

/// MD5 is not computed here.
pub(super) fn digest(hash: Hash, data: &[u8]) -> Option<Vec<u8>> {
    match hash {
        Hash::Md5 => None,
        Hash::Sha1 => Some(Sha1::digest(data).to_vec()),
        Hash::Sha256 => Some(Sha256::digest(data).to_vec()),
        Hash::Sha384 => Some(Sha384::digest(data).to_vec()),
        Hash::Sha512 => Some(Sha512::digest(data).to_vec()),
    }
}

/// RFC 2104.
pub(super) fn hmac(hash: Hash, key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let block_bytes = if matches!(hash, Hash::Sha384 | Hash::Sha512) { 128 } else { 64 };
    let mut block = if key.len() > block_bytes { digest(hash, key)? } else { key.to_vec() };
    block.resize(block_bytes, 0);
    let padded = |pad: u8| -> Vec<u8> { block.iter().map(|byte| byte ^ pad).collect() };
    let inner = digest(hash, &[&padded(0x36), data].concat())?;
    digest(hash, &[padded(0x5c), inner].concat())
}

/// Six digits of RFC 6238 with SHA-1 and steps of 30 s; the key is base32 text.
pub(super) fn totp(key: &[u8], now: u64) -> Option<Vec<u8>> {
    let step = (now / 30).to_be_bytes();
    let tag = hmac(Hash::Sha1, &base32(key)?, &step)?;
    let offset = usize::from(tag.last()? & 15);
    let number = tag[offset..offset + 4].iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
    Some(format!("{:06}", (number & 0x7fff_ffff) % 1_000_000).into_bytes())
}

/// RFC 4648 section 6, without padding, in either case.
fn base32(text: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for letter in text.iter().map(u8::to_ascii_uppercase) {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

pub(super) fn encoded(encoding: Encoding, bytes: Vec<u8>) -> Vec<u8> {
    match encoding {
        Encoding::None => bytes,
        Encoding::Hex => bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(),
        Encoding::Base64 => base64(&bytes, b"+/", Padding::Kept).into_bytes(),
        Encoding::Base64url => base64(&bytes, b"-_", Padding::Left).into_bytes(),
        Encoding::Percent => bytes.iter().flat_map(|byte| percent(*byte).into_bytes()).collect(),
    }
}

#[derive(PartialEq)]
enum Padding {
    Kept,
    Left,
}

/// RFC 4648 with these two last letters.
fn base64(bytes: &[u8], last: &[u8; 2], padding: Padding) -> String {
    let letters: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*last).collect();
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let letter = |index: usize| char::from(letters[(bits >> (18 - 6 * index) & 63) as usize]);
        text.extend((0..=group.len()).map(letter));
        if padding == Padding::Kept {
            text.extend(std::iter::repeat_n('=', 3 - group.len()));
        }
    }
    text
}

fn percent(byte: u8) -> String {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: Option<Vec<u8>>) -> String {
        String::from_utf8(encoded(Encoding::Hex, bytes.expect("computed"))).expect("hex")
    }

    /// RFC 2202 section 3 and RFC 4231 sections 4.3 and 4.7.
    #[test]
    fn codes_are_those_of_the_rfcs() {
        let (key, data) = (b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(hmac(Hash::Sha1, key, data)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let long = hmac(Hash::Sha256, &[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
        let wide = hex(hmac(Hash::Sha384, key, data));
        assert!(wide.starts_with("af45d2e376484031617f78d2b58a6b1b") && hmac(Hash::Md5, key, data).is_none());
    }

    /// RFC 6238 appendix B, the last six of eight digits.
    #[test]
    fn one_time_codes_are_those_of_the_rfc() {
        let key = b"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (now, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(totp(key, now).as_deref(), Some(code.as_bytes()), "{now}");
        }
        assert_eq!(totp(b"no base32!", 59), None);
    }

    /// RFC 4648 section 10.
    #[test]
    fn encodings_are_those_of_the_contract() {
        let text = |encoding, bytes: &[u8]| String::from_utf8(encoded(encoding, bytes.to_vec())).expect("text");
        assert_eq!(["f", "fo", "foo"].map(|part| text(Encoding::Base64, part.as_bytes())), ["Zg==", "Zm8=", "Zm9v"]);
        assert_eq!(text(Encoding::Base64url, &[0xfb, 0xff, 0xfe, 1]), "-__-AQ");
        assert_eq!(
            (text(Encoding::Percent, b"a b/~"), text(Encoding::None, b"a b")),
            ("a%20b%2F~".into(), "a b".into())
        );
    }
}
