//! DuckDNS's one request, over a zone duckdns.org of the lab.
//!
//! <https://www.duckdns.org/spec.jsp> (seen 2026-11-24). The TXT value shows at `_acme-challenge.NAME` alone here.

use hickory_proto::rr::RecordType;
use serde_json::Value;

use super::server::{Reply, Request};
use crate::dns::{Entry, Store, StoreError};

/// The rules of the API over `store`, for an account with this token and these names.
pub fn duckdns(
    store: Store,
    token: String,
    names: &'static [&'static str],
) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        if (request.method.as_str(), request.path.as_str()) != ("GET", "/update") {
            return Reply { status: 404, body: Value::Null };
        }
        let asked = |key: &str| request.query.get(key).map(String::as_str);
        let known_keys = request.query.keys().all(|key| KEYS.contains(&key.as_str()));
        let name = asked("domains").filter(|name| names.contains(name));
        let done = match name.filter(|_| known_keys && asked("token") == Some(&token)) {
            Some(name) => update(&store, name, asked("txt"), asked("clear") == Some("true")).is_ok(),
            None => false,
        };
        Reply { status: 200, body: Value::String(if done { "OK" } else { "KO" }.to_owned()) }
    }
}

const KEYS: [&str; 7] = ["domains", "token", "txt", "clear", "verbose", "ip", "ipv6"];

/// Without `txt` it is the address that is set or cleared.
fn update(store: &Store, name: &str, txt: Option<&str>, clear: bool) -> Result<(), StoreError> {
    let (owner, kind, value) = match txt {
        Some(txt) => (format!("_acme-challenge.{name}.{ZONE}"), RecordType::TXT, txt),
        None => (format!("{name}.{ZONE}"), RecordType::A, "192.0.2.99"),
    };
    store.remove(ZONE, |entry| entry.record.record_type() == kind && is_at(entry, &owner))?;
    if clear { Ok(()) } else { store.add(ZONE, &owner, kind, 60, value).map(|_| ()) }
}

fn is_at(entry: &Entry, owner: &str) -> bool {
    entry.record.name.to_lowercase().to_ascii().trim_end_matches('.') == owner
}

const ZONE: &str = "duckdns.org";

#[cfg(test)]
mod tests {
    use super::*;

    fn send(store: &Store, query: &[(&str, &str)]) -> Value {
        let query = query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (method, path) = ("GET".to_owned(), "/update".to_owned());
        let request = Request {
            method,
            path,
            query,
            query_text: String::new(),
            headers: Default::default(),
            body: String::new(),
        };
        duckdns(store.clone(), "token".to_owned(), &["me"])(&request).body
    }

    fn values(store: &Store) -> Vec<String> {
        let all = store.records(ZONE).expect("the zone");
        all.iter().filter(|entry| entry.record.record_type() != RecordType::SOA).map(Entry::value).collect()
    }

    #[test]
    fn a_name_holds_one_value_and_another_request_sets_its_address() {
        let store = Store::default();
        store.add_zone(ZONE).expect("a name");
        let me = [("domains", "me"), ("token", "token")];
        for txt in ["one", "two"] {
            assert_eq!(send(&store, &[me[0], me[1], ("txt", txt)]), "OK");
        }
        assert_eq!((send(&store, &me), values(&store)), ("OK".into(), vec!["two".to_owned(), "192.0.2.99".to_owned()]));
        assert_eq!(send(&store, &[me[0], me[1], ("txt", "other"), ("clear", "true")]), "OK");
        assert_eq!(values(&store), ["192.0.2.99"]);
    }

    #[test]
    fn another_token_name_or_key_is_ko() {
        let store = Store::default();
        store.add_zone(ZONE).expect("a name");
        for (domain, token, key) in [("me", "other", "txt"), ("you", "token", "txt"), ("me", "token", "text")] {
            assert_eq!(send(&store, &[("domains", domain), ("token", token), (key, "x")]), "KO");
        }
        assert!(values(&store).is_empty());
    }
}
