//! The invented API of the provider template: zones by name, records by id, pages by cursor.

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use super::names::{below, whole};
use super::server::{Reply, Request};
use crate::dns::{Entry, Store};

/// The rules of the API over `store`, for the token `token`.
pub fn quillzone(store: Store, token: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        if request.headers.get("authorization") != Some(&format!("Bearer {token}")) {
            return failure(401, "bad_token", "this token is not known");
        }
        let Some(path) = request.path.strip_prefix("/v1/zones") else { return absent("path") };
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let known = |zone: &&str| store.zones().iter().any(|known| known == zone);
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", []) => zones(&store, request),
            (_, [zone, ..]) if !known(zone) => absent("zone"),
            ("GET", [zone, "records"]) => records(&store, zone, request),
            ("POST", [zone, "records"]) => create(&store, zone, request),
            ("DELETE", [zone, "records", record]) => delete(&store, zone, record),
            _ => absent("path"),
        }
    }
}

fn zones(store: &Store, request: &Request) -> Reply {
    page(request, "zones", store.zones().into_iter().map(|zone| json!({"id": zone, "name": zone})).collect())
}

fn records(store: &Store, zone: &str, request: &Request) -> Reply {
    let asked = |kind: RecordType| request.query.get("type").is_none_or(|asked| *asked == kind.to_string());
    let all = store.records(zone).unwrap_or_default();
    let wanted = all.iter().filter(|entry| asked(entry.record.record_type()));
    page(request, "records", wanted.map(|entry| wire(entry, zone)).collect())
}

fn wire(entry: &Entry, zone: &str) -> Value {
    json!({"id": id(entry), "type": entry.record.record_type().to_string(), "host": below(entry, zone, "@"),
        "text": entry.value(), "ttl": entry.record.ttl})
}

fn id(entry: &Entry) -> String {
    format!("rec-{}", entry.id)
}

fn create(store: &Store, zone: &str, request: &Request) -> Reply {
    let Some(body) = request.json() else { return failure(400, "bad_request", "the body is not JSON") };
    let (Some("TXT"), Some(host), Some(text), Some(ttl @ 60..)) =
        (body["type"].as_str(), body["host"].as_str(), body["text"].as_str(), body["ttl"].as_u64())
    else {
        return failure(422, "bad_record", "type TXT, host, text and a ttl of at least 60 are needed");
    };
    let ttl = u32::try_from(ttl).unwrap_or(u32::MAX);
    match store.add(zone, &whole(host, zone, "@"), RecordType::TXT, ttl, text) {
        Err(error) => failure(422, "bad_record", &error.to_string()),
        Ok(added) => {
            let all = store.records(zone).unwrap_or_default();
            let record = all.iter().find(|entry| entry.id == added).map(|entry| wire(entry, zone));
            Reply { status: 201, body: json!({"record": record}) }
        }
    }
}

fn delete(store: &Store, zone: &str, record: &str) -> Reply {
    match store.remove(zone, |entry| id(entry) == record) {
        Ok(1) => Reply { status: 204, body: Value::Null },
        _ => absent("record"),
    }
}

/// `limit` is at most 100; `after` is the id of the last one shown, and so is `next` where more follows.
fn page(request: &Request, key: &str, all: Vec<Value>) -> Reply {
    let limit = request.query.get("limit").map_or(Ok(25), |text| text.parse());
    let Ok(limit @ 1..=100) = limit else { return failure(422, "bad_page", "limit is between 1 and 100") };
    let begin = match request.query.get("after") {
        None => 0,
        Some(after) => match all.iter().position(|row| row["id"] == after.as_str()) {
            Some(last) => last + 1,
            None => return failure(422, "bad_page", "after is no id that was shown"),
        },
    };
    let shown: Vec<Value> = all[begin..].iter().take(limit).cloned().collect();
    let more = begin + shown.len() < all.len();
    let next = shown.last().filter(|_| more).map(|row| row["id"].clone());
    Reply { status: 200, body: json!({key: shown, "next": next}) }
}

fn absent(what: &str) -> Reply {
    failure(404, &format!("no_such_{what}"), &format!("there is no such {what}"))
}

fn failure(status: u16, error: &str, detail: &str) -> Reply {
    Reply { status, body: json!({"error": error, "detail": detail}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(token: &str, method: &str, query: &[(&str, &str)], body: &str) -> Reply {
        let store = Store::default();
        store.add_zone("example.test").expect("a name");
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let bearer = format!("Bearer {token}");
        quillzone(store, "token".to_owned())(&Request {
            method: method.to_owned(),
            path: "/v1/zones/example.test/records".to_owned(),
            query: query.iter().map(owned).collect(),
            query_text: String::new(),
            headers: [("authorization", bearer.as_str()), ("content-type", "application/json")]
                .iter()
                .map(owned)
                .collect(),
            body: body.to_owned(),
        })
    }

    #[test]
    fn what_the_api_does_not_take_is_refused() {
        let record = json!({"type": "TXT", "host": "a", "text": "one", "ttl": 60});
        assert_eq!(send("token", "POST", &[], &record.to_string()).status, 201);
        assert_eq!(send("wrong", "POST", &[], &record.to_string()).status, 401);
        assert_eq!(send("token", "POST", &[], "text=one").status, 400);
        for (field, value) in [("ttl", json!(59)), ("type", json!("A")), ("host", Value::Null)] {
            let mut record = record.clone();
            record[field] = value;
            assert_eq!(send("token", "POST", &[], &record.to_string()).status, 422, "{field}");
        }
        for query in [("limit", "101"), ("limit", "0"), ("after", "rec-none")] {
            assert_eq!(send("token", "GET", &[query], "").status, 422, "{query:?}");
        }
    }
}
