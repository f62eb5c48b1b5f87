//! DigitalOcean's API v2, the part DNS-01 needs: domains and their records.
//!
//! Shapes: <https://docs.digitalocean.com/reference/api/digitalocean/#tag/Domain-Records> (seen 2026-11-24).

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use super::names::{below, owner, whole};
use super::server::{Reply, Request};
use crate::dns::{Entry, Store};

/// The rules of the API over `store`, for the token `token`.
pub fn digitalocean(store: Store, token: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        if request.headers.get("authorization") != Some(&format!("Bearer {token}")) {
            return failure(401, "unauthorized", "Unable to authenticate you.");
        }
        let Some(path) = request.path.strip_prefix("/v2/domains") else { return not_found() };
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let known = |zone: &&str| store.zones().iter().any(|known| known == zone);
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", []) => domains(&store, request),
            (_, [zone, ..]) if !known(zone) => not_found(),
            ("GET", [zone, "records"]) => records(&store, zone, request),
            ("POST", [zone, "records"]) => create(&store, zone, request),
            ("DELETE", [zone, "records", record]) => delete(&store, zone, record),
            _ => not_found(),
        }
    }
}

fn domains(store: &Store, request: &Request) -> Reply {
    let all = store.zones().into_iter().map(|zone| json!({"name": zone, "ttl": 1800, "zone_file": null}));
    page(request, "domains", all.collect())
}

fn records(store: &Store, zone: &str, request: &Request) -> Reply {
    let asked = |field: &str, held: &str| request.query.get(field).is_none_or(|asked| asked == held);
    let all = store.records(zone).unwrap_or_default();
    // The SOA record "is not accessible as an individual record resource".
    let listed = all.iter().filter(|entry| entry.record.record_type() != RecordType::SOA);
    let wanted =
        |entry: &&Entry| asked("type", &entry.record.record_type().to_string()) && asked("name", &owner(entry));
    page(request, "domain_records", listed.filter(wanted).map(|entry| wire(entry, zone)).collect())
}

/// Names are below the zone, values bare.
fn wire(entry: &Entry, zone: &str) -> Value {
    json!({"id": entry.id, "type": entry.record.record_type().to_string(), "ttl": entry.record.ttl,
        "name": below(entry, zone, "@"), "data": entry.value(), "priority": null, "port": null,
        "weight": null, "flags": null, "tag": null})
}

fn create(store: &Store, zone: &str, request: &Request) -> Reply {
    let Some(body) = request.json() else { return failure(400, "bad_request", "the body is not JSON") };
    let (Some("TXT"), Some(name), Some(data)) = (body["type"].as_str(), body["name"].as_str(), body["data"].as_str())
    else {
        return unprocessable("type TXT, name and data are needed");
    };
    let ttl = body["ttl"].as_u64().and_then(|ttl| u32::try_from(ttl).ok());
    let Some(ttl @ 30..) = ttl.or(Some(1800).filter(|_| body["ttl"].is_null())) else {
        return unprocessable("TTL must be at least 30");
    };
    match store.add(zone, &whole(name, zone, "@"), RecordType::TXT, ttl, data) {
        Err(error) => unprocessable(&error.to_string()),
        Ok(added) => {
            let all = store.records(zone).unwrap_or_default();
            let record = all.iter().find(|entry| entry.id == added).map(|entry| wire(entry, zone));
            Reply { status: 201, body: json!({"domain_record": record}) }
        }
    }
}

fn delete(store: &Store, zone: &str, record: &str) -> Reply {
    match store.remove(zone, |entry| entry.id.to_string() == record) {
        Ok(1) => Reply { status: 204, body: Value::Null },
        _ => not_found(),
    }
}

/// `per_page` is at most 200; the last page has no link to a next one.
fn page(request: &Request, key: &str, all: Vec<Value>) -> Reply {
    let number = |field: &str, default: usize| request.query.get(field).map_or(Ok(default), |text| text.parse());
    let (Ok(at @ 1..), Ok(size @ 1..=200)) = (number("page", 1), number("per_page", 20)) else {
        return unprocessable("page must be at least 1, per_page between 1 and 200");
    };
    let total = all.len();
    let shown: Vec<Value> = all.into_iter().skip((at - 1).saturating_mul(size)).take(size).collect();
    let link = |page: usize| format!("https://api.digitalocean.com{}?page={page}&per_page={size}", request.path);
    let links = match at.saturating_mul(size) < total {
        true => json!({"pages": {"next": link(at + 1), "last": link(total.div_ceil(size))}}),
        false if at > 1 => json!({"pages": {"first": link(1), "prev": link(at - 1)}}),
        false => json!({}),
    };
    Reply { status: 200, body: json!({key: shown, "links": links, "meta": {"total": total}}) }
}

fn not_found() -> Reply {
    failure(404, "not_found", "The resource you requested could not be found.")
}

fn unprocessable(message: &str) -> Reply {
    failure(422, "unprocessable_entity", message)
}

fn failure(status: u16, id: &str, message: &str) -> Reply {
    Reply { status, body: json!({"id": id, "message": message}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(store: &Store, token: &str, method: &str, path: &str, body: &str) -> Reply {
        let headers = [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
        digitalocean(store.clone(), "token".to_owned())(&Request {
            method: method.to_owned(),
            path: format!("/v2/domains/example.test/{path}"),
            query: Default::default(),
            query_text: String::new(),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            body: body.to_owned(),
        })
    }

    #[test]
    fn records_are_made_below_the_zone_and_removed_by_id() {
        let store = Store::default();
        store.add_zone("example.test").expect("a name");
        for (name, owner) in [("@", "example.test"), ("a.b", "a.b.example.test")] {
            let body = json!({"type": "TXT", "name": name, "data": "one", "ttl": 60}).to_string();
            let made = send(&store, "token", "POST", "records", &body);
            assert_eq!((made.status, &made.body["domain_record"]["name"]), (201, &json!(name)));
            let id = made.body["domain_record"]["id"].as_u64().expect("an id");
            let held = |entry: &Entry| entry.id == id && super::owner(entry) == owner && entry.value() == "one";
            assert!(store.records("example.test").expect("the zone").iter().any(held));
            let removed = send(&store, "token", "DELETE", &format!("records/{id}"), "");
            assert_eq!(removed, Reply { status: 204, body: Value::Null });
            assert_eq!(send(&store, "token", "DELETE", &format!("records/{id}"), "").status, 404);
        }
    }

    #[test]
    fn what_the_api_does_not_take_is_refused() {
        let store = Store::default();
        store.add_zone("example.test").expect("a name");
        let body = json!({"type": "TXT", "name": "a", "data": "one", "ttl": 60});
        assert_eq!(send(&store, "wrong", "POST", "records", &body.to_string()).status, 401);
        assert_eq!(send(&store, "token", "POST", "records", "data=one").status, 400);
        for (field, value) in [("ttl", json!(29)), ("type", json!("A")), ("name", Value::Null)] {
            let mut body = body.clone();
            body[field] = value;
            assert_eq!(send(&store, "token", "POST", "records", &body.to_string()).status, 422, "{field}");
        }
    }
}
