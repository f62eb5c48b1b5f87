//! The four actions there are, each signed.

use acmite_sdk::http::{self, Reply, Request};
use acmite_sdk::sign::{self, tc3};
use acmite_sdk::{Context, Error, ErrorKind, Txt, setting, zone};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

/// Every reply's outside.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<T> {
    response: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    error: Fault,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fault {
    code: String,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    record_count_info: Count,
    record_list: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Count {
    total_count: usize,
}

/// A record; its name is that below the domain, "@" for the domain itself.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Record {
    record_id: u64,
    pub(crate) name: String,
    r#type: String,
    pub(crate) value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct List<'a> {
    domain: &'a str,
    record_type: &'static str,
    offset: usize,
    limit: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct New<'a> {
    domain: &'a str,
    sub_domain: &'a str,
    record_type: &'static str,
    record_line: &'static str,
    record_line_id: &'static str,
    value: &'a str,
    #[serde(rename = "TTL")]
    ttl: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Old<'a> {
    domain: &'a str,
    record_id: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OneDomain {
    limit: usize,
}

/// Whether the key may list domains at all.
pub(crate) fn any_domain(context: &Context) -> Result<(), Error> {
    let reply = signed(context, "domains", "DescribeDomainList", &OneDomain { limit: 1 })?.send()?;
    response::<IgnoredAny>(reply).map(|_| ())
}

/// The domain's TXT records.
pub(crate) fn txt_records(context: &Context) -> Result<Vec<Record>, Error> {
    let mut all: Vec<Record> = Vec::new();
    loop {
        let list = List { domain: &context.zone, record_type: "TXT", offset: all.len(), limit: PAGE_RECORDS };
        let page = match response::<Page>(signed(context, "records", "DescribeRecordList", &list)?.send()?) {
            Err(error) if error.code == NO_RECORDS => break,
            page => page?,
        };
        let is_last = page.record_list.is_empty();
        all.extend(page.record_list);
        if is_last || all.len() >= page.record_count_info.total_count {
            break;
        }
    }
    all.retain(|record| record.r#type == "TXT");
    Ok(all)
}

/// Makes the records; one that is there already is as wanted.
pub(crate) fn create_all<'a>(context: &Context, records: impl Iterator<Item = &'a Txt>) -> Result<(), Error> {
    let create = |record: &Txt| {
        let new = New {
            domain: &context.zone,
            sub_domain: zone::relative_or(&record.name, &context.zone, "@").unwrap_or_default(),
            record_type: "TXT",
            record_line: "默认",
            record_line_id: "0",
            value: &record.value,
            ttl: context.ttl,
        };
        signed(context, "create", "CreateRecord", &new)
    };
    let replies = http::send_all(records.map(create).collect::<Result<_, _>>()?);
    replies.into_iter().try_for_each(|reply| done_or(reply?, &[RECORD_EXISTS]))
}

/// Removes the records; one that is gone is as wanted.
pub(crate) fn delete_all<'a>(context: &Context, records: impl Iterator<Item = &'a Record>) -> Result<(), Error> {
    let delete = |record: &Record| {
        let old = Old { domain: &context.zone, record_id: record.record_id };
        signed(context, "delete", "DeleteRecord", &old)
    };
    let replies = http::send_all(records.map(delete).collect::<Result<_, _>>()?);
    replies.into_iter().try_for_each(|reply| done_or(reply?, &[NO_RECORDS, NO_SUCH_RECORD]))
}

fn signed(context: &Context, endpoint: &str, action: &str, body: &impl Serialize) -> Result<Request, Error> {
    let signer = tc3::Signer {
        secret_id: setting(context, "secret_id").unwrap_or_default(),
        secret_key: "secret_key",
        service: "dnspod",
        now: context.now,
    };
    signer.sign(http::request(endpoint).json(body), sign::host(context, "api"), action)
}

/// Success, also if the API says by one of these codes that there was nothing to do.
fn done_or(reply: Reply, nothing_to_do: &[&str]) -> Result<(), Error> {
    match response::<IgnoredAny>(reply) {
        Err(error) if !nothing_to_do.contains(&error.code.as_str()) => Err(error),
        _ => Ok(()),
    }
}

/// What an action gives; its errors have status 200 too.
fn response<T: DeserializeOwned>(reply: Reply) -> Result<T, Error> {
    match reply.parse::<Envelope<Refusal>>() {
        Some(Envelope { response: Refusal { error } }) => Err(refined(&error, reply.error())),
        None => Ok(reply.json::<Envelope<T>>()?.response),
    }
}

/// By the action's own codes and the common ones, as Tencent's SDK of 2021-03-23 lists them.
fn refined(fault: &Fault, error: Error) -> Error {
    let error = error.with_message(fault.message.clone()).with_code(fault.code.clone());
    match fault.code.as_str() {
        "AuthFailure.SignatureExpire" => error.of_kind(ErrorKind::Denied).with_hint("set this machine's clock"),
        "AuthFailure.UnauthorizedOperation" | "UnauthorizedOperation" => {
            error.of_kind(ErrorKind::Forbidden).with_hint("the key's policy lacks what the message names")
        }
        code if code.starts_with("AuthFailure") => {
            error.of_kind(ErrorKind::Denied).with_hint("check secret_id and secret_key")
        }
        code if code.starts_with("OperationDenied") => error.of_kind(ErrorKind::Forbidden),
        "InvalidParameterValue.DomainNotExists"
        | "FailedOperation.NotDomainOwner"
        | "ResourceNotFound.NoDataOfDomain" => {
            error.of_kind(ErrorKind::ZoneNotFound).with_hint("check that the domain is in this account")
        }
        code if code.starts_with("RequestLimitExceeded") => error.of_kind(ErrorKind::RateLimited),
        code if code.starts_with("InternalError") => error.of_kind(ErrorKind::Transient),
        _ => error.of_kind(ErrorKind::Upstream),
    }
}

/// The most that DescribeRecordList shows.
const PAGE_RECORDS: usize = 3000;
const NO_RECORDS: &str = "ResourceNotFound.NoDataOfRecord";
const NO_SUCH_RECORD: &str = "InvalidParameter.RecordIdInvalid";
const RECORD_EXISTS: &str = "InvalidParameter.DomainRecordExist";
