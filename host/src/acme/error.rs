//! What can go wrong with a request to the CA, and what to do then.

use std::time::Duration;

use super::jws::KeyError;
use super::place::PlaceError;
use super::problem::Problem;

/// A request the CA did not fulfil.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// No answer.
    #[error("the CA cannot be reached at {url}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The CA's server certificate is not trusted here.
    #[error("the TLS certificate of {url} is not trusted")]
    Untrusted {
        /// What was asked.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The file of `--ca-bundle`.
    #[error("the CA bundle holds no readable PEM certificate")]
    BadCaBundle,
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up")]
    NoClient {
        /// Why.
        source: reqwest::Error,
    },
    /// The CA said no.
    #[error("the CA refused with status {status}: {problem}")]
    Refused {
        /// What was asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// Its words; empty if it sent none.
        problem: Box<Problem>,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// Not the JSON RFC 8555 asks for.
    #[error("the reply of {url} is not what RFC 8555 says")]
    NotJson {
        /// What was asked.
        url: String,
        /// Where it differs.
        source: serde_json::Error,
    },
    /// More than any reply of RFC 8555 holds.
    #[error("the reply of {url} has more than {} KiB", MAX_REPLY_BYTES / 1024)]
    TooLarge {
        /// What was asked.
        url: String,
    },
    /// The CA is, or leads to, where none is asked.
    #[error("the CA is not asked at {url}: {source}")]
    Astray {
        /// What it names.
        url: String,
        /// Why not.
        source: PlaceError,
    },
    /// Something is missing in the reply.
    #[error("the reply of {url} is not what RFC 8555 says: {what}")]
    Malformed {
        /// What was asked.
        url: String,
        /// What is wrong.
        what: &'static str,
    },
    /// The CA lacks what was asked of it.
    #[error("the CA does not offer {what}")]
    NotOffered {
        /// The feature.
        what: &'static str,
    },
    /// The order ended without a certificate.
    #[error("the order {url} became invalid: {problem}")]
    OrderInvalid {
        /// The order.
        url: String,
        /// The CA's words; empty if it sent none.
        problem: Box<Problem>,
    },
    /// Time is up.
    #[error("the time is up, still waiting for {waiting_for} from {url}")]
    Deadline {
        /// What was asked.
        url: String,
        /// What had not come.
        waiting_for: &'static str,
    },
    /// The key could not sign.
    #[error("the request could not be signed")]
    Key(#[source] KeyError),
}

impl AcmeError {
    /// The CA's problem document, where it sent one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem, .. } | Self::OrderInvalid { problem, .. } => Some(problem),
            _ => None,
        }
    }

    /// How long the CA asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the CA may have done what it was asked for all the same.
    pub(super) fn is_ambiguous(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } => !source.is_connect(),
            Self::Refused { status, .. } => (500..=504).contains(status),
            _ => false,
        }
    }

    /// What the user can do next.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "check the directory URL, the network and any proxy, then try again",
            Self::Untrusted { .. } => "for a private CA give its root certificate with --ca-bundle",
            Self::BadCaBundle => "give --ca-bundle a file of PEM certificates (BEGIN CERTIFICATE)",
            Self::NoClient { .. } => "this should not happen: please report it, with what --log-file holds",
            Self::Refused { problem, .. } | Self::OrderInvalid { problem, .. } => problem.kind().remedy(),
            Self::NotJson { .. } | Self::Malformed { .. } | Self::TooLarge { .. } | Self::Astray { .. } => {
                "check that the directory URL is that of an ACME CA"
            }
            Self::NotOffered { .. } => "leave the option out or choose another CA",
            Self::Deadline { .. } => "try again later, or with a longer timeout",
            Self::Key(_) => "restore the account key from a copy, or register a new account",
        }
    }
}

/// A thousand times what CAs send: a chain has some 10 KiB, an order of a hundred names too.
pub(super) const MAX_REPLY_BYTES: usize = 1024 * 1024;
