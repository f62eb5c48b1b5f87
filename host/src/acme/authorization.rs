//! Authorizations (RFC 8555 section 7.1.4, 7.5).

use serde::Deserialize;

use super::challenge::{Challenge, ChallengeKind};
use super::error::AcmeError;
use super::problem::{Identifier, Problem, ProblemKind};
use crate::name::{CertName, Host};

/// The CA's record of whether the account may have certificates for a name.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// Its URL.
    pub url: String,
    /// The name, without `*.`, or the address.
    pub name: Host,
    /// Whether it is for the names one level below.
    pub wildcard: bool,
    /// How far it is.
    pub status: AuthorizationStatus,
    /// The ways to prove it.
    pub challenges: Vec<Challenge>,
}

impl Authorization {
    /// The challenge of a kind, where the CA offers it.
    pub fn challenge(&self, kind: ChallengeKind) -> Option<&Challenge> {
        let kind = kind.to_string();
        self.challenges.iter().find(|challenge| challenge.kind == kind)
    }

    /// Kind of the challenge that failed, and what the CA found wrong.
    pub fn failure(&self) -> Option<(&str, &Problem)> {
        self.challenges.iter().find_map(|challenge| Some((challenge.kind.as_str(), challenge.error.as_ref()?)))
    }

    pub(super) fn from_raw(url: &str, raw: RawAuthorization) -> Result<Self, AcmeError> {
        let value = &raw.identifier.value;
        let name = CertName::parse(value.strip_prefix("*.").unwrap_or(value))
            .map(|name| name.base().clone())
            .map_err(|_| AcmeError::Malformed { url: url.to_owned(), what: "its identifier is no name or address" })?;
        Ok(Self { url: url.to_owned(), name, wildcard: raw.wildcard, status: raw.status, challenges: raw.challenges })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct RawAuthorization {
    identifier: Identifier,
    status: AuthorizationStatus,
    #[serde(default)]
    wildcard: bool,
    #[serde(default)]
    challenges: Vec<Challenge>,
}

/// RFC 8555 section 7.1.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthorizationStatus {
    /// A challenge is awaited.
    Pending,
    /// Proven.
    Valid,
    /// A challenge failed.
    Invalid,
    /// Given up by the account.
    Deactivated,
    /// Too old.
    Expired,
    /// Withdrawn by the CA.
    Revoked,
}

/// A name that was not proven.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizationError {
    /// The CA looked and did not find what it wanted.
    #[error("the CA did not accept the proof for {name}: {problem}")]
    NotProven {
        /// The name.
        name: Host,
        /// The challenge, if it is one of those that acmite answers.
        kind: Option<ChallengeKind>,
        /// The CA's words; empty if it sent none.
        problem: Box<Problem>,
    },
    /// Neither yes nor no in time.
    #[error("the CA did not decide about {name} in time")]
    Undecided {
        /// The name.
        name: Host,
    },
    /// The CA could not be asked.
    #[error("the CA could not be asked about {name}")]
    Request {
        /// The name.
        name: Host,
        /// Why.
        source: AcmeError,
    },
}

impl AuthorizationError {
    /// The name concerned.
    pub fn name(&self) -> &Host {
        match self {
            Self::NotProven { name, .. } | Self::Undecided { name } | Self::Request { name, .. } => name,
        }
    }

    /// What the user can do next.
    pub fn remedy(&self) -> &'static str {
        use ProblemKind::{Connection, IncorrectResponse, Tls, Unauthorized};
        match self {
            Self::NotProven { kind, problem, .. } => match (kind, problem.kind()) {
                (Some(kind), Unauthorized | IncorrectResponse | Connection | Tls) => kind.remedy(),
                (_, other) => other.remedy(),
            },
            Self::Undecided { .. } => "try again later; the CA may be busy",
            Self::Request { source, .. } => source.remedy(),
        }
    }
}
