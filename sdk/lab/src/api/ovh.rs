//! OVHcloud's API v1, the part DNS-01 needs: the clock, and a zone's records.

use std::time::{SystemTime, UNIX_EPOCH};

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use super::keyed_hash::{percent, sha1};
use super::server::{Reply, Request};
use super::text;
use crate::dns::{Entry, Store};

/// The application key of the lab.
pub const OVH_APPLICATION_KEY: &str = "7kbG7Bk7S9Nt7ZSV";
/// The service account of the lab.
pub const OVH_CLIENT_ID: &str = "EU.0f0f0f0f0f0f0f0f";
/// The consumer key of the lab.
pub const OVH_CONSUMER_KEY: &str = "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1";

/// The rules of the API over `store`, for the lab's keys with this application secret. Its clock is an hour slow.
/// Records are in the zone at once, while OVHcloud publishes them at the next refresh.
pub fn ovh(store: Store, secret: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        if (request.method.as_str(), request.path.as_str()) == ("POST", "/auth/oauth2/token") {
            return token(request, &secret);
        }
        let Some(path) = request.path.strip_prefix("/1.0/") else { return no_route() };
        if request.method == "GET" && path == "auth/time" {
            return Reply { status: 200, body: json!(now()) };
        }
        if let Err((status, code)) = check(request, &secret) {
            return failure(status, code, "The request is not signed as it should be.");
        }
        let parts: Vec<&str> = path.split('/').collect();
        let ["domain", "zone", zone, rest @ ..] = parts.as_slice() else { return no_route() };
        if !store.zones().iter().any(|known| known == zone) {
            return failure(404, "", "This service does not exist");
        }
        match (request.method.as_str(), rest) {
            ("GET", []) => Reply { status: 200, body: json!({"name": zone}) },
            ("GET", ["record"]) => list(&store, zone, request),
            ("POST", ["record"]) => create(&store, zone, request),
            ("GET", ["record", id]) => find(&store, zone, id).map_or_else(absent, |entry| shown(&entry, zone)),
            ("DELETE", ["record", id]) => match store.remove(zone, |entry| entry.id.to_string() == *id) {
                Ok(1) => Reply { status: 200, body: Value::Null },
                _ => absent(),
            },
            ("POST", ["refresh"]) => Reply { status: 200, body: Value::Null },
            _ => no_route(),
        }
    }
}

/// The token of a service account, whose id is [`OVH_CLIENT_ID`]: RFC 6749 section 4.4.
fn token(request: &Request, secret: &str) -> Reply {
    let form = request.form().unwrap_or_default();
    let is = |key: &str, value: &str| form.get(key).is_some_and(|given| given == value);
    if !is("grant_type", "client_credentials") || !is("scope", "all") {
        return Reply { status: 400, body: json!({"error": "invalid_request"}) };
    }
    if !is("client_id", OVH_CLIENT_ID) || !is("client_secret", secret) {
        return Reply { status: 401, body: json!({"error": "invalid_client", "error_description": "wrong secret"}) };
    }
    let body = json!({"access_token": format!("token-for-{secret}"), "token_type": "Bearer", "expires_in": 3599,
        "scope": "all"});
    Reply { status: 200, body }
}

/// The API's clock.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) - 3600
}

/// "Signing requests" of the guide "First Steps with the OVHcloud APIs", as a server checks it.
fn check(request: &Request, secret: &str) -> Result<(), (u16, &'static str)> {
    let header = |name: &str| request.headers.get(name).map(String::as_str).unwrap_or_default();
    if request.headers.contains_key("authorization") {
        let is_known =
            header("authorization") == format!("Bearer token-for-{secret}") && header("x-ovh-signature").is_empty();
        return if is_known { Ok(()) } else { Err((401, "INVALID_CREDENTIAL")) };
    }
    if header("x-ovh-application") != OVH_APPLICATION_KEY {
        return Err((403, "INVALID_KEY"));
    }
    if header("x-ovh-consumer") != OVH_CONSUMER_KEY {
        return Err((403, "INVALID_CREDENTIAL"));
    }
    let time = header("x-ovh-timestamp");
    if time.parse::<u64>().is_ok_and(|time| time.abs_diff(now()) <= CLOCK_SECONDS) {
        let signed = [secret, OVH_CONSUMER_KEY, &request.method, &url(request), &request.body, time].join("+");
        if header("x-ovh-signature") == format!("$1${}", sha1(&signed)) {
            return Ok(());
        }
    }
    Err((400, "INVALID_SIGNATURE"))
}

/// The URL as it was asked for; the lab takes query keys in alphabetical order alone.
fn url(request: &Request) -> String {
    let pairs = request.query.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value)));
    let query = pairs.collect::<Vec<_>>().join("&");
    let mark = if query.is_empty() { "" } else { "?" };
    let host = request.headers.get("host").map(String::as_str).unwrap_or_default();
    format!("http://{host}{}{mark}{query}", request.path)
}

fn list(store: &Store, zone: &str, request: &Request) -> Reply {
    let wanted = |entry: &&Entry| {
        let asked = |key: &str, value: &str| request.query.get(key).is_none_or(|asked| asked == value);
        asked("fieldType", &entry.record.record_type().to_string()) && asked("subDomain", &below(entry, zone))
    };
    let ids = store.records(zone).unwrap_or_default().iter().filter(wanted).map(|entry| entry.id).collect();
    Reply { status: 200, body: ids }
}

fn find(store: &Store, zone: &str, id: &str) -> Option<Entry> {
    store.records(zone).unwrap_or_default().into_iter().find(|entry| entry.id.to_string() == id)
}

/// TXT content comes back quoted.
fn shown(entry: &Entry, zone: &str) -> Reply {
    let kind = entry.record.record_type();
    let target = if kind == RecordType::TXT { text::quoted(&entry.value()) } else { entry.value() };
    let body = json!({"id": entry.id, "zone": zone, "subDomain": below(entry, zone), "fieldType": kind.to_string(),
        "target": target, "ttl": entry.record.ttl});
    Reply { status: 200, body }
}

fn below(entry: &Entry, zone: &str) -> String {
    let owner = entry.record.name.to_lowercase().to_ascii();
    let name = owner.trim_end_matches('.').strip_suffix(zone).unwrap_or_default();
    name.trim_end_matches('.').to_owned()
}

fn create(store: &Store, zone: &str, request: &Request) -> Reply {
    let Some(body) = request.json() else { return failure(400, "", "The lab takes JSON.") };
    let (Some("TXT"), Some(target)) = (body["fieldType"].as_str(), body["target"].as_str()) else {
        return failure(400, "", "The lab takes TXT records with a target.");
    };
    // What is not quoted is taken as it stands.
    let value = if target.starts_with('"') { text::unquoted(target) } else { Some(target.to_owned()) };
    let ttl = body["ttl"].as_u64().and_then(|ttl| u32::try_from(ttl).ok()).filter(|ttl| *ttl == 0 || *ttl >= 60);
    let (Some(value), Some(ttl)) = (value, ttl) else { return failure(400, "", "The target or the TTL is invalid.") };
    let name = match body["subDomain"].as_str().unwrap_or_default() {
        "" => zone.to_owned(),
        name => format!("{name}.{zone}"),
    };
    match store.add(zone, &name, RecordType::TXT, ttl, &value) {
        Ok(id) => find(store, zone, &id.to_string()).map_or_else(absent, |entry| shown(&entry, zone)),
        Err(error) => failure(400, "", &error.to_string()),
    }
}

fn absent() -> Reply {
    failure(404, "", "The requested object (id) does not exist")
}

fn no_route() -> Reply {
    failure(404, "", "Got an invalid (or empty) URL")
}

fn failure(status: u16, code: &str, message: &str) -> Reply {
    Reply { status, body: json!({"message": message, "errorCode": code}) }
}

/// How far a request's time may be from the clock.
const CLOCK_SECONDS: u64 = 60;
