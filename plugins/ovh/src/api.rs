//! The requests there are, signed with the API's own time or sent with a service account's token.

use std::collections::BTreeSet;

use acmite_sdk::http::{self, Reply, Request};
use acmite_sdk::sign::{self, ovh};
use acmite_sdk::{Context, Error, ErrorKind, Txt, secret, setting, txt, zone};
use serde::{Deserialize, Serialize};

/// A TXT record; its name is that below the zone, empty for the zone itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    id: u64,
    pub(crate) sub_domain: String,
    pub(crate) target: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct New<'a> {
    field_type: &'static str,
    sub_domain: &'a str,
    target: String,
    ttl: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fault {
    message: String,
    #[serde(default)]
    error_code: String,
}

/// What the login server tells (RFC 6749 section 5.2).
#[derive(Deserialize)]
struct LoginRefusal {
    error: String,
    error_description: Option<String>,
}

/// The API at a time of its own clock; without a signer, for a service account.
pub(crate) struct Api<'a> {
    context: &'a Context,
    signer: Option<ovh::Signer<'static>>,
}

impl<'a> Api<'a> {
    pub(crate) fn new(context: &'a Context) -> Result<Self, Error> {
        if let Some(client_id) = setting(context, "client_id") {
            log_in(client_id)?;
            return Ok(Self { context, signer: None });
        }
        let now = checked(http::request("time").send()?)?.json()?;
        let signer = ovh::Signer { application_secret: "application_secret", consumer_key: "consumer_key", now };
        Ok(Self { context, signer: Some(signer) })
    }

    /// Whether the account has the zone.
    pub(crate) fn zone(&self) -> Result<(), Error> {
        checked(self.signed("GET", "", self.request("zone"))?.send()?).map(|_| ())
    }

    /// The TXT records at the records' names.
    pub(crate) fn txt_records(&self, records: &[Txt]) -> Result<Vec<Record>, Error> {
        let names: BTreeSet<&str> = records.iter().map(|record| self.below(record)).collect();
        let list = |name: &str| {
            let request = self.request("list").query("fieldType", "TXT").query("subDomain", name);
            self.signed("GET", "/record", request)
        };
        let mut ids = BTreeSet::new();
        for reply in http::send_all(names.into_iter().map(list).collect::<Result<_, _>>()?) {
            ids.extend(checked(reply?)?.json::<Vec<u64>>()?);
        }
        let show = |id: u64| self.of_record("GET", "record", id);
        let replies = http::send_all(ids.into_iter().map(show).collect::<Result<_, _>>()?);
        // One that is gone since it was listed is no record.
        let shown = replies.into_iter().filter(|reply| !reply.as_ref().is_ok_and(|reply| reply.status() == 404));
        shown.map(|reply| checked(reply?)?.json()).collect()
    }

    /// Makes the records side by side.
    pub(crate) fn create_all<'b>(&self, records: impl Iterator<Item = &'b Txt>) -> Result<(), Error> {
        let create = |record: &Txt| {
            let target = txt::quoted(&record.value);
            let new = New { field_type: "TXT", sub_domain: self.below(record), target, ttl: self.context.ttl };
            self.signed("POST", "/record", self.request("create").json(&new))
        };
        let replies = http::send_all(records.map(create).collect::<Result<_, _>>()?);
        replies.into_iter().try_for_each(|reply| checked(reply?).map(|_| ()))
    }

    /// Removes the records side by side; one that is gone is as wanted.
    pub(crate) fn delete_all<'b>(&self, records: impl Iterator<Item = &'b Record>) -> Result<(), Error> {
        let delete = |record: &Record| self.of_record("DELETE", "delete", record.id);
        let replies = http::send_all(records.map(delete).collect::<Result<_, _>>()?);
        replies.into_iter().try_for_each(|reply| match reply? {
            reply if reply.status() == 404 => Ok(()),
            reply => checked(reply).map(|_| ()),
        })
    }

    /// Publishes what was written.
    pub(crate) fn refresh(&self) -> Result<(), Error> {
        checked(self.signed("POST", "/refresh", self.request("refresh"))?.send()?).map(|_| ())
    }

    fn below<'b>(&self, record: &'b Txt) -> &'b str {
        zone::relative(&record.name, &self.context.zone).unwrap_or_default()
    }

    fn of_record(&self, method: &str, endpoint: &str, id: u64) -> Result<Request, Error> {
        self.signed(method, &format!("/record/{id}"), self.request(endpoint).path("record", &id.to_string()))
    }

    fn request(&self, endpoint: &str) -> Request {
        http::request(endpoint).path("zone", &self.context.zone)
    }

    fn signed(&self, method: &str, below_zone: &str, request: Request) -> Result<Request, Error> {
        let Some(signer) = &self.signer else { return Ok(request) };
        let url = format!("{}/1.0/domain/zone/{}{below_zone}", sign::origin(self.context, "api"), self.context.zone);
        signer.sign(request, method, &url)
    }
}

/// Makes the host hold a token, unless it has one of this run.
fn log_in(client_id: &str) -> Result<(), Error> {
    if secret::credential("token.access_token").is_ok() {
        return Ok(());
    }
    let form = [("client_id", client_id), ("grant_type", "client_credentials"), ("scope", "all")];
    let reply = http::request("token").form(&form).send()?;
    let refused = |reply: &Reply, error: Error| match reply.parse::<LoginRefusal>() {
        None => error,
        Some(LoginRefusal { error: code, error_description }) => error
            .of_kind(ErrorKind::Denied)
            .with_message(error_description.unwrap_or_else(|| code.clone()))
            .with_code(code)
            .with_hint("check client_id, client_secret and the region"),
    };
    reply.ok_or(refused).map(|_| ())
}

fn checked(reply: Reply) -> Result<Reply, Error> {
    reply.ok_or(|reply, error| match reply.parse::<Fault>() {
        None => error,
        Some(fault) => refined(fault, error),
    })
}

/// The API tells wrong keys with status 400, 401 or 403; its code says which they are.
fn refined(fault: Fault, error: Error) -> Error {
    let error = error.with_message(fault.message).with_code(fault.error_code.clone());
    match fault.error_code.as_str() {
        "INVALID_CREDENTIAL" | "INVALID_KEY" | "INVALID_SIGNATURE" | "NOT_CREDENTIAL" => error
            .of_kind(ErrorKind::Denied)
            .with_hint("check the three keys and the region; a consumer key must have been validated and may expire"),
        "NOT_GRANTED_CALL" => {
            error.of_kind(ErrorKind::Forbidden).with_hint("the consumer key was made without this request's path")
        }
        _ => error,
    }
}
