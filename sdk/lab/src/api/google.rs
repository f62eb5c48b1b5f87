//! Google's token endpoint and Cloud DNS API v1, the part DNS-01 needs: zones, sets, changes.
//!
//! <https://cloud.google.com/dns/docs/reference/rest/v1/changes> and
//! <https://developers.google.com/identity/protocols/oauth2/service-account> (seen 2026-11-24).

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rsa;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use data_encoding::BASE64URL_NOPAD;
use hickory_proto::rr::RecordType;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::server::{Reply, Request};
use super::text;
use crate::dns::{Entry, Store, StoreError};

/// The service account whose key is taken.
pub const GOOGLE_EMAIL: &str = "acmite@lab.iam.gserviceaccount.com";
/// The project whose zones they are.
pub const GOOGLE_PROJECT: &str = "lab";

/// The rules of both over `store`, for the account's key in PEM (PKCS #8); a change is done when it is asked for twice.
pub fn google(store: Store, private_key: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    let key = public_key(&private_key);
    let changes = Changes::default();
    move |request| {
        if (request.method.as_str(), request.path.as_str()) == ("POST", "/token") {
            return token(request, key.as_deref());
        }
        if request.headers.get("authorization").map(String::as_str) != Some("Bearer ya29.lab") {
            return failure(401, "authError", "Request had invalid authentication credentials.");
        }
        let Some(path) = request.path.strip_prefix("/dns/v1/projects/lab/managedZones") else {
            return failure(403, "forbidden", "Forbidden");
        };
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let Some((zone, rest)) = parts.split_first() else { return zones(&store, request) };
        let Some(zone) = store.zones().into_iter().find(|known| id(known) == *zone) else {
            return failure(
                404,
                "notFound",
                &format!("The 'parameters.managedZone' resource named '{zone}' does not exist."),
            );
        };
        match (request.method.as_str(), rest) {
            ("GET", ["rrsets"]) => listed(&store, &zone, request),
            ("POST", ["changes"]) => change(&store, &zone, request, &changes),
            ("GET", ["changes", number]) => changes.status(number),
            _ => failure(404, "notFound", "Not Found"),
        }
    }
}

fn public_key(pem: &str) -> Option<Vec<u8>> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).ok()?;
    let pair = rsa::KeyPair::from_pkcs8(der.secret_pkcs8_der()).ok()?;
    Some(pair.public_key().as_ref().to_vec())
}

fn token(request: &Request, key: Option<&[u8]>) -> Reply {
    let refused =
        |error: &str, text: &str| Reply { status: 400, body: json!({"error": error, "error_description": text}) };
    let Some(form) = request.form().filter(|form| form.len() == 2) else {
        return refused("invalid_request", "grant_type and assertion are needed");
    };
    if form.get("grant_type").map(String::as_str) != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
        return refused("unsupported_grant_type", "Invalid grant_type");
    }
    match form.get("assertion").zip(key).is_some_and(|(assertion, key)| is_signed(assertion, key)) {
        true => {
            let body = json!({"access_token": "ya29.lab", "expires_in": 3599, "token_type": "Bearer"});
            Reply { status: 200, body }
        }
        false => refused("invalid_grant", "Invalid JWT Signature."),
    }
}

/// Whether it is a token of the account for this API, signed with its key, and of now.
fn is_signed(assertion: &str, key: &[u8]) -> bool {
    let decoded = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
    let json = |part: &str| decoded(part).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let Some((message, signature)) = assertion.rsplit_once('.') else { return false };
    let Some((header, claims)) = message.split_once('.') else { return false };
    let (Some(header), Some(claims), Some(signature)) = (json(header), json(claims), decoded(signature)) else {
        return false;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (issued, expires) = (claims["iat"].as_u64().unwrap_or_default(), claims["exp"].as_u64().unwrap_or_default());
    header == json!({"alg": "RS256", "typ": "JWT"})
        && claims["iss"] == GOOGLE_EMAIL
        && claims["scope"] == "https://www.googleapis.com/auth/ndev.clouddns.readwrite"
        && claims["aud"] == "https://oauth2.googleapis.com/token"
        && issued.abs_diff(now) < 300
        && (now..=issued + 3600).contains(&expires)
        && UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(message.as_bytes(), &signature).is_ok()
}

fn id(zone: &str) -> String {
    format!("zone-{}", zone.replace('.', "-"))
}

fn zones(store: &Store, request: &Request) -> Reply {
    let asked = |zone: &String| request.query.get("dnsName").is_none_or(|name| *name == format!("{zone}."));
    let wire = |zone: String| json!({"name": id(&zone), "dnsName": format!("{zone}."), "visibility": "public"});
    let all: Vec<Value> = store.zones().into_iter().filter(asked).map(wire).collect();
    paged("managedZones", &all, request)
}

/// The page that is asked for.
fn paged(list: &str, all: &[Value], request: &Request) -> Reply {
    let number = |key: &str| request.query.get(key).and_then(|text| text.parse::<usize>().ok());
    let (from, most) = (number("pageToken").unwrap_or_default(), number("maxResults").unwrap_or(PAGE).min(PAGE));
    let mut body = json!({list: all.iter().skip(from).take(most).collect::<Vec<_>>()});
    if all.len() > from + most {
        body["nextPageToken"] = json!((from + most).to_string());
    }
    Reply { status: 200, body }
}

/// The most entries of a page; the reference does not say how many Google has on one.
const PAGE: usize = 100;

fn listed(store: &Store, zone: &str, request: &Request) -> Reply {
    let (name, kind) = (request.query.get("name"), request.query.get("type"));
    if kind.is_some() && name.is_none() {
        return failure(400, "invalid", "type needs name");
    }
    let asked = |set: &Value| {
        name.is_none_or(|name| set["name"] == name.as_str()) && kind.is_none_or(|kind| set["type"] == kind.as_str())
    };
    let sets: Vec<Value> = sets(store, zone).into_iter().filter(asked).collect();
    paged("rrsets", &sets, request)
}

fn sets(store: &Store, zone: &str) -> Vec<Value> {
    let mut sets: Vec<Value> = Vec::new();
    for entry in store.records(zone).unwrap_or_default() {
        let (name, kind) = (owner(&entry), entry.record.record_type().to_string());
        let data = if kind == "TXT" { text::quoted(&entry.value()) } else { entry.value() };
        match sets.iter_mut().find(|set| set["name"] == name.as_str() && set["type"] == kind.as_str()) {
            Some(set) => set["rrdatas"].as_array_mut().into_iter().for_each(|all| all.push(json!(data))),
            None => sets.push(json!({"name": name, "type": kind, "ttl": entry.record.ttl, "rrdatas": [data]})),
        }
    }
    sets
}

fn owner(entry: &Entry) -> String {
    format!("{}.", entry.record.name.to_lowercase().to_ascii().trim_end_matches('.'))
}

/// How often each change was asked for.
#[derive(Default)]
struct Changes(Mutex<Vec<u32>>);

impl Changes {
    fn begin(&self) -> String {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(0);
        all.len().to_string()
    }

    fn status(&self, number: &str) -> Reply {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let Some(asked) = at.and_then(|at| all.get_mut(at)) else { return failure(404, "notFound", "no such change") };
        *asked += 1;
        let status = if *asked > 1 { "done" } else { "pending" };
        Reply { status: 200, body: json!({"id": number, "status": status, "kind": "dns#change"}) }
    }
}

/// All is checked before the first set is changed.
fn change(store: &Store, zone: &str, request: &Request, changes: &Changes) -> Reply {
    let body = request.json().unwrap_or_default();
    let list =
        |key: &str| -> Option<Vec<Set>> { body[key].as_array()?.iter().map(|set| Set::read(zone, set)).collect() };
    let (Some(deletions), Some(additions)) = (list("deletions"), list("additions")) else {
        return failure(
            400,
            "invalid",
            "the request needs a JSON body with deletions and additions of TXT sets in the zone",
        );
    };
    let there: Vec<Set> = sets(store, zone).iter().filter_map(|set| Set::read(zone, set)).collect();
    let at = |all: &[Set], set: &Set| all.iter().find(|other| other.name == set.name).cloned();
    for set in &deletions {
        match at(&there, set) {
            None => return failure(404, "notFound", "The 'entity.change.deletions[0]' resource does not exist."),
            Some(known) if known != *set => {
                return failure(412, "conditionNotMet", "Precondition not met for 'entity.change.deletions[0]'");
            }
            Some(_) => {}
        }
    }
    if additions.iter().any(|set| at(&there, set).is_some() && at(&deletions, set).is_none()) {
        return failure(409, "alreadyExists", "The resource 'entity.change.additions[0]' already exists");
    }
    match apply(store, zone, &deletions, &additions) {
        Ok(()) => {
            Reply { status: 200, body: json!({"id": changes.begin(), "status": "pending", "kind": "dns#change"}) }
        }
        Err(error) => failure(400, "invalid", &error.to_string()),
    }
}

fn apply(store: &Store, zone: &str, deletions: &[Set], additions: &[Set]) -> Result<(), StoreError> {
    store.remove(zone, |entry| {
        entry.record.record_type() == RecordType::TXT && deletions.iter().any(|set| set.name == owner(entry))
    })?;
    for set in additions {
        for value in &set.values {
            store.add(zone, &set.name, RecordType::TXT, set.ttl, value)?;
        }
    }
    Ok(())
}

/// A TXT set.
#[derive(Clone, PartialEq)]
struct Set {
    name: String,
    ttl: u32,
    values: BTreeSet<String>,
}

impl Set {
    fn read(zone: &str, set: &Value) -> Option<Self> {
        let name = set["name"].as_str()?;
        let inside = name == format!("{zone}.") || name.ends_with(&format!(".{zone}."));
        let data = set["rrdatas"].as_array()?;
        let values: BTreeSet<String> =
            data.iter().map(|text| text.as_str().and_then(text::unquoted)).collect::<Option<_>>()?;
        let whole = inside && set["type"] == "TXT" && !values.is_empty() && values.len() == data.len();
        let ttl = u32::try_from(set["ttl"].as_u64()?).ok()?;
        whole.then(|| Self { name: name.to_owned(), ttl, values })
    }
}

fn failure(status: u16, reason: &str, message: &str) -> Reply {
    let errors = json!([{"message": message, "domain": "global", "reason": reason}]);
    Reply { status, body: json!({"error": {"code": status, "message": message, "errors": errors}}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(store: &Store, authorization: &str, body: &Value) -> u16 {
        let headers = [("authorization", authorization), ("content-type", "application/json")];
        google(store.clone(), String::new())(&Request {
            method: "POST".to_owned(),
            path: "/dns/v1/projects/lab/managedZones/zone-example-test/changes".to_owned(),
            query: Default::default(),
            query_text: String::new(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: body.to_string(),
        })
        .status
    }

    fn set(name: &str, rrdatas: &[&str]) -> Value {
        json!([{"name": name, "type": "TXT", "ttl": 60, "rrdatas": rrdatas}])
    }

    fn store() -> Store {
        let store = Store::default();
        store.add_zone("example.test").expect("a name");
        store.add("example.test", "a.example.test", RecordType::TXT, 60, "one").expect("a record");
        store
    }

    #[test]
    fn a_change_is_wholly_made_if_what_it_deletes_is_there_and_what_it_adds_is_not() {
        let (store, token, name) = (store(), "Bearer ya29.lab", "a.example.test.");
        let (one, both) = (set(name, &["\"one\""]), set(name, &["\"one\"", "\"two\""]));
        let change = |deletions: &Value, additions: &Value| json!({"deletions": deletions, "additions": additions});
        assert_eq!(send(&store, token, &change(&json!([]), &both)), 409);
        assert_eq!(send(&store, token, &change(&both, &one)), 412);
        assert_eq!(send(&store, token, &change(&set("b.example.test.", &["\"one\""]), &both)), 404);
        assert_eq!(send(&store, "Bearer other", &change(&one, &both)), 401);
        assert_eq!(send(&store, token, &change(&one, &both)), 200);
        let values: Vec<String> = store.records("example.test").expect("the zone").iter().map(Entry::value).collect();
        assert!(values.contains(&"one".to_owned()) && values.contains(&"two".to_owned()) && values.len() == 3);
    }

    #[test]
    fn bare_data_relative_names_and_other_zones_are_refused() {
        let store = store();
        for addition in
            [set("b.example.test.", &["bare"]), set("b.example.test", &["\"x\""]), set("b.test.", &["\"x\""])]
        {
            let body = json!({"deletions": [], "additions": addition});
            assert_eq!(send(&store, "Bearer ya29.lab", &body), 400);
        }
    }

    #[test]
    fn an_assertion_that_is_not_signed_is_no_grant() {
        assert!(!is_signed("a.b.c", b"key") && !is_signed("", b"key") && public_key("no PEM").is_none());
    }
}
