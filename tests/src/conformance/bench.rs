//! A provider in the sandbox with what it talks to, ready for a case.

use std::sync::Arc;

use acmite::name::DnsName;
use acmite::plugin::fuel::FuelMeter;
use acmite::plugin::loader::Loaded;
use acmite::plugin::overrides::OriginOverrides;
use acmite::plugin::provider::{CallError, CallFault, Provider, Published};
use acmite::plugin::told::Told;
use acmite::plugin::wire::TxtRecord;
use acmite_lab::api::{Fault, MockApi, Request};
use acmite_lab::dns::Store;

use crate::conformance::adapters::{self, Adapter, Back, Pairs, Rules};
use crate::conformance::counter::Counter;
use crate::moto::Moto;
use crate::name_server::NameServer;
use crate::plugins;

/// A zone as a case begins with it.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its apex.
    pub name: String,
    /// TXT records beside the usual foreign ones.
    pub fillers: usize,
}

impl Zone {
    /// A zone with the usual foreign records only.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), fillers: 0 }
    }

    /// What is in it and must stay: name, type, value.
    pub fn foreign(&self) -> Vec<(String, &'static str, String)> {
        let zone = &self.name;
        let mut records = vec![
            (zone.clone(), "A", "192.0.2.1".to_owned()),
            (zone.clone(), "TXT", "v=spf1 -all".to_owned()),
            (format!("_acme-challenge.{zone}"), "TXT", "foreign".to_owned()),
            (format!("_acme-challenge.other.{zone}"), "TXT", "not ours".to_owned()),
        ];
        records.extend((0..self.fillers).map(|number| (format!("f{number}.{zone}"), "TXT", "filler".to_owned())));
        records
    }
}

/// A provider with its peer.
pub struct Bench {
    /// The provider.
    pub provider: Provider,
    peer: Peer,
    writes: fn(&Request) -> bool,
}

enum Peer {
    Mock { api: MockApi, store: Store },
    NameServer { server: NameServer, counter: Counter },
    Moto { api: MockApi, moto: Arc<Moto> },
}

/// Which credential a provider is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The one that is taken.
    Right,
    /// Another.
    Wrong,
}

impl Bench {
    /// Starts what stands in for the API, with the zone example.test; `None` if it is a server that is not installed.
    pub async fn start(adapter: &Adapter) -> Option<Self> {
        Self::with(adapter, &[Zone::new("example.test")], Credential::Right).await
    }

    /// The same with zones and credential chosen.
    ///
    /// # Panics
    /// If the provider cannot be built or is not taken.
    pub async fn with(adapter: &Adapter, zones: &[Zone], credential: Credential) -> Option<Self> {
        Self::of(plugins::load(adapter.plugin), adapter, zones, credential).await
    }

    /// The same with the provider's code.
    ///
    /// # Panics
    /// If the provider is not taken.
    pub async fn of(loaded: Loaded, adapter: &Adapter, zones: &[Zone], credential: Credential) -> Option<Self> {
        Self::made(loaded, adapter, zones, credential, |rules| rules).await
    }

    /// The same with something in front of the mock's rules.
    ///
    /// # Panics
    /// If the provider cannot be built or is not taken.
    pub async fn behind(
        adapter: &Adapter,
        zones: &[Zone],
        credential: Credential,
        before: impl FnOnce(Rules) -> Rules,
    ) -> Option<Self> {
        Self::made(plugins::load(adapter.plugin), adapter, zones, credential, before).await
    }

    async fn made(
        loaded: Loaded,
        adapter: &Adapter,
        zones: &[Zone],
        credential: Credential,
        before: impl FnOnce(Rules) -> Rules,
    ) -> Option<Self> {
        let mut writes: fn(&Request) -> bool = |_| true;
        let (peer, address, overrides) = match &adapter.back {
            Back::Mock { rules, origin, writes: writing } => {
                let store = filled_store(zones);
                let rules = rules(store.clone(), adapter.credential.to_owned());
                let rules = adapter.exchanges.recording(before(rules));
                let api = MockApi::start(rules).await.expect("a mock that starts");
                writes = *writing;
                let url = api.base_url();
                let led = |origin: &str| format!("{}.{origin}={url}", adapter.plugin);
                let text: Vec<String> = origin.iter().flat_map(|origins| origins.split(',')).map(led).collect();
                (Peer::Mock { api, store }, url, text.join(","))
            }
            Back::NameServer(start) => {
                let server = start(zones)?;
                let counter = Counter::start(server.address);
                let address = counter.address.to_string();
                (Peer::NameServer { server, counter }, address, String::new())
            }
            Back::Moto(start) => {
                let moto = Arc::new(start(zones)?);
                writes = adapters::not_get;
                let handing_on = Arc::clone(&moto);
                let rules = adapter.exchanges.recording(Box::new(move |request| handing_on.answer(request)));
                let api = MockApi::start(rules).await.expect("a mock that starts");
                let url = api.base_url();
                (Peer::Moto { api, moto }, url.clone(), format!("{}.api={url}", adapter.plugin))
            }
        };
        let credential = match credential {
            Credential::Right => adapter.credential,
            Credential::Wrong => adapter.wrong_credential,
        };
        let overrides = OriginOverrides::parse(&overrides).expect("a mock on loopback");
        let secrets = owned((adapter.secrets)(credential));
        let secrets = secrets.into_iter().map(|(name, value)| (name, value.into_bytes().into())).collect();
        let settings = owned((adapter.settings)(&address));
        let provider = Provider::new(loaded, settings, secrets, None, &overrides);
        Some(Self { provider: provider.expect("a provider that is taken"), peer, writes })
    }

    /// Counts what the provider executes.
    pub fn counted_by(self, meter: &FuelMeter) -> Self {
        Self { provider: self.provider.counted_by(meter), ..self }
    }

    /// Every record of a zone but SOA, NS and the name servers' addresses, as "name TYPE value", sorted.
    ///
    /// # Panics
    /// If the zone cannot be read.
    pub fn records(&self, zone: &str) -> Vec<String> {
        let mut records: Vec<String> = match &self.peer {
            Peer::Mock { store, .. } => store.records(zone).expect("the zone").iter().map(shown).collect(),
            Peer::NameServer { server, .. } => server.all_txt(zone),
            Peer::Moto { moto, .. } => moto.records(zone),
        };
        records.retain(|record| !record.contains(" SOA "));
        records.sort();
        records
    }

    /// The TXT values at a name, sorted.
    pub fn txt(&self, zone: &str, name: &str) -> Vec<String> {
        let begin = match &self.peer {
            Peer::Mock { .. } | Peer::Moto { .. } => format!("{name} TXT "),
            Peer::NameServer { .. } => format!("{name}. "),
        };
        self.records(zone).iter().filter_map(|record| record.strip_prefix(&begin).map(str::to_owned)).collect()
    }

    /// Requests so far: HTTP requests, or DNS updates.
    pub fn requests(&self) -> usize {
        match &self.peer {
            Peer::Mock { api, .. } | Peer::Moto { api, .. } => api.received(),
            Peer::NameServer { counter, .. } => counter.updates(),
        }
    }

    /// Requests so far that write; all of a name server's.
    pub fn writes(&self) -> usize {
        match &self.peer {
            Peer::Mock { api, .. } | Peer::Moto { api, .. } => {
                api.requests().iter().filter(|entry| (self.writes)(&request_of(entry))).count()
            }
            Peer::NameServer { counter, .. } => counter.updates(),
        }
    }

    /// The mock.
    ///
    /// # Panics
    /// If it is a real server.
    pub fn api(&self) -> &MockApi {
        match &self.peer {
            Peer::Mock { api, .. } | Peer::Moto { api, .. } => api,
            Peer::NameServer { .. } => panic!("a case for mocks runs on a real server"),
        }
    }

    /// The next request that writes meets this fault.
    pub fn fail_next_write(&self, fault: &Fault) {
        self.api().fail_next_that(self.writes, 1, fault);
    }

    /// Ends what stands in for the API and keeps the provider.
    pub fn without_peer(self) -> Provider {
        self.provider
    }

    /// Publishes in example.test.
    ///
    /// # Errors
    /// If the provider does.
    pub async fn present(&self, records: &[TxtRecord]) -> Result<Published, CallError> {
        self.provider.present(&zone("example.test"), records, TTL).await
    }

    /// Removes in example.test.
    ///
    /// # Errors
    /// If the provider does.
    pub async fn cleanup(&self, records: &[TxtRecord], published: &Published) -> Result<(), CallError> {
        self.provider.cleanup(&zone("example.test"), records, published).await
    }
}

const TTL: u32 = 60;

fn owned(pairs: Pairs) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn filled_store(zones: &[Zone]) -> Store {
    let store = Store::default();
    for zone in zones {
        store.add_zone(&zone.name).expect("a zone");
        for (name, kind, value) in zone.foreign() {
            let kind = kind.parse().expect("a type");
            store.add(&zone.name, &name, kind, TTL, &value).expect("a record");
        }
    }
    store
}

fn shown(entry: &acmite_lab::dns::Entry) -> String {
    let name = entry.record.name.to_lowercase().to_ascii();
    format!("{} {} {}", name.trim_end_matches('.'), entry.record.record_type(), entry.value())
}

fn request_of(entry: &acmite_lab::api::RequestLog) -> Request {
    Request {
        method: entry.method.clone(),
        path: entry.path.clone(),
        query: entry.query.clone(),
        query_text: String::new(),
        headers: std::collections::BTreeMap::new(),
        body: entry.body.clone(),
    }
}

/// A zone's apex.
///
/// # Panics
/// If it is no name.
pub fn zone(name: &str) -> DnsName {
    name.parse().expect("a name")
}

/// A value to publish.
///
/// # Panics
/// If the name is none.
pub fn record(name: &str, value: &str) -> TxtRecord {
    TxtRecord { name: name.parse().expect("a name"), value: value.to_owned() }
}

/// What a provider told of a failed call.
///
/// # Panics
/// If the call did not fail, or failed otherwise.
pub fn told<T: std::fmt::Debug>(result: Result<T, CallError>) -> Told {
    match result.expect_err("an error").fault {
        CallFault::Told(told) => *told,
        other => panic!("not told by the provider: {other}"),
    }
}
