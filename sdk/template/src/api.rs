//! The four requests there are.

use acmite_sdk::http::{self, Reply, Request};
use acmite_sdk::{Context, Error, ErrorKind, Txt, zone};
use serde::{Deserialize, Serialize};

/// A TXT record.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: u64,
    /// Below the zone; "@" at its apex.
    pub(crate) name: String,
    pub(crate) data: String,
}

#[derive(Deserialize)]
struct Page {
    domain_records: Vec<Record>,
    #[serde(default)]
    links: Links,
}

#[derive(Default, Deserialize)]
struct Links {
    #[serde(default)]
    pages: Pages,
}

#[derive(Default, Deserialize)]
struct Pages {
    next: Option<String>,
}

#[derive(Serialize)]
struct New<'a> {
    r#type: &'static str,
    name: &'a str,
    data: &'a str,
    ttl: u32,
}

#[derive(Deserialize)]
struct Refusal {
    id: String,
    message: String,
}

/// Whether the token may list domains at all.
pub(crate) fn any_domain() -> Result<(), Error> {
    checked(http::request("domains").send()?).map(|_| ())
}

/// The TXT records at the records' names; perhaps those of the whole zone.
pub(crate) fn txt_records(context: &Context, records: &[Txt]) -> Result<Vec<Record>, Error> {
    let one_name = records.first().filter(|first| records.iter().all(|record| record.name == first.name));
    let mut all = Vec::new();
    for page in 1.. {
        let request = to("records", context).query("page", &page.to_string());
        let request = match one_name {
            Some(record) => request.query("name", &record.name),
            None => request,
        };
        let Page { domain_records, links } = checked(request.send()?)?.json()?;
        let last = domain_records.is_empty() || links.pages.next.is_none();
        all.extend(domain_records);
        if last {
            break;
        }
    }
    Ok(all)
}

/// Makes the records side by side.
pub(crate) fn create_all<'a>(context: &Context, records: impl Iterator<Item = &'a Txt>) -> Result<(), Error> {
    let create = |record: &Txt| {
        let name = zone::relative_or(&record.name, &context.zone, "@").unwrap_or_default();
        to("create", context).json(&New { r#type: "TXT", name, data: &record.value, ttl: context.ttl })
    };
    let replies = http::send_all(records.map(create).collect());
    replies.into_iter().try_for_each(|reply| checked(reply?).map(|_| ()))
}

/// Removes the records side by side; one that is gone is as wanted.
pub(crate) fn delete_all<'a>(context: &Context, records: impl Iterator<Item = &'a Record>) -> Result<(), Error> {
    let delete = |record: &Record| to("delete", context).path("record", &record.id.to_string());
    let deleted = |reply: Reply| match reply.status() {
        404 => Ok(()),
        _ => checked(reply).map(|_| ()),
    };
    http::send_all(records.map(delete).collect()).into_iter().try_for_each(|reply| deleted(reply?))
}

fn to(endpoint: &str, context: &Context) -> Request {
    http::request(endpoint).path("zone", &context.zone)
}

fn checked(reply: Reply) -> Result<Reply, Error> {
    reply.ok_or(|reply, error| {
        let error = match reply.parse::<Refusal>() {
            Some(refusal) => error.with_message(refusal.message).with_code(refusal.id),
            None => error,
        };
        match error.kind {
            ErrorKind::Denied => error.with_hint("copy the whole token again; it may have expired"),
            ErrorKind::Forbidden => error.with_hint("the token must be allowed to read domains and write records"),
            ErrorKind::ZoneNotFound => error.with_hint("check that the token is of the account that has this domain"),
            _ => error,
        }
    })
}
