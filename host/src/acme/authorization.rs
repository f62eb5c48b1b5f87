//! Authorizations and their challenges (RFC 8555 section 7.1.4, 7.5, 8).

use serde::Deserialize;

use super::http::AcmeError;
use super::problem::{Identifier, Problem};
use crate::name::DnsName;

/// The CA's record of whether the account may have certificates for a name.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// Its URL.
    pub url: String,
    /// The name, without `*.`.
    pub name: DnsName,
    /// Whether it is for the names one level below.
    pub wildcard: bool,
    /// How far it is.
    pub status: AuthorizationStatus,
    /// The ways to prove it.
    pub challenges: Vec<Challenge>,
}

impl Authorization {
    /// The dns-01 challenge, where the CA offers it.
    pub fn dns01(&self) -> Option<&Challenge> {
        self.challenges.iter().find(|challenge| challenge.kind == "dns-01")
    }

    /// What the CA found wrong.
    pub fn problem(&self) -> Option<&Problem> {
        self.challenges.iter().find_map(|challenge| challenge.error.as_ref())
    }

    pub(super) fn from_raw(url: &str, raw: RawAuthorization) -> Result<Self, AcmeError> {
        let value = raw.identifier.value;
        let name = DnsName::parse(value.strip_prefix("*.").unwrap_or(&value))
            .map_err(|_| AcmeError::Malformed { url: url.to_owned(), what: "its identifier is no DNS name" })?;
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
    pub token: String,
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

/// A name that was not proven.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizationError {
    /// The CA looked and did not find what it wanted.
    #[error("the CA did not accept the proof for {name}: {problem}")]
    NotProven {
        /// The name.
        name: DnsName,
        /// The CA's words; empty if it sent none.
        problem: Box<Problem>,
    },
    /// Neither yes nor no in time.
    #[error("the CA did not decide about {name} in time")]
    Undecided {
        /// The name.
        name: DnsName,
    },
    /// The CA could not be asked.
    #[error("the CA could not be asked about {name}")]
    Request {
        /// The name.
        name: DnsName,
        /// Why.
        source: AcmeError,
    },
}

impl AuthorizationError {
    /// The name concerned.
    pub fn name(&self) -> &DnsName {
        match self {
            Self::NotProven { name, .. } | Self::Undecided { name } | Self::Request { name, .. } => name,
        }
    }

    /// What the user can do next.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotProven { problem, .. } => problem.kind().remedy(),
            Self::Undecided { .. } => "try again later; the CA may be busy",
            Self::Request { source, .. } => source.remedy(),
        }
    }
}
