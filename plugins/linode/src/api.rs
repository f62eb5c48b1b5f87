//! The four requests there are.

use acmite_sdk::http::{self, Reply, Request};
use acmite_sdk::{Context, Error, ErrorKind, Txt, error, zone};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A record of any type.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    id: u64,
    r#type: String,
    /// Below the zone; "" at its apex.
    pub(crate) name: String,
    pub(crate) target: String,
}

#[derive(Deserialize)]
struct Domain {
    id: u64,
    domain: String,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    pages: u32,
}

#[derive(Serialize)]
struct New<'a> {
    r#type: &'static str,
    name: &'a str,
    target: &'a str,
    ttl_sec: u32,
}

#[derive(Deserialize)]
struct Refusal {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    reason: String,
}

/// Whether the token may list domains at all.
pub(crate) fn any_domain() -> Result<(), Error> {
    checked(http::request("domains").send()?).map(|_| ())
}

/// The number of the zone.
pub(crate) fn domain_id(context: &Context) -> Result<String, Error> {
    let domains: Vec<Domain> = all_pages(|| http::request("domains"))?;
    let ours = domains.into_iter().find(|domain| zone::same(&domain.domain, &context.zone));
    ours.map(|domain| domain.id.to_string()).ok_or_else(|| {
        error(ErrorKind::ZoneNotFound, format!("the token sees no domain {}", context.zone))
            .with_hint("check that the token is of the account that has this domain")
    })
}

/// The TXT records of the whole zone.
pub(crate) fn txt_records(domain: &str) -> Result<Vec<Record>, Error> {
    let mut records: Vec<Record> = all_pages(|| http::request("records").path("domain", domain))?;
    records.retain(|record| record.r#type == "TXT");
    Ok(records)
}

fn all_pages<T: DeserializeOwned>(request: impl Fn() -> Request) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    for page in 1.. {
        let Page { data, pages } = checked(request().query("page", &page.to_string()).send()?)?.json()?;
        all.extend(data);
        if page >= pages {
            break;
        }
    }
    Ok(all)
}

/// Makes the records side by side.
pub(crate) fn create_all<'a>(
    domain: &str,
    context: &Context,
    records: impl Iterator<Item = &'a Txt>,
) -> Result<(), Error> {
    let create = |record: &Txt| {
        let name = zone::relative(&record.name, &context.zone).unwrap_or_default();
        let new = New { r#type: "TXT", name, target: &record.value, ttl_sec: context.ttl };
        http::request("create").path("domain", domain).json(&new)
    };
    let replies = http::send_all(records.map(create).collect());
    replies.into_iter().try_for_each(|reply| checked(reply?).map(|_| ()))
}

/// Removes the records side by side; one that is gone is as wanted.
pub(crate) fn delete_all<'a>(domain: &str, records: impl Iterator<Item = &'a Record>) -> Result<(), Error> {
    let delete =
        |record: &Record| http::request("delete").path("domain", domain).path("record", &record.id.to_string());
    let deleted = |reply: Reply| match reply.status() {
        404 => Ok(()),
        _ => checked(reply).map(|_| ()),
    };
    http::send_all(records.map(delete).collect()).into_iter().try_for_each(|reply| deleted(reply?))
}

fn checked(reply: Reply) -> Result<Reply, Error> {
    reply.ok_or(|reply, error| {
        let reasons = reply.parse::<Refusal>().map(|refusal| refusal.errors).unwrap_or_default();
        let error = match reasons.into_iter().next() {
            Some(Reason { reason }) => error.with_message(reason),
            None => error,
        };
        match error.kind {
            ErrorKind::Denied => error.with_hint("copy the whole token again; it may have expired"),
            ErrorKind::Forbidden => error.with_hint("the token needs the scope domains:read_write"),
            _ => error,
        }
    })
}
