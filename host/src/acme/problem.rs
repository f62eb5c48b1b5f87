//! What a CA says when it refuses: a problem document (RFC 7807, RFC 8555 section 6.7).

use std::fmt;

use serde::Deserialize;

/// A problem document as the CA sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// The URN of the problem's kind.
    #[serde(rename = "type", default)]
    pub urn: String,
    /// The CA's words.
    #[serde(default)]
    pub detail: String,
    /// The HTTP status, where the document repeats it.
    #[serde(default)]
    pub status: Option<u16>,
    /// One problem an identifier (RFC 8555 section 6.7.1).
    #[serde(default)]
    pub subproblems: Vec<Subproblem>,
}

/// What is wrong with one identifier.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Subproblem {
    /// The URN of the problem's kind.
    #[serde(rename = "type", default)]
    pub urn: String,
    /// The CA's words.
    #[serde(default)]
    pub detail: String,
    /// The name concerned.
    #[serde(default)]
    pub identifier: Option<Identifier>,
}

/// An ACME identifier as it stands in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Identifier {
    /// `dns` for names, `ip` for addresses.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name; without `*.` in an authorization.
    pub value: String,
}

impl Problem {
    /// The kind, as far as it is registered.
    pub fn kind(&self) -> ProblemKind {
        ProblemKind::of(&self.urn)
    }

    /// The names the CA complains of.
    pub fn names(&self) -> Vec<&str> {
        self.subproblems.iter().filter_map(|p| p.identifier.as_ref()).map(|i| i.value.as_str()).collect()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.urn.rsplit(':').next().unwrap_or_default();
        match (self.detail.as_str(), kind) {
            ("", "") => f.write_str("it does not say why")?,
            (detail, "") => f.write_str(shown(detail))?,
            (detail, kind) => write!(f, "{} ({})", shown(detail), shown(kind))?,
        }
        for sub in self.subproblems.iter().take(MOST_SUBPROBLEMS_SHOWN) {
            let name = sub.identifier.as_ref().map_or("?", |i| i.value.as_str());
            write!(f, "; {}: {}", shown(name), shown(&sub.detail))?;
        }
        match self.subproblems.len().saturating_sub(MOST_SUBPROBLEMS_SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// The begin of a text that could fill a terminal.
fn shown(text: &str) -> &str {
    text.char_indices().nth(MOST_CHARS_SHOWN).map_or(text, |(at, _)| &text[..at])
}

const MOST_CHARS_SHOWN: usize = 1000;
/// An order has a hundred names, seldom more.
const MOST_SUBPROBLEMS_SHOWN: usize = 100;

macro_rules! kinds {
    ($($variant:ident $urn:literal $remedy:literal)*) => {
        /// The kinds of problem of RFC 8555 section 6.7, RFC 9773 and the profiles draft.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ProblemKind {
            $(#[doc = concat!("`", $urn, "`")] $variant,)*
            /// Any other.
            Unknown,
        }

        impl ProblemKind {
            fn of(urn: &str) -> Self {
                match urn.strip_prefix("urn:ietf:params:acme:error:") {
                    $(Some($urn) => Self::$variant,)*
                    _ => Self::Unknown,
                }
            }

            /// What the user can do next.
            pub fn remedy(self) -> &'static str {
                match self {
                    $(Self::$variant => $remedy,)*
                    Self::Unknown => "read the CA's message; its documentation may say more",
                }
            }
        }
    };
}

kinds! {
    AccountDoesNotExist "accountDoesNotExist" "the CA does not know the account: put it aside with `acmite account deactivate`; \
        `acmite issue` makes another"
    AlreadyReplaced "alreadyReplaced" "the certificate was already renewed: order without naming the one it replaces"
    AlreadyRevoked "alreadyRevoked" "nothing to do: the certificate is revoked"
    BadCsr "badCSR" "choose another key type or fewer names"
    BadNonce "badNonce" "try again; if it stays, something between here and the CA caches its replies"
    BadPublicKey "badPublicKey" "choose another key type; the CA does not take this key"
    BadRevocationReason "badRevocationReason" "choose another revocation reason"
    BadSignatureAlgorithm "badSignatureAlgorithm" "use an account key of another type, such as P-256"
    Caa "caa" "add a CAA record that allows this CA, or remove the one that forbids it"
    Connection "connection" "see that the CA can reach the name's authoritative servers"
    Dns "dns" "see that all authoritative servers answer for the challenge name, also for DNSSEC"
    ExternalAccountRequired "externalAccountRequired" "get a key id and MAC key from the CA's site and give both"
    IncorrectResponse "incorrectResponse" "see that every authoritative server shows the TXT record, then try again"
    InvalidContact "invalidContact" "correct the e-mail address"
    InvalidProfile "invalidProfile" "choose one of the profiles the CA's directory lists"
    Malformed "malformed" "the CA did not understand the request: report this with the message above"
    OrderNotReady "orderNotReady" "try again; an authorization is not yet valid"
    RateLimited "rateLimited" "wait until the time the CA names, and use its staging directory for trials"
    RejectedIdentifier "rejectedIdentifier" "leave out the names the CA will not issue for"
    ServerInternal "serverInternal" "try again later; the CA's status page may say more"
    Tls "tls" "see that the server's TLS works for the name"
    Unauthorized "unauthorized" "see that all servers show the TXT record, and with `acmite account show` that the \
        account is active; one that is not is put aside by `acmite account deactivate`"
    UnsupportedContact "unsupportedContact" "give an e-mail address (mailto:)"
    UnsupportedIdentifier "unsupportedIdentifier" "leave out the names of a type the CA does not issue for"
    UserActionRequired "userActionRequired" "open the page the CA names and agree to its terms"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subproblems_name_their_identifiers() {
        // Abridged from RFC 8555 section 6.7.1.
        let text = r#"{"type":"urn:ietf:params:acme:error:malformed","detail":"Some of the identifiers requested were rejected",
            "subproblems":[{"type":"urn:ietf:params:acme:error:rejectedIdentifier","detail":"no",
            "identifier":{"type":"dns","value":"example.net"}}]}"#;
        let problem: Problem = serde_json::from_str(text).expect("a problem document");
        assert_eq!(problem.kind(), ProblemKind::Malformed);
        assert_eq!(problem.names(), ["example.net"]);
    }
}
