//! What a provider reports of a failure.

use std::fmt;

/// An error as the provider told it, scrubbed.
#[derive(Clone, Debug)]
pub struct Told {
    /// By which the host decides.
    pub kind: ErrorKind,
    /// The API's own code, or empty.
    pub code: String,
    /// One line.
    pub message: String,
    /// The HTTP status.
    pub status: Option<u16>,
    /// How long to wait.
    pub retry_after: Option<std::time::Duration>,
    /// What to do.
    pub hint: Option<String>,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if let Some(status) = self.status {
            write!(f, " (HTTP {status})")?;
        }
        if !self.code.is_empty() {
            write!(f, " [{}]", self.code)?;
        }
        write!(f, "; {}", self.remedy())
    }
}

impl Told {
    /// What to do next: what the provider says, or what its kind of error asks for.
    pub fn remedy(&self) -> &str {
        self.hint.as_deref().unwrap_or_else(|| self.kind.remedy())
    }
}

/// The kinds of errors of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The credential is not accepted.
    Denied,
    /// The credential may not do this.
    Forbidden,
    /// The account holds no such zone.
    ZoneNotFound,
    /// Changed by another meanwhile.
    Conflict,
    /// Too many requests.
    RateLimited,
    /// A setting is wrong.
    Misconfigured,
    /// The reply was not as documented.
    Upstream,
    /// A passing fault.
    Transient,
    /// Cannot be done.
    Unsupported,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// Whether the same call may succeed later.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Conflict | Self::RateLimited | Self::Transient)
    }

    /// Its name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Forbidden => "forbidden",
            Self::ZoneNotFound => "zone-not-found",
            Self::Conflict => "conflict",
            Self::RateLimited => "rate-limited",
            Self::Misconfigured => "misconfigured",
            Self::Upstream => "upstream",
            Self::Transient => "transient",
            Self::Unsupported => "unsupported",
            Self::Other => "other",
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Denied => "check the credential, it may be mistyped, expired or revoked",
            Self::Forbidden => "give the credential the rights that `acmite plugin info` shows",
            Self::ZoneNotFound => "check that this account holds the zone and the credential may see it",
            Self::Conflict => "another client changes the same records; try again",
            Self::RateLimited => "wait and try again",
            Self::Misconfigured => "check the plugin's settings, see `acmite plugin inspect`",
            Self::Upstream => "the API may have changed; look for a newer plugin",
            Self::Transient => "try again later",
            Self::Unsupported => "use another provider for this name",
            Self::Other => "run again with -vv to see the requests",
        }
    }
}
