//! Linode's API v4, the part DNS-01 needs: domains and their records.
//!
//! Shapes: <https://techdocs.akamai.com/linode-api/reference/get-domain-records> and its neighbours (seen 2026-11-24).

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use super::names::{below, whole};
use super::server::{Reply, Request};
use crate::dns::{Entry, Store};

/// The rules of the API over `store`, for the token `token`.
pub fn linode(store: Store, token: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        if request.headers.get("authorization") != Some(&format!("Bearer {token}")) {
            return failure(401, "Invalid Token");
        }
        let Some(path) = request.path.strip_prefix("/v4/domains") else { return not_found() };
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let domain = parts.first().and_then(|id| zone_of(&store, id));
        match (request.method.as_str(), parts.as_slice(), domain) {
            ("GET", [], _) => domains(&store, request),
            ("GET", [_, "records"], Some(zone)) => records(&store, &zone, request),
            ("POST", [_, "records"], Some(zone)) => create(&store, &zone, request),
            ("DELETE", [_, "records", record], Some(zone)) => delete(&store, &zone, record),
            _ => not_found(),
        }
    }
}

/// Domains are numbered in the order of the store.
fn zone_of(store: &Store, id: &str) -> Option<String> {
    let index = id.parse::<usize>().ok()?.checked_sub(FIRST_DOMAIN)?;
    store.zones().get(index).cloned()
}

fn domains(store: &Store, request: &Request) -> Reply {
    let domain =
        |(index, zone)| json!({"id": FIRST_DOMAIN + index, "domain": zone, "type": "master", "status": "active"});
    page(request, store.zones().iter().enumerate().map(domain).collect())
}

fn records(store: &Store, zone: &str, request: &Request) -> Reply {
    let all = store.records(zone).unwrap_or_default();
    // A domain's SOA is no record of it: the types are A, AAAA, NS, MX, CNAME, TXT, SRV, PTR and CAA.
    let listed = all.iter().filter(|entry| entry.record.record_type() != RecordType::SOA);
    page(request, listed.map(|entry| wire(entry, zone)).collect())
}

/// Names are below the zone, values bare.
fn wire(entry: &Entry, zone: &str) -> Value {
    json!({"id": entry.id, "type": entry.record.record_type().to_string(), "name": below(entry, zone, ""),
        "target": entry.value(), "ttl_sec": entry.record.ttl, "priority": 0, "weight": 0, "port": 0, "service": null,
        "protocol": null, "tag": null})
}

fn create(store: &Store, zone: &str, request: &Request) -> Reply {
    let Some(body) = request.json() else { return failure(400, "Invalid JSON") };
    let (Some("TXT"), Some(name), Some(target), Some(ttl)) =
        (body["type"].as_str(), body["name"].as_str(), body["target"].as_str(), body["ttl_sec"].as_u64())
    else {
        return failure(400, "type TXT, name, target and ttl_sec are required");
    };
    match store.add(zone, &whole(name, zone, ""), RecordType::TXT, rounded(ttl), target) {
        Err(error) => failure(400, &error.to_string()),
        Ok(added) => {
            let all = store.records(zone).unwrap_or_default();
            let record = all.iter().find(|entry| entry.id == added).map(|entry| wire(entry, zone));
            Reply { status: 200, body: json!(record) }
        }
    }
}

/// "any other value will be rounded to the nearest valid value"
fn rounded(ttl: u64) -> u32 {
    TTLS.into_iter().min_by_key(|valid| u64::from(*valid).abs_diff(ttl)).unwrap_or_default()
}

fn delete(store: &Store, zone: &str, record: &str) -> Reply {
    match store.remove(zone, |entry| entry.id.to_string() == record) {
        Ok(1) => Reply { status: 200, body: json!({}) },
        _ => not_found(),
    }
}

/// `page_size` is between 25 and 500.
fn page(request: &Request, all: Vec<Value>) -> Reply {
    let number = |field: &str, default: usize| request.query.get(field).map_or(Ok(default), |text| text.parse());
    let (Ok(at @ 1..), Ok(size @ 25..=500)) = (number("page", 1), number("page_size", 100)) else {
        return failure(400, "page must be at least 1, page_size between 25 and 500");
    };
    let (results, pages) = (all.len(), all.len().div_ceil(size).max(1));
    if at > pages {
        return not_found();
    }
    let data: Vec<Value> = all.into_iter().skip((at - 1) * size).take(size).collect();
    Reply { status: 200, body: json!({"data": data, "page": at, "pages": pages, "results": results}) }
}

fn not_found() -> Reply {
    failure(404, "Not found")
}

fn failure(status: u16, reason: &str) -> Reply {
    Reply { status, body: json!({"errors": [{"reason": reason}]}) }
}

const FIRST_DOMAIN: usize = 1000;
const TTLS: [u32; 12] = [300, 3600, 7200, 14400, 28800, 57600, 86400, 172_800, 345_600, 604_800, 1_209_600, 2_419_200];

#[cfg(test)]
mod tests {
    use super::*;

    fn send(token: &str, method: &str, page_size: &str, body: &str) -> Reply {
        let store = Store::default();
        store.add_zone("example.test").expect("a name");
        let headers = [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
        linode(store, "token".to_owned())(&Request {
            method: method.to_owned(),
            path: format!("/v4/domains/{FIRST_DOMAIN}/records"),
            query: [("page_size".to_owned(), page_size.to_owned())].into(),
            query_text: String::new(),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            body: body.to_owned(),
        })
    }

    #[test]
    fn a_ttl_is_rounded_to_the_nearest_that_is_valid() {
        for (asked, given) in [(60, 300), (1000, 300), (3000, 3600), (9_999_999, 2_419_200)] {
            let record = json!({"type": "TXT", "name": "", "target": "one", "ttl_sec": asked});
            let made = send("token", "POST", "100", &record.to_string());
            assert_eq!((made.status, &made.body["ttl_sec"], &made.body["name"]), (200, &json!(given), &json!("")));
        }
    }

    #[test]
    fn what_the_api_does_not_take_is_refused() {
        let record = json!({"type": "TXT", "name": "a", "target": "one", "ttl_sec": 300});
        assert_eq!(send("wrong", "POST", "100", &record.to_string()).status, 401);
        assert_eq!(send("token", "POST", "100", "target=one").status, 400);
        for (field, value) in [("type", json!("A")), ("name", Value::Null)] {
            let mut record = record.clone();
            record[field] = value;
            assert_eq!(send("token", "POST", "100", &record.to_string()).status, 400, "{field}");
        }
        for size in ["24", "501"] {
            assert_eq!(send("token", "GET", size, "").status, 400, "{size}");
        }
    }
}
