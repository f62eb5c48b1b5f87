//! Zones, sets and changes.

use std::collections::BTreeSet;

use acmite_sdk::http::{self, Reply};
use acmite_sdk::{Context, Error, ErrorKind, Txt, error, zone};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Zones {
    #[serde(default)]
    managed_zones: Vec<Zone>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Zone {
    name: String,
    dns_name: String,
    visibility: Option<String>,
}

#[derive(Deserialize)]
struct Sets {
    #[serde(default)]
    rrsets: Vec<Set>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    rrsets: Vec<Listed>,
    next_page_token: Option<String>,
}

/// A set of any type; one with a routing policy has no data of its own.
#[derive(Deserialize)]
struct Listed {
    name: String,
    r#type: String,
    ttl: Option<u32>,
    rrdatas: Option<Vec<String>>,
}

/// All TXT values of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) r#type: String,
    pub(crate) ttl: u32,
    pub(crate) rrdatas: Vec<String>,
}

/// What is taken away and what comes in its place.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    pub(crate) deletions: Vec<Set>,
    pub(crate) additions: Vec<Set>,
}

#[derive(Deserialize)]
struct Made {
    id: String,
    status: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: Fault,
}

#[derive(Deserialize)]
struct Fault {
    message: String,
    #[serde(default)]
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    reason: String,
}

/// The name that the call's zone has in the project.
pub(crate) fn zone_name(context: &Context) -> Result<String, Error> {
    let dns_name = format!("{}.", context.zone);
    let mut page = None;
    loop {
        let request = http::request("zones").query("dnsName", &dns_name);
        let request = page.iter().fold(request, |request, page: &String| request.query("pageToken", page));
        let Zones { managed_zones, next_page_token } = checked(request.send()?)?.json()?;
        let is_ours =
            |found: &Zone| zone::same(&found.dns_name, &context.zone) && found.visibility.as_deref() != Some("private");
        if let Some(found) = managed_zones.into_iter().find(is_ours) {
            return Ok(found.name);
        }
        page = next_page_token;
        if page.is_none() {
            return Err(error(ErrorKind::ZoneNotFound, format!("the project has no public zone {}", context.zone))
                .with_hint("check the project, and that the service account may list its zones"));
        }
    }
}

/// Whether the account may list zones at all.
pub(crate) fn any_zone() -> Result<(), Error> {
    checked(http::request("zones").send()?).map(|_| ())
}

/// The TXT sets there are at the records' names.
pub(crate) fn sets(zone: &str, records: &[Txt]) -> Result<Vec<Set>, Error> {
    let names: BTreeSet<&str> = records.iter().map(|record| record.name.as_str()).collect();
    if names.len() >= LISTED_FROM_NAMES
        && let Some(sets) = listed(zone, &names)?
    {
        return Ok(sets);
    }
    let ask = |name: &&str| http::request("set").path("zone", zone).query("name", &format!("{name}."));
    let mut found = Vec::new();
    for reply in http::send_all(names.iter().map(ask).collect()) {
        found.extend(checked(reply?)?.json::<Sets>()?.rrsets);
    }
    Ok(found)
}

/// Fewer names are asked for one by one, all at the same time.
const LISTED_FROM_NAMES: usize = 3;

/// The TXT sets at these names as a list of the whole zone shows them; `None` if the zone has more than one page, whose
/// size is the server's choice.
fn listed(zone: &str, names: &BTreeSet<&str>) -> Result<Option<Vec<Set>>, Error> {
    let page = checked(http::request("sets").path("zone", zone).send()?)?.json::<Page>()?;
    if page.next_page_token.is_some() {
        return Ok(None);
    }
    let is_asked = |set: &Listed| set.r#type == "TXT" && names.iter().any(|name| zone::same(&set.name, name));
    page.rrsets.into_iter().filter(is_asked).map(Listed::plain).collect::<Result<_, _>>().map(Some)
}

impl Listed {
    fn plain(self) -> Result<Set, Error> {
        let Self { name, r#type, ttl: Some(ttl), rrdatas: Some(rrdatas) } = self else {
            return Err(error(
                ErrorKind::Unsupported,
                format!("the TXT records at {} have a routing policy", self.name),
            ));
        };
        Ok(Set { name, r#type, ttl, rrdatas })
    }
}

/// Makes the change and gives its id; none if there is nothing to change.
pub(crate) fn change(zone: &str, change: &Change) -> Result<Option<String>, Error> {
    if *change == Change::default() {
        return Ok(None);
    }
    let reply = http::request("change").path("zone", zone).json(change).send()?;
    let is_missing = reply.status() == 404;
    let made = reply.ok_or(|reply, error| match fault(reply) {
        // The zone was there when its sets were read: it is a deletion that matches nothing any more.
        Some(fault) if is_missing => refined(fault, error).of_kind(ErrorKind::Conflict),
        Some(fault) => refined(fault, error),
        None => error,
    });
    made?.json::<Made>().map(|made| Some(made.id))
}

/// Whether a change has gone out to the name servers.
pub(crate) fn is_done(zone: &str, change: &str) -> Result<bool, Error> {
    let reply = http::request("status").path("zone", zone).path("change", change).send()?;
    checked(reply)?.json::<Made>().map(|made| made.status == "done")
}

fn checked(reply: Reply) -> Result<Reply, Error> {
    reply.ok_or(|reply, error| match fault(reply) {
        Some(fault) => refined(fault, error),
        None => error,
    })
}

fn fault(reply: &Reply) -> Option<Fault> {
    reply.parse::<Refusal>().map(|refusal| refusal.error)
}

/// Quotas are told with 403 too; the reason says which it is.
fn refined(fault: Fault, error: Error) -> Error {
    let reason = fault.errors.into_iter().next().map(|first| first.reason).unwrap_or_default();
    let error = error.with_message(fault.message).with_code(reason.clone());
    match reason.as_str() {
        "rateLimitExceeded" | "userRateLimitExceeded" | "quotaExceeded" => error.of_kind(ErrorKind::RateLimited),
        _ if error.kind == ErrorKind::Forbidden => {
            error.with_hint("give the service account the role roles/dns.admin, and enable the API in the project")
        }
        _ => error,
    }
}
