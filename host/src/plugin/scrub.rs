//! Blots out secrets in what comes back from the network or the guest.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use zeroize::Zeroizing;

use crate::plugin::wire::UNRESERVED;

/// Finds secret values in every common encoding.
pub struct Scrubber {
    /// Finds the first [`MIN_BYTES`] of every needle: a machine for whole needles would be many times their size.
    beginnings: AhoCorasick,
    /// In the order of the patterns of `beginnings`; of each the longest first.
    needles: Vec<Vec<Needle>>,
}

struct Needle {
    bytes: Zeroizing<Vec<u8>>,
    shown: String,
}

impl Scrubber {
    /// Looks for these values, by name. Values under [`MIN_BYTES`] are too common to be looked for.
    pub fn new<'a>(values: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut needles: BTreeMap<[u8; MIN_BYTES], Vec<Needle>> = BTreeMap::new();
        for (name, value) in values {
            for bytes in encodings(value).into_iter().filter(|_| value.len() >= MIN_BYTES) {
                let Some(beginning) = bytes.first_chunk().copied() else { continue };
                needles.entry(beginning).or_default().push(Needle { bytes, shown: format!("[{name}]") });
            }
        }
        for same_start in needles.values_mut() {
            same_start.sort_by(|a, b| b.bytes.len().cmp(&a.bytes.len()).then_with(|| a.bytes.cmp(&b.bytes)));
            same_start.dedup_by(|a, b| a.bytes == b.bytes);
        }
        let built = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(needles.keys());
        Self {
            beginnings: built.expect("a machine overflows at two thousand million states only"),
            needles: needles.into_values().collect(),
        }
    }

    /// The bytes with every secret replaced by its name in brackets; secrets that overlap go as one, under the name of
    /// the first.
    pub fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut clean = Vec::with_capacity(bytes.len());
        let mut hidden_until = 0;
        // All beginnings are of one length, so they come in the order of where they stand.
        for found in self.beginnings.find_overlapping_iter(bytes) {
            let (at, needles) = (found.start(), &self.needles[found.pattern().as_usize()]);
            let Some(needle) = needles.iter().find(|needle| bytes[at..].starts_with(&needle.bytes)) else { continue };
            if at >= hidden_until {
                clean.extend_from_slice(&bytes[hidden_until..at]);
                clean.extend_from_slice(needle.shown.as_bytes());
            }
            hidden_until = hidden_until.max(at + needle.bytes.len());
        }
        clean.extend_from_slice(&bytes[hidden_until..]);
        clean
    }

    /// Bytes of the longest form of a secret that is looked for.
    pub fn longest(&self) -> usize {
        self.needles.iter().flatten().map(|needle| needle.bytes.len()).max().unwrap_or_default()
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
        lower_escapes(&percent).into_bytes(),
        lower_escapes(&unreserved).into_bytes(),
        lower_escapes(&unreserved).replace("%20", "+").into_bytes(),
        percent.into_bytes(),
        unreserved.replace("%20", "+").into_bytes(),
        unreserved.into_bytes(),
    ];
    if let Ok(text) = std::str::from_utf8(value) {
        let quoted = serde_json::Value::from(text).to_string();
        let json = &quoted[1..quoted.len() - 1];
        all.push(json.replace('/', "\\/").into_bytes());
        all.push(json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e").into_bytes());
        all.push(json.as_bytes().to_vec());
        all.push(ascii_json(json).into_bytes());
        all.push(ascii_json(json).replace('/', "\\/").into_bytes());
        let xml = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let quotes = xml.replace('"', "&quot;");
        all.push(quotes.replace('\'', "&apos;").into_bytes());
        all.push(quotes.replace('\'', "&#39;").into_bytes());
        all.push(quotes.into_bytes());
        all.push(xml.into_bytes());
    }
    for skipped in 0..3 {
        all.push(base64_core(&BASE64_NOPAD, value, skipped));
        all.push(base64_core(&BASE64URL_NOPAD, value, skipped));
    }
    all.into_iter().filter(|needle| needle.len() >= MIN_BYTES).map(Zeroizing::new).collect()
}

/// What is not ASCII as `\u00e9`, as PHP and Python write JSON.
fn ascii_json(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        match character.is_ascii() {
            true => ascii.push(character),
            false => character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| ascii += &format!("\\u{unit:04x}")),
        }
    }
    ascii
}

/// `%2F` as `%2f`; all else stays as it is.
fn lower_escapes(percent: &str) -> String {
    let mut escape_left = 0;
    let lower = |c: char| {
        escape_left = if c == '%' { 3 } else { u8::saturating_sub(escape_left, 1) };
        if escape_left > 0 { c.to_ascii_lowercase() } else { c }
    };
    percent.chars().map(lower).collect()
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
    fn the_letters_of_a_secret_keep_their_case_in_every_form() {
        let scrubber = Scrubber::new([("key", &b"AbC/+d\"E'<Z>\""[..])].into_iter());
        for form in [
            r#"AbC/+d"E'<Z>""#,
            "AbC%2f%2bd%22E%27%3cZ%3e%22",
            "AbC%2F%2Bd%22E%27%3CZ%3E%22",
            r#"AbC/+d\"E'<Z>\""#,
            r#"AbC\/+d\"E'<Z>\""#,
            r#"AbC/+d\"E'\u003cZ\u003e\""#,
            "AbC/+d&quot;E'&lt;Z&gt;&quot;",
            "AbC/+d&quot;E&#39;&lt;Z&gt;&quot;",
            "4162432f2b642245273c5a3e22",
        ] {
            assert_eq!(scrubber.text(&format!("a {form} b")), "a [key] b", "{form}");
        }
    }

    #[test]
    fn of_overlapping_secrets_nothing_stays() {
        let values = [("a", &b"abcdefgh"[..]), ("b", b"efghijklmn"), ("c", b"abcdefghij")];
        let scrubber = Scrubber::new(values.into_iter());
        assert_eq!(scrubber.text("<abcdefghijklmn>"), "<[c]>");
        assert_eq!(scrubber.text("<abcdefgh><efghijklmn>"), "<[a]><[b]>");
        assert_eq!(scrubber.text("<abcdefghabcdefgh>"), "<[a][a]>");
    }

    #[test]
    fn random_secrets_leave_no_trace_among_random_bytes() {
        let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
        for round in 0..2_000 {
            let length = 8 + random.below(40);
            let secret = random.bytes(length);
            let (before, after) = (random.below(7), random.below(7));
            let whole = [random.bytes(before), secret.clone(), random.bytes(after)].concat();
            let scrubber = Scrubber::new([("k", secret.as_slice())].into_iter());
            let clean = scrubber.bytes(&whole);
            assert!(!clean.windows(secret.len()).any(|window| window == secret), "round {round}");
            for encoding in [data_encoding::BASE64, BASE64URL_NOPAD] {
                let clean = scrubber.text(&encoding.encode(&whole));
                let edges = clean.replacen("[k]", "", 1).trim_end_matches('=').len();
                assert!(edges <= (before + after) * 8 / 6 + 4, "round {round}: {clean}");
            }
            assert_eq!(scrubber.text(&HEXLOWER.encode(&secret)), "[k]", "round {round}");
            let twice = scrubber.bytes(&clean);
            assert_eq!(twice, clean, "round {round}");
        }
    }

    /// Marsaglia's xorshift64, so that every run tries the same cases.
    struct Xorshift(u64);

    impl Xorshift {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 33) as usize % limit
        }

        fn bytes(&mut self, length: usize) -> Vec<u8> {
            (0..length).map(|_| self.below(256) as u8).collect()
        }
    }

    #[test]
    fn a_secret_beyond_ascii_is_found_as_servers_write_it() {
        let secret = "pa\u{df}/w\u{f6}rd \u{1f511}";
        let scrubber = Scrubber::new([("key", secret.as_bytes())].into_iter());
        for form in [
            secret,
            "pa\\u00df/w\\u00f6rd \\ud83d\\udd11",
            "pa\\u00df\\/w\\u00f6rd \\ud83d\\udd11",
            "pa%C3%9F%2Fw%C3%B6rd+%F0%9F%94%91",
        ] {
            assert_eq!(scrubber.text(&format!("a {form} b")), "a [key] b", "{form}");
        }
    }

    #[test]
    fn the_shortest_secret_is_found_in_every_form_and_a_shorter_one_in_none() {
        let secret = b"q7/Zx9";
        assert_eq!(secret.len(), MIN_BYTES);
        let scrubber = Scrubber::new([("pin", &secret[..])].into_iter());
        for offset in 0..3 {
            let encoded = data_encoding::BASE64.encode(&[&b"ab"[..offset], secret, b"c"].concat());
            assert!(scrubber.text(&encoded).contains("[pin]"), "{encoded}");
        }
        for form in ["q7/Zx9", "q7%2FZx9", "q7\\/Zx9", "71372f5a7839", "71372F5A7839"] {
            assert_eq!(scrubber.text(form), "[pin]", "{form}");
        }
        let short = Scrubber::new([("pin", &b"12345"[..]), ("none", b"")].into_iter());
        let text = "status 12345, and 3132333435";
        assert_eq!(short.text(text), text);
    }

    #[test]
    fn other_text_stays() {
        let text = "no secret here: s3cr3t/+&toke";
        assert_eq!(scrubber().text(text), text);
    }
}
