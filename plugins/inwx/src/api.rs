//! The six methods there are.

use acmite_sdk::http::{self, Reply, Request};
use acmite_sdk::secret::Secret;
use acmite_sdk::{Context, Error, ErrorKind, Txt, parts};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize)]
struct Call<'a, T> {
    method: &'a str,
    params: T,
}

/// Every reply's outside.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<T> {
    res_data: T,
}

/// What every reply says of itself, also one of status 200.
#[derive(Deserialize)]
struct Told {
    code: u16,
    #[serde(default)]
    msg: String,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    tfa: Value,
}

/// What an account wants beside its password.
pub(crate) enum SecondFactor {
    None,
    /// A time-based code.
    Code,
}

#[derive(Deserialize)]
struct Zone {
    #[serde(default)]
    record: Vec<Record>,
}

/// A record; its name is absolute, without final dot. Ids are texts or numbers, by the age of the API.
#[derive(Deserialize)]
pub(crate) struct Record {
    id: Value,
    pub(crate) name: String,
    r#type: String,
    pub(crate) content: String,
}

#[derive(Serialize)]
struct Login<'a> {
    user: &'a str,
}

#[derive(Serialize)]
struct List<'a> {
    domain: &'a str,
    r#type: &'static str,
}

#[derive(Serialize)]
struct New<'a> {
    domain: &'a str,
    r#type: &'static str,
    name: &'a str,
    content: &'a str,
    ttl: u32,
}

#[derive(Serialize)]
struct Old<'a> {
    id: &'a Value,
}

/// A call without parameters, or with those alone that the host puts in.
#[derive(Serialize)]
struct Bare<'a> {
    method: &'a str,
}

/// Begins a session.
pub(crate) fn login(user: &str) -> Result<SecondFactor, Error> {
    let account: Account = data(call("login", "account.login", Login { user }).send()?)?;
    Ok(if account.tfa == "GOOGLE-AUTH" { SecondFactor::Code } else { SecondFactor::None })
}

/// Unlocks it with a code.
pub(crate) fn unlock(code: Secret) -> Result<(), Error> {
    let reply = http::request("unlock")
        .json(&Bare { method: "account.unlock" })
        .inject("body:/params/tan", &parts![code])
        .send()?;
    done(reply).map_err(|error| match error.kind {
        ErrorKind::Denied | ErrorKind::Upstream => error.of_kind(ErrorKind::Denied).with_hint(
            "see whether shared_secret and this machine's clock are right; each code is taken once, so if another run \
             has just logged in, try again in 30 s",
        ),
        _ => error,
    })
}

/// Whether the session may be used.
pub(crate) fn account() -> Result<(), Error> {
    done(http::request("account").json(&Bare { method: "account.info" }).send()?)
}

/// The domain's TXT records.
pub(crate) fn txt_records(context: &Context) -> Result<Vec<Record>, Error> {
    let list = List { domain: &context.zone, r#type: "TXT" };
    let zone: Zone = data(call("records", "nameserver.info", list).send()?)?;
    Ok(zone.record.into_iter().filter(|record| record.r#type == "TXT").collect())
}

/// Makes the records; one that is there already is as wanted.
pub(crate) fn create_all<'a>(context: &Context, records: impl Iterator<Item = &'a Txt>) -> Result<(), Error> {
    let create = |record: &Txt| {
        let (domain, name, content) = (&context.zone, &record.name, &record.value);
        call("create", "nameserver.createRecord", New { domain, r#type: "TXT", name, content, ttl: context.ttl })
    };
    done_or(http::send_all(records.map(create).collect()), OBJECT_EXISTS)
}

/// Removes the records; one that is gone is as wanted.
pub(crate) fn delete_all<'a>(records: impl Iterator<Item = &'a Record>) -> Result<(), Error> {
    let delete = |record: &Record| call("delete", "nameserver.deleteRecord", Old { id: &record.id });
    done_or(http::send_all(records.map(delete).collect()), NO_SUCH_OBJECT)
}

fn call(endpoint: &str, method: &str, params: impl Serialize) -> Request {
    http::request(endpoint).json(&Call { method, params })
}

/// Success of all, also of those of which the API says by this code that there was nothing to do.
fn done_or(replies: Vec<Result<Reply, Error>>, nothing_to_do: &str) -> Result<(), Error> {
    replies.into_iter().try_for_each(|reply| match done(reply?) {
        Err(error) if error.code != nothing_to_do => Err(error),
        _ => Ok(()),
    })
}

fn done(reply: Reply) -> Result<(), Error> {
    checked(reply)?.json::<IgnoredAny>().map(|_| ())
}

fn data<T: DeserializeOwned>(reply: Reply) -> Result<T, Error> {
    Ok(checked(reply)?.json::<Answer<T>>()?.res_data)
}

/// A reply of status 200 may tell of an error too: 1xxx is success.
fn checked(reply: Reply) -> Result<Reply, Error> {
    match reply.parse::<Told>().filter(|told| !(1000..2000).contains(&told.code)) {
        None => reply.ok(),
        Some(told) => Err(refined(told, reply.error())),
    }
}

/// By the "Result codes" of the documentation, which are those of EPP (RFC 5730 section 3).
fn refined(told: Told, error: Error) -> Error {
    let message = if told.reason.is_empty() { told.msg } else { format!("{}: {}", told.msg, told.reason) };
    let error = error.with_message(message).with_code(told.code.to_string());
    match told.code {
        2200 => error
            .of_kind(ErrorKind::Denied)
            .with_hint("check user and password; api.domrobot.com is not the test system"),
        2201 => error.of_kind(ErrorKind::Forbidden).with_hint("the account needs the role for DNS management"),
        2303 => error.of_kind(ErrorKind::ZoneNotFound).with_hint("check that the domain's name servers are INWX's own"),
        2502 => error.of_kind(ErrorKind::RateLimited),
        2400 | 2500 => error.of_kind(ErrorKind::Transient),
        _ => error.of_kind(ErrorKind::Upstream),
    }
}

/// The code of a session that is none, and of a login that is refused.
pub(crate) const NOT_LOGGED_IN: &str = "2200";
const OBJECT_EXISTS: &str = "2302";
const NO_SUCH_OBJECT: &str = "2303";
