//! Challenges: the ways to prove an authorization (RFC 8555 section 8).

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::problem::Problem;

/// One way to prove an authorization.
#[derive(Clone, Debug, Deserialize)]
pub struct Challenge {
    /// `dns-01` and others.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is answered.
    pub url: String,
    /// How far it is.
    pub status: ChallengeStatus,
    /// The CA's random text; absent in kinds that have none.
    #[serde(default)]
    pub token: Option<Token>,
    /// What the CA calls itself in records that last; only in dns-persist-01.
    #[serde(default, rename = "issuer-domain-names")]
    pub issuer_domain_names: Vec<String>,
    /// What the CA found wrong.
    #[serde(default)]
    pub error: Option<Problem>,
}

/// RFC 8555 section 7.1.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChallengeStatus {
    /// Not answered.
    Pending,
    /// The CA is looking.
    Processing,
    /// Proven.
    Valid,
    /// Failed.
    Invalid,
}

/// A token: letters of base64url alone, so that it can be a file's name (RFC 8555 section 8.3, 11.3).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Token(String);

impl Token {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Token {
    type Error = TokenError;

    fn try_from(text: String) -> Result<Self, TokenError> {
        let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.is_empty() || text.len() > MAX_TOKEN_BYTES || !text.bytes().all(in_alphabet) {
            let text = text.chars().take(SHOWN_TOKEN_CHARS).collect();
            return Err(TokenError { text });
        }
        Ok(Self(text))
    }
}

/// More would fill a terminal.
const SHOWN_TOKEN_CHARS: usize = 64;
/// The longest file name Linux takes.
const MAX_TOKEN_BYTES: usize = 255;

/// A text that is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the CA sent the token {text:?}, which is not base64url; nothing was made of it, report it to the CA")]
pub struct TokenError {
    /// As it was sent, or its begin.
    pub text: String,
}

/// The challenges that acmite answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChallengeKind {
    /// A TXT record that is removed again (RFC 8555 section 8.4).
    Dns01,
    /// The same at a name of the account's own (draft-ietf-acme-dns-account-label).
    DnsAccount01,
    /// A TXT record that stays (draft-ietf-acme-dns-persist).
    DnsPersist01,
    /// A file on a web server (RFC 8555 section 8.3).
    Http01,
    /// A certificate shown in a TLS handshake (RFC 8737).
    TlsAlpn01,
}

const KINDS: [(ChallengeKind, &str); 5] = [
    (ChallengeKind::Dns01, "dns-01"),
    (ChallengeKind::DnsAccount01, "dns-account-01"),
    (ChallengeKind::DnsPersist01, "dns-persist-01"),
    (ChallengeKind::Http01, "http-01"),
    (ChallengeKind::TlsAlpn01, "tls-alpn-01"),
];

impl ChallengeKind {
    /// Whether it is proven by a record in DNS.
    pub fn is_dns(self) -> bool {
        matches!(self, Self::Dns01 | Self::DnsAccount01 | Self::DnsPersist01)
    }
}

impl ChallengeKind {
    /// What to look at when a CA did not find the proof.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Dns01 | Self::DnsAccount01 => {
                "see that all authoritative servers of the name show the TXT record, then try again"
            }
            Self::DnsPersist01 => {
                "see that the TXT record at _validation-persist is there and names this account (acmite persist)"
            }
            Self::Http01 => {
                "see that port 80 of every address of the name, AAAA too, reaches this server, and that nothing before it answers instead"
            }
            Self::TlsAlpn01 => {
                "see that port 443 of every address of the name, AAAA too, reaches acmite, and that nothing before it ends TLS"
            }
        }
    }
}

impl fmt::Display for ChallengeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KINDS.iter().find(|(kind, _)| kind == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for ChallengeKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = KINDS.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind);
        found.ok_or_else(|| format!("give one of: {}", KINDS.map(|(_, name)| name).join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_could_lead_elsewhere_is_refused() {
        for text in ["", "..", "a/b", "../../etc/passwd", "a.b", "a b", "a\u{0}", "é", "a=", &"a".repeat(256)] {
            assert!(Token::try_from(text.to_owned()).is_err(), "{text:?} was taken");
        }
        assert!(Token::try_from("DGyRejmCefe7v4NfDGDKfA_-".to_owned()).is_ok());
    }

    #[test]
    fn a_challenge_with_a_bad_token_is_not_read_and_one_without_is() {
        let text = |token: &str| format!(r#"{{"type":"http-01","url":"https://ca/1","status":"pending"{token}}}"#);
        assert!(serde_json::from_str::<Challenge>(&text(r#","token":"../a""#)).is_err());
        assert!(serde_json::from_str::<Challenge>(&text("")).is_ok_and(|one| one.token.is_none()));
    }

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for (kind, _) in KINDS {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("dns-02".parse::<ChallengeKind>().is_err());
    }
}
