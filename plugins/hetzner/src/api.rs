//! The five requests there are.

use acmite_sdk::http::{self, Reply, Request};
use acmite_sdk::{Context, Error, ErrorKind, error, txt};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Sets {
    rrsets: Vec<Set>,
    meta: Meta,
}

/// The TXT values at one name.
#[derive(Debug, Deserialize)]
pub(crate) struct Set {
    /// Below the zone; "@" at its apex.
    pub(crate) name: String,
    records: Vec<Record>,
}

/// A value, in quotes.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Record {
    value: String,
}

/// Values that a set gets, with the TTL if it is a new one.
#[derive(Serialize)]
pub(crate) struct Addition {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ttl: Option<u32>,
    pub(crate) records: Vec<Record>,
}

/// Values that a set loses.
#[derive(Serialize)]
pub(crate) struct Removal {
    pub(crate) records: Vec<Record>,
}

#[derive(Deserialize)]
struct Meta {
    pagination: Pagination,
}

#[derive(Deserialize)]
struct Pagination {
    next_page: Option<u64>,
}

#[derive(Deserialize)]
struct Begun {
    action: Action,
}

#[derive(Deserialize)]
struct Actions {
    actions: Vec<Action>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Action {
    id: u64,
    status: String,
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Refusal {
    error: Fault,
}

#[derive(Deserialize)]
struct Fault {
    code: String,
    message: String,
}

impl Set {
    /// How the set spells this value; `None` if it does not have it.
    pub(crate) fn spelled(&self, value: &str) -> Option<String> {
        let same = self.records.iter().find(|record| txt::unquoted(&record.value) == value);
        same.map(|record| record.value.clone())
    }
}

impl Action {
    /// Whether it is still running; an error if it failed.
    fn is_running(&self) -> Result<bool, Error> {
        match (&self.error, self.status.as_str()) {
            (Some(fault), "error") => {
                Err(error(ErrorKind::Upstream, fault.message.clone()).with_code(fault.code.clone()))
            }
            (None, "error") => Err(error(ErrorKind::Upstream, format!("the action {} failed", self.id))),
            (_, status) => Ok(status == "running"),
        }
    }
}

/// Whether the token may list zones at all.
pub(crate) fn any_zone() -> Result<(), Error> {
    checked(http::request("zones").send()?).map(|_| ())
}

/// The TXT sets at these names; perhaps those of the whole zone.
pub(crate) fn txt_sets<'a>(
    context: &Context,
    mut labels: impl ExactSizeIterator<Item = &'a String>,
) -> Result<Vec<Set>, Error> {
    let one_name = if labels.len() == 1 { labels.next() } else { None };
    let mut all = Vec::new();
    for page in 1.. {
        let request = to("sets", context).query("page", &page.to_string());
        let request = match one_name {
            Some(label) => request.query("name", label),
            None => request,
        };
        let Sets { rrsets, meta } = checked(request.send()?)?.json()?;
        all.extend(rrsets);
        if meta.pagination.next_page.is_none() {
            break;
        }
    }
    Ok(all)
}

/// As many values as one request takes.
pub(crate) fn chunks(values: &[String]) -> impl Iterator<Item = Vec<Record>> {
    let record = |value: &String| Record { value: value.clone() };
    values.chunks(MAX_RECORDS).map(move |values| values.iter().map(record).collect())
}

/// Adds side by side; gives the actions that are still running.
pub(crate) fn add_all(context: &Context, additions: &[(String, Addition)]) -> Result<Vec<u64>, Error> {
    let add = |(label, addition): &(String, Addition)| to("add", context).path("name", label).json(addition);
    let mut running = Vec::new();
    for reply in http::send_all(additions.iter().map(add).collect()) {
        let Begun { action } = checked(reply?)?.json()?;
        if action.is_running()? {
            running.push(action.id);
        }
    }
    Ok(running)
}

/// Removes side by side; a set that is gone is as wanted.
pub(crate) fn remove_all(context: &Context, removals: &[(String, Removal)]) -> Result<(), Error> {
    let remove = |(label, removal): &(String, Removal)| to("remove", context).path("name", label).json(removal);
    let removed = |reply: Reply| match reply.status() {
        404 => Ok(()),
        _ => checked(reply)?.json::<Begun>()?.action.is_running().map(|_| ()),
    };
    http::send_all(removals.iter().map(remove).collect()).into_iter().try_for_each(|reply| removed(reply?))
}

/// Whether one of the actions is still running; one that failed is an error.
pub(crate) fn any_running(context: &Context, ids: &[u64]) -> Result<bool, Error> {
    let Some(oldest) = ids.iter().min() else { return Ok(false) };
    let mut running = false;
    for page in 1.. {
        let reply = to("actions", context).query("page", &page.to_string()).send()?;
        let Actions { actions, meta } = checked(reply)?.json()?;
        for action in actions.iter().filter(|action| ids.contains(&action.id)) {
            running |= action.is_running()?;
        }
        if meta.pagination.next_page.is_none() || actions.iter().any(|action| action.id <= *oldest) {
            break;
        }
    }
    Ok(running)
}

fn to(endpoint: &str, context: &Context) -> Request {
    http::request(endpoint).path("zone", &context.zone)
}

fn checked(reply: Reply) -> Result<Reply, Error> {
    reply.ok_or(|reply, error| match reply.parse::<Refusal>() {
        Some(refusal) => refined(refusal.error, error),
        None => error,
    })
}

fn refined(Fault { code, message }: Fault, error: Error) -> Error {
    let error = error.with_message(message).with_code(code.clone());
    match code.as_str() {
        "unauthorized" => error.with_hint("copy the whole token again; one of dns.hetzner.com does not work here"),
        "forbidden" | "token_readonly" => error.with_hint("make a token with Read & Write permission"),
        "not_found" => error.with_hint("check that the token is of the project that has this zone"),
        "incorrect_zone_mode" => error.with_hint("the zone is a secondary one; publish at its primary server"),
        // "The item you are trying to access is locked (there is already an Action running)", status 423.
        "locked" => error.of_kind(ErrorKind::Conflict),
        _ => error,
    }
}

/// `maxItems` of `records` ("Add Records to an RRSet").
const MAX_RECORDS: usize = 50;
