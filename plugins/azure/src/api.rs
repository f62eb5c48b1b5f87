//! The five requests there are.

use acmite_sdk::http::{self, Reply, Request};
use acmite_sdk::{Context, Error, ErrorKind, secret, setting};
use serde::{Deserialize, Serialize};

/// A TXT record set.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Set {
    pub(crate) etag: String,
    pub(crate) properties: Properties,
}

/// What of a set is written; the rest stays.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Properties {
    #[serde(rename = "TTL")]
    pub(crate) ttl: u32,
    #[serde(rename = "TXTRecords", default)]
    pub(crate) records: Vec<Record>,
}

/// One value, as strings of at most 255 bytes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Record {
    pub(crate) value: Vec<String>,
}

/// What becomes of a set, under the etag it was read with.
#[derive(Debug)]
pub(crate) enum Change {
    /// There was none.
    Create(Properties),
    /// It becomes this.
    Update(String, Properties),
    /// It goes.
    Delete(String),
}

#[derive(Serialize)]
struct Body<'a> {
    properties: &'a Properties,
}

/// Some errors stand below `error`, that of an absent set does not.
#[derive(Deserialize)]
#[serde(untagged)]
enum Refusal {
    Below { error: Fault },
    Top(Fault),
}

#[derive(Deserialize)]
struct Fault {
    code: String,
    message: String,
}

#[derive(Deserialize)]
struct LoginRefusal {
    error: String,
    error_description: String,
}

/// Makes the host hold a token, unless it has one of this run.
pub(crate) fn log_in(context: &Context) -> Result<(), Error> {
    if secret::credential("token.access_token").is_ok() {
        return Ok(());
    }
    let client_id = setting(context, "client_id").unwrap_or_default();
    let scope = setting(context, "scope").unwrap_or_default();
    let form = [("client_id", client_id), ("grant_type", "client_credentials"), ("scope", scope)];
    let reply = http::request("token").form(&form).send()?;
    reply.ok_or(login_refused).map(|_| ())
}

/// The TXT set at each of these names, if there is one.
pub(crate) fn sets<'a>(context: &Context, labels: impl Iterator<Item = &'a String>) -> Result<Vec<Option<Set>>, Error> {
    let replies = http::send_all(labels.map(|label| to("set", context, label)).collect());
    replies.into_iter().map(|reply| found(reply?)).collect()
}

fn found(reply: Reply) -> Result<Option<Set>, Error> {
    match fault(&reply) {
        // Where the zone is absent the code is another.
        Some(fault) if reply.status() == 404 && fault.code == "NotFound" => Ok(None),
        _ => checked(reply)?.json().map(Some),
    }
}

/// Writes the sets side by side.
pub(crate) fn change_all(context: &Context, changes: &[(String, Change)]) -> Result<(), Error> {
    let write = |(label, change): &(String, Change)| match change {
        Change::Create(properties) => to("put", context, label).header("if-none-match", "*").json(&Body { properties }),
        Change::Update(etag, properties) => {
            to("patch", context, label).header("if-match", etag).json(&Body { properties })
        }
        Change::Delete(etag) => to("delete", context, label).header("if-match", etag),
    };
    let replies = http::send_all(changes.iter().map(write).collect());
    replies.into_iter().try_for_each(|reply| checked(reply?).map(|_| ()))
}

fn to(endpoint: &str, context: &Context, label: &str) -> Request {
    http::request(endpoint).path("zone", &context.zone).path("name", label)
}

fn fault(reply: &Reply) -> Option<Fault> {
    match reply.parse::<Refusal>()? {
        Refusal::Below { error } | Refusal::Top(error) => Some(error),
    }
}

fn checked(reply: Reply) -> Result<Reply, Error> {
    reply.ok_or(|reply, error| {
        let error = match fault(reply) {
            Some(fault) => error.with_message(fault.message).with_code(fault.code),
            None => error,
        };
        match error.kind {
            ErrorKind::Forbidden => error.with_hint("give the application the role DNS Zone Contributor on the zone"),
            ErrorKind::ZoneNotFound => error.with_hint("check subscription_id and resource_group"),
            _ => error,
        }
    })
}

/// A wrong secret is told with 401, a wrong tenant or application with 400.
fn login_refused(reply: &Reply, error: Error) -> Error {
    let Some(LoginRefusal { error: code, error_description }) = reply.parse() else { return error };
    let message = error_description.lines().next().unwrap_or_default();
    let error = error.with_message(message).with_code(code);
    match error.kind {
        ErrorKind::Denied => error.with_hint("check client_secret: its value, not its id; it may have expired"),
        ErrorKind::Upstream => error.of_kind(ErrorKind::Misconfigured).with_hint("check tenant_id and client_id"),
        _ => error,
    }
}
