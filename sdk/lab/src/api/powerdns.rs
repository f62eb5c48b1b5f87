//! PowerDNS Authoritative's HTTP API, the part DNS-01 needs: zones and TXT record sets.

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use super::server::{Reply, Request};
use super::text;
use crate::dns::{Entry, Store};

/// The rules of the API over `store`, for the key `api_key`.
pub fn powerdns(store: Store, api_key: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        if request.headers.get("x-api-key") != Some(&api_key) {
            return failure(401, "Unauthorized");
        }
        let Some(path) = request.path.strip_prefix("/api/v1/servers/localhost/zones") else {
            return failure(404, "Not Found");
        };
        let zone = path.trim_matches('/').trim_end_matches('.');
        match (request.method.as_str(), zone) {
            ("GET", "") => list(&store, request),
            (_, zone) if !store.zones().iter().any(|known| known == zone) => failure(404, "Not Found"),
            ("GET", zone) => {
                Reply { status: 200, body: json!({"name": format!("{zone}."), "rrsets": sets(&store, zone, request)}) }
            }
            ("PATCH", zone) => patch(&store, zone, request),
            _ => failure(405, "Method Not Allowed"),
        }
    }
}

fn list(store: &Store, request: &Request) -> Reply {
    let named = |zone: &String| request.query.get("zone").is_none_or(|asked| asked.trim_end_matches('.') == zone);
    let all = store.zones().into_iter().filter(named);
    let zones = all.map(|zone| json!({"id": format!("{zone}."), "name": format!("{zone}."), "kind": "Native"}));
    Reply { status: 200, body: zones.collect() }
}

fn sets(store: &Store, zone: &str, request: &Request) -> Vec<Value> {
    let mut sets: Vec<Value> = Vec::new();
    for entry in store.records(zone).unwrap_or_default() {
        let (name, kind) = (owner(&entry), entry.record.record_type().to_string());
        let asked = |field: &str, value: &str| request.query.get(field).is_none_or(|wanted| wanted == value);
        if !asked("rrset_name", &name) || !asked("rrset_type", &kind) {
            continue;
        }
        let content = if kind == "TXT" { text::quoted(&entry.value()) } else { entry.value() };
        let record = json!({"content": content, "disabled": false});
        match sets.iter_mut().find(|set| set["name"] == name.as_str() && set["type"] == kind.as_str()) {
            Some(set) => set["records"].as_array_mut().into_iter().for_each(|all| all.push(record.clone())),
            None => sets.push(json!({"name": name, "type": kind, "ttl": entry.record.ttl, "records": [record]})),
        }
    }
    sets
}

fn owner(entry: &Entry) -> String {
    format!("{}.", entry.record.name.to_lowercase().to_ascii().trim_end_matches('.'))
}

/// Every set is checked before the first is changed.
fn patch(store: &Store, zone: &str, request: &Request) -> Reply {
    let body = request.json();
    let Some(sets) = body.as_ref().and_then(|body| body["rrsets"].as_array()) else {
        return failure(400, "the request needs a JSON body with rrsets");
    };
    let changes: Result<Vec<Change>, String> = sets.iter().map(|set| change(zone, set)).collect();
    match changes {
        Err(message) => failure(422, &message),
        Ok(changes) => {
            let done = changes.iter().try_for_each(|change| change.apply(store, zone));
            done.map_or_else(|error| failure(422, &error.to_string()), |()| Reply { status: 204, body: Value::Null })
        }
    }
}

struct Change {
    kind: String,
    name: String,
    ttl: u32,
    values: Vec<String>,
}

fn change(zone: &str, set: &Value) -> Result<Change, String> {
    let name = set["name"].as_str().unwrap_or_default().to_lowercase();
    let inside = name == format!("{zone}.") || name.ends_with(&format!(".{zone}."));
    let kind = set["changetype"].as_str().unwrap_or_default().to_owned();
    if !inside {
        return Err(format!("RRset {name} IN TXT: Name is out of zone or not absolute"));
    }
    if set["type"] != "TXT" || !["REPLACE", "DELETE", "EXTEND", "PRUNE"].contains(&kind.as_str()) {
        return Err(format!("RRset {name}: type TXT and a changetype are needed"));
    }
    let values = set["records"].as_array().into_iter().flatten().map(|record| {
        let content = record["content"].as_str().and_then(text::unquoted);
        content.ok_or_else(|| format!("Record {name}/TXT: Data field in DNS should start with quote"))
    });
    let ttl = set["ttl"].as_u64().and_then(|ttl| u32::try_from(ttl).ok());
    if ttl.is_none() && ["REPLACE", "EXTEND"].contains(&kind.as_str()) {
        return Err(format!("RRset {name}: Key 'ttl' not an Integer or not present"));
    }
    let values = values.collect::<Result<_, _>>()?;
    Ok(Change { kind, name, ttl: ttl.unwrap_or_default(), values })
}

impl Change {
    fn apply(&self, store: &Store, zone: &str) -> Result<(), crate::dns::StoreError> {
        let whole = self.kind == "REPLACE" || self.kind == "DELETE";
        store.remove(zone, |entry| {
            owner(entry) == self.name
                && entry.record.record_type() == RecordType::TXT
                && (whole || self.values.contains(&entry.value()))
        })?;
        if self.kind == "REPLACE" || self.kind == "EXTEND" {
            for value in &self.values {
                store.add(zone, &self.name, RecordType::TXT, self.ttl, value)?;
            }
        }
        Ok(())
    }
}

fn failure(status: u16, message: &str) -> Reply {
    Reply { status, body: json!({"error": message}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(store: &Store, key: &str, set: &Value) -> u16 {
        let headers = [("x-api-key", key), ("content-type", "application/json")];
        powerdns(store.clone(), "key".to_owned())(&Request {
            method: "PATCH".to_owned(),
            path: "/api/v1/servers/localhost/zones/example.test.".to_owned(),
            query: Default::default(),
            query_text: String::new(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: json!({"rrsets": [set]}).to_string(),
        })
        .status
    }

    fn set(kind: &str, name: &str, content: &str) -> Value {
        json!({"name": name, "type": "TXT", "ttl": 60, "changetype": kind, "records": [{"content": content}]})
    }

    fn values(store: &Store) -> Vec<String> {
        let all = store.records("example.test").expect("the zone");
        all.iter().filter(|entry| entry.record.record_type() == RecordType::TXT).map(Entry::value).collect()
    }

    #[test]
    fn extend_keeps_and_prune_removes_only_its_value() {
        let store = Store::default();
        store.add_zone("example.test").expect("a name");
        assert_eq!(send(&store, "key", &set("REPLACE", "a.example.test.", "\"one\"")), 204);
        assert_eq!(send(&store, "key", &set("EXTEND", "a.example.test.", "\"two\"")), 204);
        assert_eq!(values(&store), ["one", "two"]);
        assert_eq!(send(&store, "key", &set("PRUNE", "a.example.test.", "\"one\"")), 204);
        assert_eq!(values(&store), ["two"]);
    }

    #[test]
    fn unquoted_relative_and_unauthorised_changes_are_refused() {
        let store = Store::default();
        store.add_zone("example.test").expect("a name");
        assert_eq!(send(&store, "key", &set("REPLACE", "a.example.test.", "bare")), 422);
        assert_eq!(send(&store, "key", &set("REPLACE", "a.example.test", "\"one\"")), 422);
        assert_eq!(send(&store, "wrong", &set("REPLACE", "a.example.test.", "\"one\"")), 401);
        assert!(values(&store).is_empty());
    }
}
