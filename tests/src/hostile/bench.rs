//! An API of the lab over zones with records that are not the order's, and a provider that attacks it.

use acmite_lab::api::{MockApi, Reply, Request};
use acmite_lab::dns::Store;
use hickory_proto::rr::RecordType;
use serde_json::Value;

use super::{Attack, Phase, given};

/// An API over two zones with an address at the apex, a foreign value at the order's name and one at another.
pub struct Bench {
    store: Store,
    /// Reached by the provider.
    pub api: MockApi,
}

impl Bench {
    /// With an API that goes by `rules`.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start<R>(rules: impl FnOnce(Store) -> R) -> Self
    where
        R: Fn(&Request) -> Reply + Send + Sync + 'static,
    {
        let store = Store::default();
        for zone in ["example.test", "other.test"] {
            let add = |name: &str, kind, value| store.add(zone, name, kind, 60, value).expect("a record");
            store.add_zone(zone).expect("a zone");
            add(zone, RecordType::A, "192.0.2.1");
            add(&format!("_acme-challenge.{zone}"), RecordType::TXT, "foreign");
            add(&format!("_acme-challenge.www.{zone}"), RecordType::TXT, "another's");
        }
        let api = MockApi::start(rules(store.clone())).await.expect("an API");
        Self { store, api }
    }

    /// All records but SOA, as zone files have them.
    ///
    /// # Panics
    /// If a zone is gone.
    pub fn records(&self) -> Vec<String> {
        let zones = ["example.test", "other.test"].into_iter();
        let entries = zones.flat_map(|zone| self.store.records(zone).expect("a zone"));
        let entries = entries.filter(|entry| entry.record.record_type() != RecordType::SOA);
        let mut lines: Vec<String> = entries.map(|entry| entry.record.to_string()).collect();
        lines.sort();
        lines
    }

    /// Bodies of the requests that are no reads, as the API received them.
    pub fn writes(&self) -> Vec<String> {
        let requests = self.api.requests().into_iter().filter(|request| request.method != "GET");
        requests.map(|request| request.body).collect()
    }

    /// The attack is refused by this rule before it is sent, and nothing has changed.
    ///
    /// # Panics
    /// If it is not, or something has.
    pub async fn refused(&self, attack: Attack, phase: Phase, steps: &[Value], rule: &str) {
        let before = self.records();
        let given = given(attack, steps.to_vec(), phase).await;
        let refused = Attack::rule(&given);
        assert!(refused.contains(rule), "{phase:?} {steps:?}: {refused}");
        assert_eq!((self.writes(), self.records()), (Vec::new(), before), "{steps:?}");
    }

    /// What is gone and what is new; the API has received the last step's body.
    ///
    /// # Panics
    /// If it has not.
    pub async fn changed(&self, attack: Attack, phase: Phase, steps: &[Value]) -> (Vec<String>, Vec<String>) {
        let before = self.records();
        let given = given(attack, steps.to_vec(), phase).await;
        assert_eq!(given.last().expect("a reply")["status"], 200, "{given:?}");
        assert_eq!(self.writes().len(), 1, "{given:?}");
        let after = self.records();
        let gone = before.iter().filter(|line| !after.contains(line)).cloned().collect();
        (gone, after.into_iter().filter(|line| !before.contains(line)).collect())
    }
}
