//! The two requests there are.

use acmite_sdk::{Context, Error, http};
use serde::{Deserialize, Serialize};

/// A zone's sets.
#[derive(Debug, Deserialize)]
pub(crate) struct Zone {
    pub(crate) rrsets: Vec<Set>,
}

/// All records of one name and type.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) r#type: String,
    pub(crate) ttl: u32,
    pub(crate) records: Vec<Record>,
}

/// One record of a set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Record {
    pub(crate) content: String,
    pub(crate) disabled: bool,
}

/// What becomes of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    pub(crate) name: String,
    pub(crate) r#type: &'static str,
    pub(crate) changetype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ttl: Option<u32>,
    pub(crate) records: Vec<Record>,
}

#[derive(Serialize)]
struct Patch {
    rrsets: Vec<Change>,
}

pub(crate) fn zone(context: &Context) -> Result<Zone, Error> {
    http::request("zone").path("zone", &zone_id(context)).send()?.json()
}

/// Writes the changes in one request; none if there are none.
pub(crate) fn patch(context: &Context, rrsets: Vec<Change>) -> Result<(), Error> {
    if rrsets.is_empty() {
        return Ok(());
    }
    http::request("patch").path("zone", &zone_id(context)).json(&Patch { rrsets }).send()?.ok().map(|_| ())
}

fn zone_id(context: &Context) -> String {
    format!("{}.", context.zone)
}
