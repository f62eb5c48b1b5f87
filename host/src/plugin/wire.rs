//! What passes between the sandbox and the host, in the host's own plain types.

use serde::{Deserialize, Serialize};

use crate::name::DnsName;

/// One TXT value at one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TxtRecord {
    /// Where it stands.
    pub name: DnsName,
    /// The value without quotes.
    pub value: String,
}

/// Which export is running; what a provider may do depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// May read and add.
    Present,
    /// May read.
    Settled,
    /// May read and remove.
    Cleanup,
    /// May read.
    Check,
}

impl Phase {
    /// The name of the export.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Settled => "settled",
            Self::Cleanup => "cleanup",
            Self::Check => "check",
        }
    }
}

/// What one call is about: the only thing its provider may change.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The running export.
    pub phase: Phase,
    /// Apex of the zone; `None` only in `check`.
    pub zone: Option<DnsName>,
    /// The values of the call, all within the zone; empty in `check`.
    pub records: Vec<TxtRecord>,
    /// The greatest TTL in seconds that may be set.
    pub max_ttl: u32,
}

/// A part of a value as the guest gave it.
#[derive(Clone, Debug)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// Bytes as they stand.
    Bytes(Vec<u8>),
    /// The number of bytes in the secret store of the call.
    Secret(u32),
}

/// A request as the guest gave it.
#[derive(Clone, Debug)]
pub struct GuestRequest {
    /// Id of the endpoint in the manifest.
    pub endpoint: String,
    /// Variables of the path.
    pub path: Vec<(String, String)>,
    /// Query pairs in order.
    pub query: Vec<(String, String)>,
    /// Header pairs in order.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Option<Vec<u8>>,
    /// Computed values by sink, as "header:authorization".
    pub inject: Vec<(String, Vec<Part>)>,
}

/// What percent-encoding changes: all but A-Z a-z 0-9 - . _ ~ (RFC 3986 section 2.3).
pub(super) const UNRESERVED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
