//! Cloudflare's API v4, the part DNS-01 needs: zones, TXT records, token verification.

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use super::server::{Reply, Request};
use super::text;
use crate::dns::{Entry, Store};

/// The rules of the API over `store`, for the bearer token `token`.
pub fn cloudflare(store: Store, token: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        if request.headers.get("authorization") != Some(&format!("Bearer {token}")) {
            return failure(401, 10000, "Authentication error");
        }
        let Some(path) = request.path.strip_prefix("/client/v4/") else { return no_route() };
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["user", "tokens", "verify"]) => success(json!({"id": "lab", "status": "active"})),
            ("GET", ["zones"]) => zones(&store, request),
            (method, ["zones", id, "dns_records", rest @ ..]) => match zone_of(&store, id) {
                None => failure(404, 7003, "Could not route to the zone, perhaps your object identifier is invalid?"),
                Some(zone) => match (method, rest) {
                    ("GET", []) => records(&store, &zone, request),
                    ("POST", []) => create(&store, &zone, request),
                    ("DELETE", [record]) => delete(&store, &zone, record),
                    _ => no_route(),
                },
            },
            _ => no_route(),
        }
    }
}

fn zones(store: &Store, request: &Request) -> Reply {
    let named = |zone: &String| request.query.get("name").is_none_or(|name| name == zone);
    let all = store.zones().into_iter().enumerate().filter(|(_, zone)| named(zone));
    page(
        request,
        ZONES_PER_PAGE,
        all.map(|(at, zone)| json!({"id": zone_id(at), "name": zone, "status": "active"})).collect(),
    )
}

fn zone_id(position: usize) -> String {
    format!("{:032x}", position + 1)
}

fn zone_of(store: &Store, id: &str) -> Option<String> {
    store.zones().into_iter().enumerate().find(|(at, _)| zone_id(*at) == id).map(|(_, zone)| zone)
}

fn records(store: &Store, zone: &str, request: &Request) -> Reply {
    let wanted = |record: &Value| {
        [("type", "type"), ("name", "name"), ("name.exact", "name"), ("content", "content")].iter().all(
            |(key, field)| {
                request.query.get(*key).is_none_or(|asked| record[*field].as_str().is_some_and(|value| value == asked))
            },
        )
    };
    let all = store.records(zone).unwrap_or_default();
    page(request, RECORDS_PER_PAGE, all.iter().map(wire).filter(wanted).collect())
}

/// TXT content comes back quoted.
fn wire(entry: &Entry) -> Value {
    let kind = entry.record.record_type();
    let content = if kind == RecordType::TXT { text::quoted(&entry.value()) } else { entry.value() };
    json!({"id": format!("{:032x}", entry.id), "name": owner(entry), "type": kind.to_string(), "content": content,
        "ttl": entry.record.ttl, "proxied": false})
}

fn owner(entry: &Entry) -> String {
    entry.record.name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

fn create(store: &Store, zone: &str, request: &Request) -> Reply {
    let Some(body) = request.json() else { return failure(400, 9207, "Request body is invalid.") };
    let (Some("TXT"), Some(name), Some(content)) =
        (body["type"].as_str(), body["name"].as_str(), body["content"].as_str())
    else {
        return failure(400, 9005, "Content for the record is invalid: type TXT, name and content are needed.");
    };
    let ttl = body["ttl"].as_u64().unwrap_or(1);
    if ttl != 1 && !(60..=86400).contains(&ttl) {
        return failure(400, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.");
    }
    // What is not quoted is taken as it stands.
    let value = if content.starts_with('"') { text::unquoted(content) } else { Some(content.to_owned()) };
    let Some(value) = value else { return failure(400, 9005, "Content for TXT record is invalid.") };
    let existing = store.records(zone).unwrap_or_default();
    let same = |entry: &&Entry| entry.record.record_type() == RecordType::TXT && owner(entry) == name.to_lowercase();
    if existing.iter().filter(same).any(|entry| entry.value() == value) {
        return failure(400, 81058, "An identical record already exists.");
    }
    let ttl = u32::try_from(ttl).unwrap_or(1);
    match store.add(zone, name, RecordType::TXT, ttl, &value) {
        Err(error) => failure(400, 9000, &error.to_string()),
        Ok(id) => {
            let created = store.records(zone).unwrap_or_default().into_iter().find(|entry| entry.id == id);
            success(created.as_ref().map(wire).unwrap_or_default())
        }
    }
}

fn delete(store: &Store, zone: &str, id: &str) -> Reply {
    match store.remove(zone, |entry| format!("{:032x}", entry.id) == id) {
        Ok(1) => success(json!({"id": id})),
        _ => failure(404, 81044, "Record does not exist."),
    }
}

fn page(request: &Request, most: usize, all: Vec<Value>) -> Reply {
    let number = |field: &str, default: usize| {
        request.query.get(field).and_then(|text| text.parse().ok()).filter(|n| *n > 0).unwrap_or(default)
    };
    let (at, size) = (number("page", 1), number("per_page", PER_PAGE).min(most));
    let total = all.len();
    let shown: Vec<Value> = all.into_iter().skip((at - 1).saturating_mul(size)).take(size).collect();
    let info = json!({"page": at, "per_page": size, "count": shown.len(), "total_count": total,
        "total_pages": total.div_ceil(size)});
    Reply {
        status: 200,
        body: json!({"success": true, "errors": [], "messages": [], "result": shown, "result_info": info}),
    }
}

const PER_PAGE: usize = 20;
/// The documented most.
const ZONES_PER_PAGE: usize = 50;
/// Far fewer than the API's most, so that few records make several pages.
const RECORDS_PER_PAGE: usize = 100;

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
