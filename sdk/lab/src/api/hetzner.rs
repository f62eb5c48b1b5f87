//! Hetzner's Cloud API v1, the part DNS-01 needs: zones, record sets and the actions on them.
//!
//! Shapes: <https://docs.hetzner.cloud/reference/cloud#zone-rrsets> (seen 2026-11-24). What an action does is done at
//! once; it shows as running until it has been looked up once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use super::server::{Reply, Request};
use super::text;
use crate::dns::{Entry, Store};

/// The rules of the API over `store`, for the token `token`.
pub fn hetzner(store: Store, token: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    let api = Api { store, actions: Mutex::default() };
    move |request| {
        if request.headers.get("authorization") != Some(&format!("Bearer {token}")) {
            return failure(401, "unauthorized", "unable to authenticate");
        }
        let Some(path) = request.path.strip_prefix("/v1/zones") else { return no_route() };
        let path = path.replace("%40", "@");
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", []) => api.zones(request),
            (_, [zone, ..]) if !api.store.zones().iter().any(|known| known == zone) => {
                failure(404, "not_found", &format!("zone with name '{zone}' not found"))
            }
            ("GET", [zone, "rrsets"]) => api.sets(zone, request),
            ("GET", [zone, "actions"]) => api.look_up(zone, request),
            ("POST", [zone, "rrsets", name, "TXT", "actions", command]) => api.act(zone, name, command, request),
            _ => no_route(),
        }
    }
}

struct Api {
    store: Store,
    actions: Mutex<Vec<Action>>,
}

struct Action {
    command: &'static str,
    zone: String,
    status: &'static str,
}

impl Api {
    fn zones(&self, request: &Request) -> Reply {
        let zones = self.store.zones().into_iter().enumerate();
        page(request, "zones", 50, zones.map(|(id, zone)| self.zone(id, &zone)).collect())
    }

    fn zone(&self, id: usize, zone: &str) -> Value {
        let records = self.store.records(zone).map_or(0, |records| records.len());
        let servers = [format!("ns1.{zone}.")];
        json!({"id": id, "name": zone, "created": MADE, "mode": "primary", "ttl": 3600, "labels": {},
            "protection": {"delete": false}, "status": "ok", "record_count": records, "registrar": "other",
            "authoritative_nameservers": {"assigned": &servers, "delegated": &servers, "delegation_last_check": MADE,
                "delegation_status": "valid"}})
    }

    fn sets(&self, zone: &str, request: &Request) -> Reply {
        let asked = |field: &str, held: &Value| request.query.get(field).is_none_or(|asked| held == asked.as_str());
        let wanted = |set: &Value| asked("type", &set["type"]) && asked("name", &set["name"]);
        page(request, "rrsets", 100, self.all_sets(zone).into_iter().filter(wanted).collect())
    }

    fn all_sets(&self, zone: &str) -> Vec<Value> {
        let mut sets: BTreeMap<(String, String), Vec<Entry>> = BTreeMap::new();
        for entry in self.store.records(zone).unwrap_or_default() {
            let kind = entry.record.record_type().to_string();
            sets.entry((label(&entry, zone), kind)).or_default().push(entry);
        }
        let record = |entry: &Entry| match entry.record.record_type() {
            RecordType::TXT => json!({"value": text::quoted(&entry.value()), "comment": ""}),
            _ => json!({"value": entry.value(), "comment": ""}),
        };
        let wire = |((name, kind), entries): ((String, String), Vec<Entry>)| {
            let records: Vec<Value> = entries.iter().map(record).collect();
            json!({"id": format!("{name}/{kind}"), "name": name, "type": kind, "ttl": entries[0].record.ttl,
                "labels": {}, "protection": {"change": false}, "zone": 42, "records": records})
        };
        sets.into_iter().map(wire).collect()
    }

    fn act(&self, zone: &str, name: &str, command: &str, request: &Request) -> Reply {
        let Some(body) = request.json() else { return failure(400, "json_error", "the body is not JSON") };
        if name != name.to_lowercase() || name.ends_with('.') || name.ends_with(zone) {
            return invalid("name must be in lower case, without the zone's name and a dot at its end");
        }
        let values = match values(&body) {
            Ok(values) => values,
            Err(message) => return invalid(message),
        };
        let at_name = |entry: &Entry| entry.record.record_type() == RecordType::TXT && label(entry, zone) == name;
        let all = self.store.records(zone).unwrap_or_default();
        let set: Vec<&Entry> = all.iter().filter(|entry| at_name(entry)).collect();
        match command {
            "add_records" => self.add(zone, name, &set, &body["ttl"], &values),
            "remove_records" if set.is_empty() => failure(404, "not_found", "RRSet not found"),
            "remove_records" => {
                if values.iter().any(|value| !set.iter().any(|entry| entry.value() == *value)) {
                    return invalid("a record is not in the RRSet");
                }
                let removed = self.store.remove(zone, |entry| at_name(entry) && values.contains(&entry.value()));
                removed.map_or_else(|error| invalid(&error.to_string()), |_| self.begun("remove_rrset_records", zone))
            }
            _ => no_route(),
        }
    }

    fn add(&self, zone: &str, name: &str, set: &[&Entry], ttl: &Value, values: &[String]) -> Reply {
        let held = set.first().map(|entry| entry.record.ttl);
        let asked = ttl.as_u64().and_then(|ttl| u32::try_from(ttl).ok());
        let ttl = match (asked, held) {
            (None, _) if !ttl.is_null() => return invalid("ttl must be a number"),
            (Some(..60), _) => return invalid("ttl must be at least 60"),
            (Some(asked), Some(held)) if asked != held => return invalid("ttl differs from that of the RRSet"),
            (asked, held) => held.or(asked).unwrap_or(3600),
        };
        if values.iter().any(|value| set.iter().any(|entry| entry.value() == *value)) {
            return failure(409, "uniqueness_error", "a record is in the RRSet already");
        }
        let owner = if name == "@" { zone.to_owned() } else { format!("{name}.{zone}") };
        let add = |value: &String| self.store.add(zone, &owner, RecordType::TXT, ttl, value).map(|_| ());
        let added = values.iter().try_for_each(add);
        added.map_or_else(|error| invalid(&error.to_string()), |()| self.begun("add_rrset_records", zone))
    }

    fn begun(&self, command: &'static str, zone: &str) -> Reply {
        let mut actions = self.actions();
        actions.push(Action { command, zone: zone.to_owned(), status: "running" });
        let wire = actions.last().map(|action| action.wire(actions.len()));
        Reply { status: 201, body: json!({"action": wire}) }
    }

    /// The newest first, whatever order is asked for but this.
    fn look_up(&self, zone: &str, request: &Request) -> Reply {
        if request.query.get("sort").is_none_or(|order| order != "id:desc") {
            return invalid("the lab sorts by id:desc alone");
        }
        let mut actions = self.actions();
        let ours = |(_, action): &(usize, &mut Action)| action.zone == zone;
        let shown = actions.iter_mut().enumerate().filter(ours).map(|(index, action)| {
            let wire = action.wire(index + 1);
            action.status = "success";
            wire
        });
        let mut shown: Vec<Value> = shown.collect();
        shown.reverse();
        page(request, "actions", 50, shown)
    }

    fn actions(&self) -> MutexGuard<'_, Vec<Action>> {
        self.actions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Action {
    fn wire(&self, id: usize) -> Value {
        let finished = (self.status == "success").then_some(MADE);
        json!({"id": id, "command": self.command, "status": self.status, "started": MADE, "finished": finished,
            "progress": if finished.is_some() { 100 } else { 50 }, "resources": [{"id": 42, "type": "zone"}],
            "error": null})
    }
}

/// The lab keeps no dates.
const MADE: &str = "2026-01-01T00:00:00Z";

/// At most 50 distinct values, each in quotes.
fn values(body: &Value) -> Result<Vec<String>, &'static str> {
    let records = body["records"].as_array().filter(|records| (1..=50).contains(&records.len()));
    let read = |record: &Value| record["value"].as_str().and_then(text::unquoted);
    let values: Option<Vec<String>> = records.ok_or("records must be 1 to 50")?.iter().map(read).collect();
    let values = values.ok_or("TXT values must be in quotes")?;
    let distinct = values.iter().collect::<std::collections::BTreeSet<_>>().len() == values.len();
    if distinct { Ok(values) } else { Err("records must be distinct") }
}

/// The name below the zone, "@" at its apex.
fn label(entry: &Entry, zone: &str) -> String {
    let name = entry.record.name.to_lowercase().to_ascii();
    let name = name.trim_end_matches('.');
    match name.strip_suffix(zone).map_or(name, |label| label.trim_end_matches('.')) {
        "" => "@".to_owned(),
        label => label.to_owned(),
    }
}

fn page(request: &Request, key: &str, most: usize, all: Vec<Value>) -> Reply {
    let number = |field: &str, default: usize| request.query.get(field).map_or(Ok(default), |text| text.parse());
    let (Ok(at @ 1..), Ok(size @ 1..)) = (number("page", 1), number("per_page", 25)) else {
        return invalid("page and per_page must be positive numbers");
    };
    if size > most {
        return invalid("per_page is too large");
    }
    let (total, last) = (all.len(), all.len().div_ceil(size).max(1));
    let shown: Vec<Value> = all.into_iter().skip((at - 1).saturating_mul(size)).take(size).collect();
    let pagination = json!({"page": at, "per_page": size, "previous_page": (at > 1).then(|| at - 1),
        "next_page": (at < last).then(|| at + 1), "last_page": last, "total_entries": total});
    Reply { status: 200, body: json!({key: shown, "meta": {"pagination": pagination}}) }
}

fn no_route() -> Reply {
    failure(404, "not_found", "the lab has no such endpoint")
}

fn invalid(message: &str) -> Reply {
    failure(422, "invalid_input", message)
}

fn failure(status: u16, code: &str, message: &str) -> Reply {
    Reply { status, body: json!({"error": {"code": code, "message": message, "details": {}}}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str, body: &Value) -> Request {
        let headers = [("authorization", "Bearer token"), ("content-type", "application/json")];
        Request {
            method: method.to_owned(),
            path: format!("/v1/zones/example.test/{path}"),
            query: [("sort".to_owned(), "id:desc".to_owned())].into(),
            query_text: String::new(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: body.to_string(),
        }
    }

    fn record(values: &[&str], ttl: Value) -> Value {
        let records: Vec<Value> = values.iter().map(|value| json!({"value": value})).collect();
        json!({"ttl": ttl, "records": records})
    }

    #[test]
    fn an_action_runs_until_it_is_looked_up() {
        let store = Store::default();
        store.add_zone("example.test").expect("a name");
        let api = hetzner(store.clone(), "token".to_owned());
        let begun = api(&request("POST", "rrsets/%40/TXT/actions/add_records", &record(&["\"one\""], json!(60))));
        assert_eq!((begun.status, &begun.body["action"]["status"]), (201, &json!("running")));
        let statuses = || api(&request("GET", "actions", &Value::Null)).body["actions"][0]["status"].clone();
        assert_eq!([statuses(), statuses()], ["running", "success"]);
        let held = |entry: &Entry| label(entry, "example.test") == "@" && entry.value() == "one";
        assert!(store.records("example.test").expect("the zone").iter().any(held));
    }

    #[test]
    fn what_the_api_does_not_take_is_refused() {
        let store = Store::default();
        store.add_zone("example.test").expect("a name");
        store.add("example.test", "a.example.test", RecordType::TXT, 60, "held").expect("a record");
        let api = hetzner(store.clone(), "token".to_owned());
        let before = store.records("example.test").expect("the zone");
        for (name, command, values, ttl, status) in [
            ("a", "add_records", ["\"one\""], json!(61), 422),
            ("b", "add_records", ["\"one\""], json!(59), 422),
            ("b", "add_records", ["bare"], json!(60), 422),
            ("A", "add_records", ["\"one\""], json!(60), 422),
            ("b.example.test", "add_records", ["\"one\""], json!(60), 422),
            ("a", "add_records", ["\"held\""], json!(60), 409),
            ("a", "remove_records", ["\"one\""], Value::Null, 422),
            ("b", "remove_records", ["\"one\""], Value::Null, 404),
        ] {
            let sent = request("POST", &format!("rrsets/{name}/TXT/actions/{command}"), &record(&values, ttl));
            assert_eq!(api(&sent).status, status, "{sent:?}");
        }
        let two = record(&["\"one\"", "\"one\""], json!(60));
        assert_eq!(api(&request("POST", "rrsets/b/TXT/actions/add_records", &two)).status, 422);
        assert_eq!(hetzner(store.clone(), "other".to_owned())(&request("GET", "rrsets", &two)).status, 401);
        assert_eq!(store.records("example.test").expect("the zone"), before);
    }
}
