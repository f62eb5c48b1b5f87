//! The four requests there are.

use acmite_sdk::http::{self, Reply, Request};
use acmite_sdk::{Context, Error, ErrorKind, Txt, zone};
use serde::{Deserialize, Serialize};

/// A TXT record.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    /// Below the zone; "@" at its apex.
    pub(crate) host: String,
    pub(crate) text: String,
}

#[derive(Deserialize)]
struct Page {
    records: Vec<Record>,
    /// Where the next page begins; `None` on the last.
    next: Option<String>,
}

#[derive(Serialize)]
struct New<'a> {
    r#type: &'static str,
    host: &'a str,
    text: &'a str,
    ttl: u32,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    detail: String,
}

/// Whether the token may list zones at all.
pub(crate) fn any_zone() -> Result<(), Error> {
    checked(http::request("zones").send()?).map(|_| ())
}

/// The TXT records of the whole zone.
pub(crate) fn txt_records(context: &Context) -> Result<Vec<Record>, Error> {
    let mut all = Vec::new();
    let mut request = to("records", context);
    loop {
        let Page { records, next } = checked(request.send()?)?.json()?;
        all.extend(records);
        let Some(next) = next else { return Ok(all) };
        request = to("records", context).query("after", &next);
    }
}

/// Makes the records side by side.
pub(crate) fn create_all<'a>(context: &Context, records: impl Iterator<Item = &'a Txt>) -> Result<(), Error> {
    let create = |record: &Txt| {
        let host = zone::relative_or(&record.name, &context.zone, "@").unwrap_or_default();
        to("create", context).json(&New { r#type: "TXT", host, text: &record.value, ttl: context.ttl })
    };
    let replies = http::send_all(records.map(create).collect());
    replies.into_iter().try_for_each(|reply| checked(reply?).map(|_| ()))
}

/// Removes the records side by side; one that is gone is as wanted.
pub(crate) fn delete_all<'a>(context: &Context, records: impl Iterator<Item = &'a Record>) -> Result<(), Error> {
    let delete = |record: &Record| to("delete", context).path("record", &record.id);
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
            Some(refusal) => error.with_message(refusal.detail).with_code(refusal.error),
            None => error,
        };
        match error.kind {
            ErrorKind::Denied => error.with_hint("copy the whole token again; it may have expired"),
            ErrorKind::Forbidden => error.with_hint("the token must be allowed to read zones and write records"),
            ErrorKind::ZoneNotFound => error.with_hint("check that the token is of the account that has this zone"),
            _ => error,
        }
    })
}
