//! Tencent Cloud DNSPod's API of 2021-03-23, the part DNS-01 needs: domains and their records.

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use super::keyed_hash::{sha256, signature};
use super::server::{Reply, Request};
use crate::dns::{Entry, Store};

/// The id of the one key.
pub const DNSPOD_KEY_ID: &str = "AKIDofthelab";

/// The rules of the API over `store`, for the key [`DNSPOD_KEY_ID`] with this secret.
pub fn dnspod(store: Store, secret: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        let header = |name: &str| request.headers.get(name).map(String::as_str).unwrap_or_default();
        if let Err(code) = check(request, &secret) {
            return failure(code, "The provided credentials could not be validated.");
        }
        let Some(body) = request.json().filter(|_| request.method == "POST" && request.path == "/") else {
            return failure("InvalidRequest", "The lab takes a POST of JSON.");
        };
        if header("x-tc-version") != "2021-03-23" {
            return failure("NoSuchVersion", "The API version does not exist.");
        }
        let action = header("x-tc-action");
        if action == "DescribeDomainList" {
            let domains: Vec<Value> = store.zones().iter().map(|zone| json!({"Name": zone})).collect();
            return success(json!({"DomainList": domains}));
        }
        let domain = body["Domain"].as_str().unwrap_or_default();
        if !store.zones().iter().any(|zone| zone == domain) {
            return failure("InvalidParameterValue.DomainNotExists", "The domain does not exist.");
        }
        match action {
            "DescribeRecordList" => records(&store, domain, &body),
            "CreateRecord" => create(&store, domain, &body),
            "DeleteRecord" => delete(&store, domain, &body),
            _ => failure("InvalidAction", "The action does not exist."),
        }
    }
}

/// "Signature v3" of Tencent Cloud's API documentation, as a server checks it; gives the code of the error.
fn check(request: &Request, secret: &str) -> Result<(), &'static str> {
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    let authorization = header("authorization").ok_or("AuthFailure.InvalidAuthorization")?;
    let time = header("x-tc-timestamp").and_then(|time| time.parse::<i64>().ok()).ok_or("MissingParameter")?;
    let day = time::OffsetDateTime::from_unix_timestamp(time).map_err(|_| "MissingParameter")?.date();
    let scope = format!("{day}/dnspod/tc3_request");
    let given = authorization
        .strip_prefix(&format!("TC3-HMAC-SHA256 Credential={DNSPOD_KEY_ID}/{scope}, SignedHeaders="))
        .and_then(|rest| rest.split_once(", Signature="));
    let (names, given) = given.ok_or("AuthFailure.SignatureFailure")?;
    let signs = |name: &str| names.split(';').any(|signed| signed == name);
    if !names.split(';').is_sorted() || !signs("content-type") || !signs("host") {
        return Err("AuthFailure.SignatureFailure");
    }
    let line = |name: &str| Some(format!("{name}:{}\n", header(name)?.trim().to_lowercase()));
    let lines: Option<String> = names.split(';').map(line).collect();
    let lines = lines.ok_or("AuthFailure.SignatureFailure")?;
    let canonical = format!("{}\n{}\n\n{lines}\n{names}\n{}", request.method, request.path, sha256(&request.body));
    let to_sign = format!("TC3-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&canonical));
    let steps = [day.to_string(), "dnspod".to_owned(), "tc3_request".to_owned()];
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    match signature(&format!("TC3{secret}"), &steps, &to_sign) == given {
        true => Ok(()),
        false => Err("AuthFailure.SignatureFailure"),
    }
}

/// From `Offset` on, as many as `Limit` says and the lab shows at most.
fn records(store: &Store, domain: &str, body: &Value) -> Reply {
    let number = |key: &str, default: u64| usize::try_from(body[key].as_u64().unwrap_or(default)).unwrap_or(usize::MAX);
    let kind = body["RecordType"].as_str();
    let all = store.records(domain).unwrap_or_default();
    let wanted = |entry: &&Entry| kind.is_none_or(|kind| entry.record.record_type().to_string() == kind);
    let wanted: Vec<Value> = all.iter().filter(wanted).map(|entry| wire(entry, domain)).collect();
    let limit = number("Limit", 100).min(PAGE_RECORDS);
    let shown: Vec<&Value> = wanted.iter().skip(number("Offset", 0)).take(limit).collect();
    if shown.is_empty() {
        return failure(NO_RECORDS, "There are no records.");
    }
    let count = json!({"SubdomainCount": all.len(), "ListCount": shown.len(), "TotalCount": wanted.len()});
    success(json!({"RecordCountInfo": count, "RecordList": shown}))
}

fn wire(entry: &Entry, domain: &str) -> Value {
    let owner = owner(entry);
    let name = owner.strip_suffix(domain).map_or(owner.as_str(), |name| name.trim_end_matches('.'));
    json!({"RecordId": entry.id, "Name": if name.is_empty() { "@" } else { name }, "Value": entry.value(),
        "Type": entry.record.record_type().to_string(), "TTL": entry.record.ttl, "Line": "Default", "LineId": "0"})
}

fn owner(entry: &Entry) -> String {
    entry.record.name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

fn create(store: &Store, domain: &str, body: &Value) -> Reply {
    let (Some("TXT"), Some(value)) = (body["RecordType"].as_str(), body["Value"].as_str()) else {
        return failure("InvalidParameter.RecordTypeInvalid", "The lab takes TXT records with a value.");
    };
    if body["RecordLine"].as_str().is_none_or(str::is_empty) || body["RecordLineId"] != "0" {
        return failure("InvalidParameter.RecordLineInvalid", "The lab has the default line alone.");
    }
    let ttl = body["TTL"].as_u64().and_then(|ttl| u32::try_from(ttl).ok());
    let Some(ttl) = ttl.filter(|ttl| (600..=604_800).contains(ttl)) else {
        return failure("LimitExceeded.RecordTtlLimit", "The TTL is beyond the limit of the domain's grade.");
    };
    let name = match body["SubDomain"].as_str().unwrap_or("@") {
        "@" => domain.to_owned(),
        name => format!("{name}.{domain}"),
    };
    let same =
        |entry: &Entry| entry.record.record_type() == RecordType::TXT && owner(entry) == name && entry.value() == value;
    if store.records(domain).unwrap_or_default().iter().any(same) {
        return failure("InvalidParameter.DomainRecordExist", "The record exists already.");
    }
    match store.add(domain, &name, RecordType::TXT, ttl, value) {
        Ok(id) => success(json!({"RecordId": id})),
        Err(error) => failure("InvalidParameter.SubdomainInvalid", &error.to_string()),
    }
}

fn delete(store: &Store, domain: &str, body: &Value) -> Reply {
    match store.remove(domain, |entry| body["RecordId"].as_u64() == Some(entry.id)) {
        Ok(1) => success(json!({})),
        _ => failure("InvalidParameter.RecordIdInvalid", "The record id is wrong."),
    }
}

/// Far fewer than the API's most, so that few records make several pages.
const PAGE_RECORDS: usize = 100;
const NO_RECORDS: &str = "ResourceNotFound.NoDataOfRecord";

fn success(mut response: Value) -> Reply {
    response["RequestId"] = "lab".into();
    Reply { status: 200, body: json!({"Response": response}) }
}

/// Errors have status 200 too.
fn failure(code: &str, message: &str) -> Reply {
    let error = json!({"Code": code, "Message": message});
    Reply { status: 200, body: json!({"Response": {"Error": error, "RequestId": "lab"}}) }
}
