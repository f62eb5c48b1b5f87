//! Names as they stand in DNS and in certificates.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A DNS name in lower case A-labels without the final dot, never the root: `_acme-challenge.www.example.com`.
///
/// Names given in Unicode are converted by UTS #46. At most 253 bytes, labels of 1 to 63 (RFC 1035 section 2.3.4).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DnsName(String);

impl DnsName {
    /// Reads a name as users, DNS and providers' APIs write it; a final dot is accepted.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let refuse = |why| NameError { text: text.to_owned(), why };
        let undotted = text.strip_suffix('.').unwrap_or(text);
        if undotted.is_empty() {
            return Err(refuse("it is empty"));
        }
        let ascii = idna::domain_to_ascii_cow(undotted.as_bytes(), idna::AsciiDenyList::EMPTY)
            .map_err(|_| refuse("it is not a valid internationalised name"))?;
        if ascii.len() > MAX_NAME_BYTES {
            return Err(refuse("it is longer than 253 bytes"));
        }
        for label in ascii.split('.') {
            if label.is_empty() || label.len() > MAX_LABEL_BYTES {
                return Err(refuse("a label is empty or longer than 63 bytes"));
            }
            if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                return Err(refuse("only letters, digits, '-', '_' and '.' may stand in it"));
            }
        }
        Ok(Self(ascii.into_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without its first label; `None` for a top-level domain.
    pub fn parent(&self) -> Option<Self> {
        self.0.split_once('.').map(|(_, rest)| Self(rest.to_owned()))
    }

    /// Whether this is `zone` or below it.
    pub fn is_within(&self, zone: &Self) -> bool {
        match self.0.strip_suffix(zone.as_str()) {
            Some(rest) => rest.is_empty() || rest.ends_with('.'),
            None => false,
        }
    }

    /// The name with one more label in front.
    pub fn child(&self, label: &str) -> Result<Self, NameError> {
        Self::parse(&format!("{label}.{self}"))
    }

    /// The part in front of `zone` without the dot between; empty at the apex, `None` outside the zone.
    pub fn relative_to(&self, zone: &Self) -> Option<&str> {
        self.is_within(zone).then(|| self.0[..self.0.len() - zone.0.len()].trim_end_matches('.'))
    }
}

const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DnsName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for DnsName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<DnsName> for String {
    fn from(name: DnsName) -> Self {
        name.0
    }
}

/// What an authorization is about: a host name, or an IP address (RFC 8738).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A name, without `*.`.
    Dns(DnsName),
    /// An address.
    Ip(IpAddr),
}

impl Host {
    /// The name, if it is one.
    pub fn dns(&self) -> Option<&DnsName> {
        match self {
            Self::Dns(name) => Some(name),
            Self::Ip(_) => None,
        }
    }

    /// What a TLS client names in SNI to reach it; for an address its reverse name (RFC 8738 section 6).
    pub fn server_name(&self) -> String {
        match self {
            Self::Dns(name) => name.to_string(),
            Self::Ip(IpAddr::V4(ip)) => {
                let [a, b, c, d] = ip.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            Self::Ip(IpAddr::V6(ip)) => {
                let nibbles = ip.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
                nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
            }
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => name.fmt(f),
            // As RFC 5952 writes it, which RFC 8738 section 3 asks for.
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a certificate is asked for: a host name, all names one level below it (`*.example.com`), or an IP address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CertName {
    base: Host,
    wildcard: bool,
}

impl CertName {
    /// Reads `example.com`, `*.example.com`, their Unicode forms, `192.0.2.1` or `2001:db8::1`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self { base: Host::Ip(ip), wildcard: false });
        }
        let (wildcard, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let refuse = |why| NameError { text: text.to_owned(), why };
        if rest.contains('*') {
            return Err(refuse("'*' may only stand for the whole first label"));
        }
        if rest.parse::<IpAddr>().is_ok() {
            return Err(refuse("there is no '*' for addresses"));
        }
        let base = DnsName::parse(rest).map_err(|e| refuse(e.why))?;
        if base.as_str().parse::<IpAddr>().is_ok() {
            return Err(refuse("an address is written in plain digits, without a final dot"));
        }
        if base.as_str().contains('_') {
            return Err(refuse("'_' may not stand in a host name (RFC 952)"));
        }
        if base.as_str().split('.').any(|label| label.starts_with('-') || label.ends_with('-')) {
            return Err(refuse("a label begins or ends with '-'"));
        }
        Ok(Self { base: Host::Dns(base), wildcard })
    }

    /// What an authorization is for.
    pub fn new(base: Host, wildcard: bool) -> Self {
        Self { base, wildcard }
    }

    /// What the authorization for it is about.
    pub fn base(&self) -> &Host {
        &self.base
    }

    /// Whether it began with `*.`.
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }
}

impl fmt::Display for CertName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wildcard {
            f.write_str("*.")?;
        }
        self.base.fmt(f)
    }
}

impl fmt::Debug for CertName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CertName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for CertName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<CertName> for String {
    fn from(name: CertName) -> Self {
        name.to_string()
    }
}

/// A text that is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid name: {why}")]
pub struct NameError {
    /// What was given.
    pub text: String,
    /// The rule it breaks.
    pub why: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DnsName {
        DnsName::parse(text).expect("a valid name")
    }

    #[test]
    fn names_are_lower_case_a_labels_without_a_final_dot() {
        assert_eq!(name("WWW.Example.COM.").as_str(), "www.example.com");
        assert_eq!(name("bücher.example").as_str(), "xn--bcher-kva.example");
        assert_eq!(name("_acme-challenge.example.com").as_str(), "_acme-challenge.example.com");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long_label = "a".repeat(64);
        let long_name = ["a"; 128].join(".");
        for text in ["", ".", "a..b", ".a", "a b", "a/b", "a\u{0}b", "*.a", &long_label, &long_name] {
            assert!(DnsName::parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_name_is_within_a_zone_only_at_a_label_boundary() {
        assert!(name("a.example.com").is_within(&name("example.com")));
        assert!(name("example.com").is_within(&name("example.com")));
        assert!(!name("badexample.com").is_within(&name("example.com")));
        assert_eq!(name("a.b.example.com").relative_to(&name("example.com")), Some("a.b"));
        assert_eq!(name("example.com").relative_to(&name("example.com")), Some(""));
        assert_eq!(name("example.org").relative_to(&name("example.com")), None);
    }

    #[test]
    fn a_wildcard_is_the_whole_first_label() {
        let wildcard = CertName::parse("*.Bücher.example").expect("a valid name");
        assert!(wildcard.is_wildcard());
        assert_eq!(wildcard.to_string(), "*.xn--bcher-kva.example");
        for text in ["a*.example.com", "*.*.example.com", "www.*.com", "*", "a_b.example.com", "-a.example.com"] {
            assert!(CertName::parse(text).is_err(), "{text:?} was taken");
        }
    }
    #[test]
    fn an_address_is_a_name_of_its_own_kind_with_a_reverse_name_for_tls() {
        let host = |text| CertName::parse(text).expect("an address").base().clone();
        assert_eq!(host("192.0.2.1").server_name(), "1.2.0.192.in-addr.arpa");
        // RFC 8738 section 6 has 2001:db8::1 so.
        let reverse = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(host("2001:DB8:0::1").server_name(), reverse);
        assert_eq!(host("2001:DB8:0::1").to_string(), "2001:db8::1");
        assert!(host("192.0.2.1").dns().is_none());
        for text in ["*.192.0.2.1", "192.0.2.1.", "*.192.0.2.1.", "\u{ff11}92.0.2.1"] {
            assert!(CertName::parse(text).is_err(), "{text:?} was taken");
        }
    }
}
