//! Cloudflare's API v4, the part DNS-01 needs: zones, TXT records, token verification.
//!
//! Shapes: <https://developers.cloudflare.com/api/resources/dns/subresources/records/> and `.../zones/`.

use aws_lc_rs::digest;
use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use super::server::{Reply, Request};
use super::text;
use crate::dns::{Entry, Store};

/// The account's e-mail address, with which the value of a token counts as the Global API Key.
pub const CLOUDFLARE_EMAIL: &str = "account@lab.example";

/// A token and what it opens.
#[derive(Clone)]
pub struct CloudflareToken {
    /// For `Authorization: Bearer`.
    pub value: String,
    /// The zones it sees, without final dot; `None` for all.
    pub zones: Option<Vec<String>>,
}

impl std::fmt::Debug for CloudflareToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CloudflareToken").field("zones", &self.zones).finish_non_exhaustive()
    }
}

impl CloudflareToken {
    fn sees(&self, zone: &str) -> bool {
        self.zones.as_ref().is_none_or(|zones| zones.iter().any(|known| known.trim_end_matches('.') == zone))
    }
}

/// The rules of the API over `store`, for one token.
pub fn cloudflare(store: Store, token: CloudflareToken) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        let Some(path) = request.path.strip_prefix("/client/v4/") else { return no_route() };
        let parts: Vec<&str> = path.split('/').collect();
        if let Some(refusal) = unauthenticated(request, &token, parts.as_slice() == ["user", "tokens", "verify"]) {
            return refusal;
        }
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["user", "tokens", "verify"]) => success(json!({"id": id("token"), "status": "active"})),
            ("GET", ["zones"]) => zones(&store, &token, request),
            (method, ["zones", zone, rest @ ..]) => match (zone_of(&store, &token, zone), method, rest) {
                (Err(refusal), ..) => refusal,
                (Ok(zone), "GET", []) => success(zone_wire(&zone)),
                (Ok(zone), "GET", ["dns_records"]) => records(&store, &zone, request),
                (Ok(zone), "POST", ["dns_records"]) => create(&store, &zone, request),
                (Ok(zone), "POST", ["dns_records", "batch"]) => batch(&store, &zone, request),
                (Ok(zone), "GET", ["dns_records", record]) => details(&store, &zone, record),
                (Ok(zone), "DELETE", ["dns_records", record]) => delete(&store, &zone, record),
                _ => no_route(),
            },
            _ => no_route(),
        }
    }
}

fn unauthenticated(request: &Request, token: &CloudflareToken, verifying: bool) -> Option<Reply> {
    let header = request.headers.get("authorization").map(String::as_str);
    let value = |name: &str| request.headers.get(name).map(String::as_str);
    if let (None, Some(email), Some(key)) = (header, value("x-auth-email"), value("x-auth-key")) {
        let is_known = email == CLOUDFLARE_EMAIL && key == token.value;
        return (!is_known).then(|| failure(403, 9103, "Unknown X-Auth-Key or X-Auth-Email"));
    }
    match header.map(|header| header.strip_prefix("Bearer ")) {
        None => Some(failure(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")),
        Some(None) => Some(failure(400, 6003, "Invalid request headers")),
        Some(Some(given)) if given == token.value => None,
        Some(Some(_)) if verifying => Some(failure(401, 1000, "Invalid API Token")),
        Some(Some(_)) => Some(failure(403, 9109, "Invalid access token")),
    }
}

fn zones(store: &Store, token: &CloudflareToken, request: &Request) -> Reply {
    let named = |zone: &String| request.query.get("name").is_none_or(|name| name == zone);
    let active = request.query.get("status").is_none_or(|status| status == "active");
    let all = store.zones().into_iter().filter(|zone| active && token.sees(zone) && named(zone));
    page(request, &ZONE_PAGE, all.map(|zone| zone_wire(&zone)).collect())
}

fn zone_wire(zone: &str) -> Value {
    json!({"id": id(zone), "name": zone, "status": "active", "paused": false, "type": "full", "development_mode": 0,
        "account": {"id": id("account"), "name": "lab"}, "owner": {"id": null, "type": "user", "email": null},
        "name_servers": [format!("ns1.{zone}")], "original_name_servers": null, "original_registrar": null,
        "original_dnshost": null, "created_on": MADE, "modified_on": MADE, "activated_on": MADE,
        "meta": {"step": 2, "phishing_detected": false}, "permissions": ["#dns_records:edit", "#dns_records:read",
        "#zone:read"]})
}

/// 32 hex digits that stay the same for the same name.
fn id(name: &str) -> String {
    let hashed = digest::digest(&digest::SHA256, name.as_bytes());
    data_encoding::HEXLOWER.encode(&hashed.as_ref()[..16])
}

/// A zone that is not there and one that the token does not see look alike.
fn zone_of(store: &Store, token: &CloudflareToken, given: &str) -> Result<String, Reply> {
    if !is_id(given) {
        let message = "Could not route to the zone, perhaps your object identifier is invalid?";
        return Err(failure(404, 7003, message));
    }
    let found = store.zones().into_iter().find(|zone| id(zone) == given && token.sees(zone));
    found.ok_or_else(|| failure(403, 10000, "Authentication error"))
}

fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn records(store: &Store, zone: &str, request: &Request) -> Reply {
    let all = store.records(zone).unwrap_or_default();
    let wanted = |record: &Value| request.query.iter().all(|(filter, asked)| suits(record, filter, asked));
    page(request, &RECORD_PAGE, all.iter().map(|entry| wire(entry, zone)).filter(wanted).collect())
}

/// The filters `type`, `name`, `content`, the latter two also as `name.exact`, `name.contains` and so on.
fn suits(record: &Value, filter: &str, asked: &str) -> bool {
    let (field, comparison) = filter.split_once('.').unwrap_or((filter, "exact"));
    let Some(held) = record[field].as_str().filter(|_| ["type", "name", "content"].contains(&field)) else {
        return true;
    };
    let (held, asked) = if field == "content" {
        (held.trim_matches('"').to_owned(), asked.trim_matches('"').to_owned())
    } else {
        (held.to_lowercase(), asked.to_lowercase())
    };
    match comparison {
        "contains" => held.contains(&asked),
        "startswith" => held.starts_with(&asked),
        "endswith" => held.ends_with(&asked),
        _ => held == asked,
    }
}

/// TXT content comes back quoted.
fn wire(entry: &Entry, zone: &str) -> Value {
    let kind = entry.record.record_type();
    let content = if kind == RecordType::TXT { text::quoted(&entry.value()) } else { entry.value() };
    json!({"id": record_id(entry), "zone_id": id(zone), "zone_name": zone, "name": owner(entry),
        "type": kind.to_string(), "content": content, "proxiable": false, "proxied": false, "ttl": entry.record.ttl,
        "settings": {}, "meta": {}, "comment": null, "tags": [], "created_on": MADE, "modified_on": MADE})
}

/// The lab keeps no dates.
const MADE: &str = "2026-01-01T00:00:00.000000Z";

fn record_id(entry: &Entry) -> String {
    format!("{:032x}", entry.id)
}

fn owner(entry: &Entry) -> String {
    entry.record.name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

fn create(store: &Store, zone: &str, request: &Request) -> Reply {
    let Some(body) = request.json() else { return failure(400, 9207, "Request body is invalid.") };
    match New::read(&body, zone).and_then(|new| new.may_join(&store.records(zone).unwrap_or_default()).map(|()| new)) {
        Err(refusal) => refusal,
        Ok(new) => new.added(store, zone).map_or_else(|refusal| refusal, success),
    }
}

/// A TXT record to be made.
struct New {
    name: String,
    value: String,
    ttl: u32,
}

impl New {
    fn read(body: &Value, zone: &str) -> Result<Self, Reply> {
        let (Some("TXT"), Some(name), Some(content)) =
            (body["type"].as_str(), body["name"].as_str(), body["content"].as_str())
        else {
            let message = "Content for the record is invalid: type TXT, name and content are needed.";
            return Err(failure(400, 9005, message));
        };
        let Ok(ttl) = ttl(&body["ttl"]) else {
            let message = "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.";
            return Err(failure(400, 9021, message));
        };
        // What is not quoted is taken as it stands.
        let value = if content.starts_with('"') { text::unquoted(content) } else { Some(content.to_owned()) };
        let value = value.ok_or_else(|| failure(400, 9005, "Content for TXT record is invalid."))?;
        Ok(Self { name: full_name(name, zone), value, ttl })
    }

    fn may_join(&self, existing: &[Entry]) -> Result<(), Reply> {
        let mut at_name = existing.iter().filter(|entry| owner(entry) == self.name);
        if at_name.clone().any(|entry| entry.record.record_type() == RecordType::CNAME) {
            return Err(failure(400, 81054, "A CNAME record with that host already exists."));
        }
        if at_name.any(|entry| entry.record.record_type() == RecordType::TXT && entry.value() == self.value) {
            return Err(failure(400, 81058, "An identical record already exists."));
        }
        Ok(())
    }

    fn added(&self, store: &Store, zone: &str) -> Result<Value, Reply> {
        let added = store.add(zone, &self.name, RecordType::TXT, self.ttl, &self.value);
        let added = added.map_err(|error| failure(400, 9000, &error.to_string()))?;
        let entry = store.records(zone).unwrap_or_default().into_iter().find(|entry| entry.id == added);
        entry.map(|entry| wire(&entry, zone)).ok_or_else(absent)
    }
}

/// Deletes and posts, all or none: <https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/batch/>.
fn batch(store: &Store, zone: &str, request: &Request) -> Reply {
    match checked_batch(store, zone, request) {
        Err(refusal) => refusal,
        Ok((gone, new)) => {
            let deleted: Vec<Value> = gone.iter().map(|entry| wire(entry, zone)).collect();
            let is_gone = |entry: &Entry| gone.iter().any(|one| one.id == entry.id);
            if let Err(error) = store.remove(zone, is_gone) {
                return failure(400, 9000, &error.to_string());
            }
            let posted: Result<Vec<Value>, Reply> = new.iter().map(|new| new.added(store, zone)).collect();
            let done = posted.map(|posts| json!({"deletes": deleted, "patches": [], "puts": [], "posts": posts}));
            done.map_or_else(|refusal| refusal, success)
        }
    }
}

/// What a batch would remove and make, if all of it can be done.
fn checked_batch(store: &Store, zone: &str, request: &Request) -> Result<(Vec<Entry>, Vec<New>), Reply> {
    let body = request.json().ok_or_else(|| failure(400, 9207, "Request body is invalid."))?;
    let list = |key: &str| body[key].as_array().cloned().unwrap_or_default();
    let (deletes, posts) = (list("deletes"), list("posts"));
    if !(1..=FREE_PLAN_BATCH).contains(&(deletes.len() + posts.len())) {
        return Err(failure(400, 9207, "Between 1 and 200 changes are taken at once."));
    }
    let mut left = store.records(zone).unwrap_or_default();
    let mut gone = Vec::new();
    for one in &deletes {
        let at = left.iter().position(|entry| one["id"].as_str() == Some(&record_id(entry))).ok_or_else(absent)?;
        gone.push(left.swap_remove(at));
    }
    let new: Vec<New> = posts.iter().map(|post| New::read(post, zone)).collect::<Result<_, _>>()?;
    for (at, one) in new.iter().enumerate() {
        one.may_join(&left)?;
        if new[..at].iter().any(|other| (&other.name, &other.value) == (&one.name, &one.value)) {
            return Err(failure(400, 81058, "An identical record already exists."));
        }
    }
    Ok((gone, new))
}

/// <https://developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes/>
const FREE_PLAN_BATCH: usize = 200;

/// Automatic is 300 seconds.
fn ttl(given: &Value) -> Result<u32, ()> {
    match given.as_u64() {
        None if given.is_null() => Ok(300),
        Some(1) => Ok(300),
        Some(seconds @ 60..=86400) => u32::try_from(seconds).map_err(|_| ()),
        _ => Err(()),
    }
}

/// `@` is the apex, and a name that does not end with the zone's is taken to be relative to it.
fn full_name(given: &str, zone: &str) -> String {
    let name = given.trim_end_matches('.').to_lowercase();
    match name.as_str() {
        "@" => zone.to_owned(),
        name if name == zone || name.ends_with(&format!(".{zone}")) => name.to_owned(),
        name => format!("{name}.{zone}"),
    }
}

fn details(store: &Store, zone: &str, given: &str) -> Reply {
    found(store, zone, |entry| record_id(entry) == given)
}

fn found(store: &Store, zone: &str, wanted: impl Fn(&Entry) -> bool) -> Reply {
    let all = store.records(zone).unwrap_or_default();
    let entry = all.iter().find(|entry| wanted(entry));
    entry.map_or_else(absent, |entry| success(wire(entry, zone)))
}

fn delete(store: &Store, zone: &str, given: &str) -> Reply {
    match store.remove(zone, |entry| record_id(entry) == given) {
        Ok(1) => success(json!({"id": given})),
        _ => absent(),
    }
}

fn absent() -> Reply {
    failure(404, 81044, "Record does not exist.")
}

/// `per_page` of one list: the least, the usual and the most.
struct PageSize {
    least: usize,
    usual: usize,
    most: usize,
}

const ZONE_PAGE: PageSize = PageSize { least: 5, usual: 20, most: 50 };
const RECORD_PAGE: PageSize = PageSize { least: 1, usual: 100, most: 5_000_000 };

fn page(request: &Request, sizes: &PageSize, all: Vec<Value>) -> Reply {
    let number = |field: &str, default: usize| request.query.get(field).map_or(Ok(default), |text| text.parse());
    let (Ok(at @ 1..), Ok(size)) = (number("page", 1), number("per_page", sizes.usual)) else {
        return failure(400, 1001, "page and per_page must be positive numbers");
    };
    if !(sizes.least..=sizes.most).contains(&size) {
        return failure(400, 1001, &format!("per_page must be between {} and {}", sizes.least, sizes.most));
    }
    let total = all.len();
    let shown: Vec<Value> = all.into_iter().skip((at - 1).saturating_mul(size)).take(size).collect();
    let info = json!({"page": at, "per_page": size, "count": shown.len(), "total_count": total,
        "total_pages": total.div_ceil(size)});
    Reply {
        status: 200,
        body: json!({"success": true, "errors": [], "messages": [], "result": shown, "result_info": info}),
    }
}

fn success(result: Value) -> Reply {
    Reply { status: 200, body: json!({"success": true, "errors": [], "messages": [], "result": result}) }
}

fn no_route() -> Reply {
    failure(404, 7000, "No route for that URI")
}

fn failure(status: u16, code: u32, message: &str) -> Reply {
    let errors = json!([{"code": code, "message": message}]);
    Reply { status, body: json!({"success": false, "errors": errors, "messages": [], "result": null}) }
}
