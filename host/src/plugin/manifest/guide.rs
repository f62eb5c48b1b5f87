//! What a person needs to know before using a provider: the manifest's part that confines nothing.

use serde::Deserialize;

/// What a person needs to know before using a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guide {
    /// The least privilege as it can be pasted at the provider: a policy, a command, the boxes to tick. May be empty.
    pub policy: String,
    /// What `check` tells apart, and what it cannot. May be empty.
    pub check: String,
    /// The zone of the examples; `example.com` where it is empty.
    pub zone: String,
    /// What surprises, a sentence or two each.
    pub quirks: Vec<String>,
    /// Where its writer read what the API does.
    pub sources: Vec<Source>,
}

/// A page of the provider's documentation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its URL.
    pub page: String,
    /// The day it was read, as year-month-day; `None` for a text that does not change, an RFC.
    pub seen: Option<String>,
}
