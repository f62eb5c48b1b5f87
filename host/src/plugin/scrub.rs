//! Blots out secrets in what comes back from the network or the guest.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use zeroize::Zeroizing;

/// Finds secret values in every common encoding.
pub struct Scrubber {
    needles: Vec<(Zeroizing<Vec<u8>>, String)>,
}

impl Scrubber {
    /// Looks for these values, by name. Values under [`MIN_BYTES`] are too common to be looked for.
    pub fn new<'a>(values: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut needles = Vec::new();
        for (name, value) in values.filter(|(_, value)| value.len() >= MIN_BYTES) {
            needles.extend(encodings(value).into_iter().map(|needle| (needle, format!("[{name}]"))));
        }
        needles.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        needles.dedup_by(|a, b| a.0 == b.0);
        Self { needles }
    }

    /// The bytes with every secret replaced by its name in brackets.
    pub fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut clean = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            match self.needles.iter().find(|(needle, _)| rest.starts_with(needle)) {
                Some((needle, name)) => {
                    clean.extend_from_slice(name.as_bytes());
                    rest = &rest[needle.len()..];
                }
                None => {
                    clean.push(first);
                    rest = &rest[1..];
                }
            }
        }
        clean
    }

    /// The text with every secret replaced by its name in brackets.
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }
}

fn encodings(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let percent = percent_encoding::percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string();
    let unreserved = percent_encoding::percent_encode(value, UNRESERVED).to_string();
    let mut all = vec![
        value.to_vec(),
        HEXLOWER.encode(value).into_bytes(),
        HEXUPPER.encode(value).into_bytes(),
        percent.to_ascii_lowercase().into_bytes(),
        percent.into_bytes(),
        unreserved.replace("%20", "+").into_bytes(),
        unreserved.into_bytes(),
    ];
    if let Ok(text) = std::str::from_utf8(value) {
        let json = serde_json::Value::from(text).to_string();
        all.push(json.trim_matches('"').replace('/', "\\/").into_bytes());
        all.push(json.trim_matches('"').as_bytes().to_vec());
        all.push(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").into_bytes());
    }
    for skipped in 0..3 {
        all.push(base64_core(&BASE64_NOPAD, value, skipped));
        all.push(base64_core(&BASE64URL_NOPAD, value, skipped));
    }
    all.into_iter().filter(|needle| needle.len() >= MIN_BYTES).map(Zeroizing::new).collect()
}

/// What base64 of any text holds where `value` stands at an offset of `skipped` modulo 3: only the digits that depend
/// on the value alone.
fn base64_core(encoding: &data_encoding::Encoding, value: &[u8], skipped: usize) -> Vec<u8> {
    let padded = Zeroizing::new([vec![0u8; skipped], value.to_vec()].concat());
    let digits = encoding.encode(&padded).into_bytes();
    let from = (skipped * 8).div_ceil(6);
    let until = padded.len() * 8 / 6;
    digits.get(from..until).unwrap_or_default().to_vec()
}

/// The shortest value that is looked for.
pub const MIN_BYTES: usize = 6;
const UNRESERVED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"s3cr3t/+&token value";

    fn scrubber() -> Scrubber {
        Scrubber::new([("api_token", SECRET)].into_iter())
    }

    #[test]
    fn a_secret_is_found_in_base64_at_every_offset() {
        for offset in 0..6 {
            for encoding in [data_encoding::BASE64, data_encoding::BASE64URL] {
                let whole = [&b"abcdef"[..offset], SECRET, b"tail"].concat();
                let encoded = encoding.encode(&whole);
                let clean = scrubber().text(&encoded);
                assert!(clean.contains("[api_token]"), "offset {offset}: {clean}");
                assert!(clean.len() < encoded.len(), "offset {offset}: {clean}");
            }
        }
    }

    #[test]
    fn a_secret_is_found_raw_hex_percent_and_escaped() {
        let hex = HEXUPPER.encode(SECRET);
        for form in [
            "s3cr3t/+&token value",
            "s3cr3t%2F%2B%26token%20value",
            "s3cr3t%2f%2b%26token%20value",
            "s3cr3t\\/+&token value",
            "s3cr3t/+&amp;token value",
            &hex,
        ] {
            assert_eq!(scrubber().text(&format!("a {form} b")), "a [api_token] b");
        }
    }

    #[test]
    fn other_text_stays() {
        let text = "no secret here: s3cr3t/+&toke";
        assert_eq!(scrubber().text(text), text);
    }
}
