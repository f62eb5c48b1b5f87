//! The requests there are.

use acmite_sdk::http::{self, Reply, Request};
use acmite_sdk::{Context, Error, ErrorKind, Txt, error, txt};
use serde::{Deserialize, Serialize};

/// Every reply's outside.
#[derive(Deserialize)]
struct Envelope<T> {
    result: T,
    result_info: Option<Page>,
}

#[derive(Deserialize)]
struct Page {
    per_page: usize,
    total_count: usize,
}

#[derive(Deserialize)]
struct Zone {
    id: String,
    name: String,
    status: String,
}

/// A TXT record.
#[derive(Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) content: String,
}

#[derive(Serialize)]
struct New<'a> {
    r#type: &'static str,
    name: &'a str,
    content: String,
    ttl: u32,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

/// Changes that Cloudflare makes in one transaction: all of them or none.
#[derive(Default, Serialize)]
struct Batch<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deletes: Vec<Delete<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    posts: Vec<New<'a>>,
}

#[derive(Serialize)]
struct Delete<'a> {
    id: &'a str,
}

#[derive(Deserialize)]
struct Batched {
    #[serde(default)]
    posts: Vec<Record>,
}

#[derive(Deserialize)]
struct Refusal {
    errors: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    code: u32,
    message: String,
}

/// The id of the call's zone; of several accounts' zones of that name, only one is active.
pub(crate) fn zone_id(context: &Context) -> Result<String, Error> {
    let zones: Vec<Zone> = all_pages(|| http::request("zones").query("name", &context.zone))?;
    let ours = zones.into_iter().filter(|zone| acmite_sdk::zone::same(&zone.name, &context.zone));
    let best = ours.min_by_key(|zone| zone.status != "active");
    best.map(|zone| zone.id).ok_or_else(|| {
        error(ErrorKind::ZoneNotFound, format!("the token sees no zone {}", context.zone))
            .with_hint("check the account, and that the token has Zone:Read for this zone")
    })
}

/// Whether the token may list zones at all.
pub(crate) fn any_zone() -> Result<(), Error> {
    checked(http::request("zones").send()?).map(|_| ())
}

/// The TXT records at the records' names; perhaps those of the whole zone.
pub(crate) fn txt_records(zone: &str, records: &[Txt]) -> Result<Vec<Record>, Error> {
    let one_name = records.first().filter(|first| records.iter().all(|record| record.name == first.name));
    all_pages(|| {
        let request = http::request("records").path("zone", zone);
        match one_name {
            Some(record) => request.query("name.exact", &record.name),
            None => request,
        }
    })
}

/// Makes the records; the id of each, `None` if an identical one was there already.
pub(crate) fn create_all(zone: &str, records: &[&Txt], ttl: u32) -> Result<Vec<Option<String>>, Error> {
    let mut ids = Vec::new();
    for records in records.chunks(BATCH) {
        let new: Vec<New> = records.iter().map(|record| new(record, ttl)).collect();
        match together(zone, Batch { posts: new, ..Batch::default() }, records.len())? {
            Some(batched) => ids.extend(records.iter().map(|record| batched.id_of(record))),
            None => ids.extend(create_each(zone, records, ttl)?),
        }
    }
    Ok(ids)
}

fn new(record: &Txt, ttl: u32) -> New<'_> {
    New { r#type: "TXT", name: &record.name, content: txt::quoted(&record.value), ttl }
}

/// `None` for a single change, and where nothing was done as one of the changes was done before.
fn together(zone: &str, batch: Batch<'_>, changes: usize) -> Result<Option<Batched>, Error> {
    if changes < 2 {
        return Ok(None);
    }
    let reply = http::request("batch").path("zone", zone).json(&batch).send()?;
    if [IDENTICAL_RECORD_EXISTS, RECORD_DOES_NOT_EXIST].iter().any(|code| has_code(&reply, *code)) {
        return Ok(None);
    }
    checked(reply)?.json::<Envelope<Batched>>().map(|envelope| Some(envelope.result))
}

impl Batched {
    fn id_of(&self, record: &Txt) -> Option<String> {
        self.posts.iter().find(|made| made.is(record)).map(|made| made.id.clone())
    }
}

impl Record {
    pub(crate) fn is(&self, record: &Txt) -> bool {
        acmite_sdk::zone::same(&self.name, &record.name) && txt::unquoted(&self.content) == record.value
    }
}

/// Side by side.
fn create_each(zone: &str, records: &[&Txt], ttl: u32) -> Result<Vec<Option<String>>, Error> {
    let create = |record: &&Txt| http::request("create").path("zone", zone).json(&new(record, ttl));
    let replies = http::send_all(records.iter().map(create).collect());
    replies.into_iter().map(|reply| created(reply?)).collect()
}

fn created(reply: Reply) -> Result<Option<String>, Error> {
    if has_code(&reply, IDENTICAL_RECORD_EXISTS) {
        return Ok(None);
    }
    checked(reply)?.json::<Envelope<Created>>().map(|envelope| Some(envelope.result.id))
}

/// Removes the records; one that is gone is as wanted.
pub(crate) fn delete_all(zone: &str, ids: &[String]) -> Result<(), Error> {
    for ids in ids.chunks(BATCH) {
        let deletes = ids.iter().map(|id| Delete { id }).collect();
        if together(zone, Batch { deletes, ..Batch::default() }, ids.len())?.is_none() {
            delete_each(zone, ids)?;
        }
    }
    Ok(())
}

/// Side by side.
fn delete_each(zone: &str, ids: &[String]) -> Result<(), Error> {
    let delete = |id: &String| http::request("delete").path("zone", zone).path("record", id);
    let deleted = |reply: Reply| match has_code(&reply, RECORD_DOES_NOT_EXIST) {
        true => Ok(()),
        false => checked(reply).map(|_| ()),
    };
    http::send_all(ids.iter().map(delete).collect()).into_iter().try_for_each(|reply| deleted(reply?))
}

/// Asks page after page until the last.
fn all_pages<T: serde::de::DeserializeOwned>(request: impl Fn() -> Request) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    for page in 1.. {
        let reply = checked(request().query("page", &page.to_string()).send()?)?;
        let Envelope { result, result_info } = reply.json::<Envelope<Vec<T>>>()?;
        let shown = result.len();
        all.extend(result);
        let last = result_info.is_none_or(|info| shown < info.per_page || page * info.per_page >= info.total_count);
        if last || shown == 0 {
            break;
        }
    }
    Ok(all)
}

fn checked(reply: Reply) -> Result<Reply, Error> {
    reply.ok_or(|reply, error| match fault(reply) {
        None => error,
        Some(fault) => refined(&fault, error),
    })
}

/// Cloudflare tells some bad tokens with status 400 or 403; its own code says which they are.
fn refined(fault: &Fault, error: Error) -> Error {
    let status = error.kind;
    let error = error.with_message(fault.message.clone()).with_code(fault.code.to_string());
    match fault.code {
        code if BAD_TOKEN.contains(&code) => {
            error.of_kind(ErrorKind::Denied).with_hint("copy the whole API token again")
        }
        _ if status == ErrorKind::Forbidden => error
            .with_hint("the token needs Zone:Read and DNS:Edit for this zone, and may be limited to other addresses"),
        _ => error,
    }
}

fn has_code(reply: &Reply, code: u32) -> bool {
    !reply.is_ok() && fault(reply).is_some_and(|fault| fault.code == code)
}

fn fault(reply: &Reply) -> Option<Fault> {
    reply.parse::<Refusal>()?.errors.into_iter().next()
}

/// What a zone of the free plan takes at once: <https://developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes/>
/// (seen 2026-11-24).
const BATCH: usize = 200;
/// "An identical record already exists."; 81057, "The record already exists.", is about other types of record.
const IDENTICAL_RECORD_EXISTS: u32 = 81058;
/// "Record does not exist."
const RECORD_DOES_NOT_EXIST: u32 = 81044;
/// 1000 invalid token, 6003 and 6111 malformed header, 9103 unknown key or e-mail address, 9109 invalid access token.
const BAD_TOKEN: [u32; 5] = [1000, 6003, 6111, 9103, 9109];
