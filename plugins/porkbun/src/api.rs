//! The four requests there are.

use acmite_sdk::http::{self, Reply};
use acmite_sdk::{Context, Error, ErrorKind, Txt, zone};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Records {
    records: Vec<Record>,
}

/// A record; its name is absolute, without final dot.
#[derive(Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) name: String,
    r#type: String,
    pub(crate) content: String,
}

/// A record to make; its name is that below the domain, empty for the domain itself.
#[derive(Serialize)]
struct New<'a> {
    r#type: &'static str,
    name: &'a str,
    content: &'a str,
    ttl: String,
}

/// What every reply says of itself, also one of status 200.
#[derive(Deserialize)]
struct Told {
    status: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Whether the keys are taken.
pub(crate) fn ping() -> Result<(), Error> {
    checked(http::request("ping").json(&Nothing {}).send()?).map(|_| ())
}

/// The domain's TXT records.
pub(crate) fn txt_records(context: &Context) -> Result<Vec<Record>, Error> {
    let reply = http::request("records").path("zone", &context.zone).json(&Nothing {}).send()?;
    let all: Records = checked(reply)?.json()?;
    Ok(all.records.into_iter().filter(|record| record.r#type == "TXT").collect())
}

/// Makes the records; one that is there already is as wanted.
pub(crate) fn create_all(context: &Context, records: &[&Txt]) -> Result<(), Error> {
    let create = |record: &&Txt| {
        let name = zone::relative(&record.name, &context.zone).unwrap_or_default();
        let new = New { r#type: "TXT", name, content: &record.value, ttl: context.ttl.to_string() };
        http::request("create").path("zone", &context.zone).json(&new)
    };
    let replies = http::send_all(records.iter().map(create).collect());
    replies.into_iter().try_for_each(|reply| done_or(reply?, "DUPLICATE_RECORD"))
}

/// Removes the records; one that is gone is as wanted.
pub(crate) fn delete_all(context: &Context, ids: &[String]) -> Result<(), Error> {
    let delete = |id: &String| http::request("delete").path("zone", &context.zone).path("record", id).json(&Nothing {});
    let replies = http::send_all(ids.iter().map(delete).collect());
    replies.into_iter().try_for_each(|reply| done_or(reply?, "INVALID_RECORD_ID"))
}

/// The body that the host puts the keys into.
#[derive(Serialize)]
struct Nothing {}

/// Success, also if the API says by this code that there was nothing to do.
fn done_or(reply: Reply, nothing_to_do: &str) -> Result<(), Error> {
    match checked(reply) {
        Err(error) if error.code != nothing_to_do => Err(error),
        _ => Ok(()),
    }
}

/// A reply of status 200 may tell of an error too.
fn checked(reply: Reply) -> Result<Reply, Error> {
    match reply.parse::<Told>().filter(|told| told.status != "SUCCESS") {
        None => reply.ok(),
        Some(told) => Err(refined(&told, reply.error())),
    }
}

/// Most errors have status 400; the code says what they are ("Error codes" of the documentation).
fn refined(told: &Told, error: Error) -> Error {
    let error = error.with_message(told.message.clone()).with_code(told.code.clone());
    match told.code.as_str() {
        "API_KEY_REQUIRED" | "MISSING_APIKEY" | "MISSING_SECRETAPIKEY" => error.of_kind(ErrorKind::Denied),
        code if code.starts_with("INVALID_API_KEYS") => {
            error.of_kind(ErrorKind::Denied).with_hint("copy both keys again; the secret one is shown only once")
        }
        "IP_NOT_ALLOWED" | "DOMAIN_NOT_ALLOWED" => {
            error.of_kind(ErrorKind::Forbidden).with_hint("the key is limited to other addresses or domains")
        }
        "INVALID_DOMAIN" | "DOMAIN_NOT_FOUND" => error
            .of_kind(ErrorKind::ZoneNotFound)
            .with_hint("check the account, and switch API access on in the domain's details"),
        "RATE_LIMIT_EXCEEDED" => error.of_kind(ErrorKind::RateLimited),
        _ => error,
    }
}
