//! Porkbun's API v3, the part DNS-01 needs: ping, and a domain's records.

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use super::server::{Reply, Request};
use crate::dns::{Entry, Store};

/// The API key that goes with the secret one.
pub const PORKBUN_KEY: &str = "pk1_of_the_lab";

/// The rules of the API over `store`, for [`PORKBUN_KEY`] with this secret key. TXT content is kept as it is given.
pub fn porkbun(store: Store, secret: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        let Some(body) = request.json().filter(|_| request.method == "POST") else {
            return failure("INVALID_REQUEST", "All API requests are a POST of JSON.");
        };
        if body["apikey"] != PORKBUN_KEY || body["secretapikey"] != secret.as_str() {
            return failure("INVALID_API_KEYS_001", "Invalid API key. (001)");
        }
        let Some(path) = request.path.strip_prefix("/api/json/v3/") else { return no_route() };
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["ping"] => success(json!({"yourIp": "192.0.2.9"})),
            ["dns", what @ ("retrieve" | "create" | "delete"), domain, rest @ ..] => {
                if !store.zones().iter().any(|zone| zone == domain) {
                    return failure("INVALID_DOMAIN", "Invalid domain.");
                }
                match (*what, rest) {
                    ("retrieve", []) => records(&store, domain),
                    ("create", []) => create(&store, domain, &body),
                    ("delete", [id]) => delete(&store, domain, id),
                    _ => no_route(),
                }
            }
            _ => no_route(),
        }
    }
}

fn records(store: &Store, domain: &str) -> Reply {
    let shown: Vec<Value> =
        store.records(domain).unwrap_or_default().iter().filter(|entry| is_shown(entry)).map(wire).collect();
    success(json!({"records": shown}))
}

/// SOA and the domain's own NS cannot be edited.
fn is_shown(entry: &Entry) -> bool {
    !matches!(entry.record.record_type(), RecordType::SOA | RecordType::NS)
}

fn wire(entry: &Entry) -> Value {
    json!({"id": entry.id.to_string(), "name": owner(entry), "type": entry.record.record_type().to_string(),
        "content": entry.value(), "ttl": entry.record.ttl.to_string(), "prio": "0", "notes": ""})
}

fn owner(entry: &Entry) -> String {
    entry.record.name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

fn create(store: &Store, domain: &str, body: &Value) -> Reply {
    let known = ["apikey", "secretapikey", "type", "name", "content", "ttl"];
    if body.as_object().is_none_or(|body| body.keys().any(|key| !known.contains(&key.as_str()))) {
        return failure("INVALID_REQUEST", "There is a field that the lab does not know.");
    }
    let (Some("TXT"), Some(content)) = (body["type"].as_str(), body["content"].as_str()) else {
        return failure("INVALID_TYPE", "The lab takes TXT records with content.");
    };
    let ttl = body["ttl"].as_str().and_then(|ttl| ttl.parse::<u32>().ok());
    let Some(ttl) = ttl.filter(|ttl| *ttl >= 600) else {
        return failure("INVALID_TTL", "The minimum TTL is 600 seconds.");
    };
    let name = match body["name"].as_str().unwrap_or_default() {
        "" => domain.to_owned(),
        name => format!("{name}.{domain}"),
    };
    let same = |entry: &Entry| {
        entry.record.record_type() == RecordType::TXT && owner(entry) == name && entry.value() == content
    };
    if store.records(domain).unwrap_or_default().iter().any(same) {
        return failure("DUPLICATE_RECORD", "There is such a record already.");
    }
    match store.add(domain, &name, RecordType::TXT, ttl, content) {
        Ok(id) => success(json!({"id": id})),
        Err(error) => failure("INVALID_NAME", &error.to_string()),
    }
}

fn delete(store: &Store, domain: &str, id: &str) -> Reply {
    match store.remove(domain, |entry| entry.id.to_string() == id) {
        Ok(1) => success(json!({})),
        _ => failure("INVALID_RECORD_ID", "Invalid record ID."),
    }
}

fn success(mut body: Value) -> Reply {
    body["status"] = "SUCCESS".into();
    Reply { status: 200, body }
}

fn no_route() -> Reply {
    Reply { status: 404, ..failure("NOT_FOUND", "No such endpoint.") }
}

fn failure(code: &str, message: &str) -> Reply {
    Reply { status: 400, body: json!({"status": "ERROR", "message": message, "code": code}) }
}
