//! PEM as it is written (RFC 7468 section 2).

use data_encoding::BASE64;

/// A block with this label, its final line end included.
pub(super) fn block(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let lines = text.as_bytes().chunks(LINE_CHARS).map(String::from_utf8_lossy);
    let body: String = lines.map(|line| format!("{line}\n")).collect();
    format!("-----BEGIN {label}-----\n{body}-----END {label}-----\n")
}

pub(super) const LINE_CHARS: usize = 64;
