//! DNS on machines of other kinds than the one the tests run on: each in a network namespace.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use acmite::dns::transport::{Recursion, ask};
use acmite::dns::{Dns, DnsOptions, PropagationCheck, PropagationEvent, PropagationOptions, Target};
use acmite_lab::dns::{Dns as Servers, Store, TsigAlgorithm, TsigKey};
use acmite_tests::bind::bind_resolver;
use acmite_tests::netns::{Machine, inside};
use hickory_proto::rr::RecordType;

const NAME: &str = "_acme-challenge.www.example.test";

/// `example.test` with a server for each address, named ns1 and so on.
fn store(addresses: &[&str]) -> Store {
    let store = Store::default();
    store.add_zone("example.test").unwrap();
    for (number, address) in addresses.iter().enumerate() {
        let host = format!("ns{}.example.test.", number + 1);
        let kind = if address.contains(':') { RecordType::AAAA } else { RecordType::A };
        store.add("example.test", "example.test", RecordType::NS, 60, &host).unwrap();
        store.add("example.test", &host, kind, 60, address).unwrap();
    }
    store
}

/// Servers at the port that the world asks them at; the first is the resolver.
async fn serve(store: &Store, addresses: &[&str]) -> Servers {
    let at = |address: &&str| SocketAddr::new(address.parse::<IpAddr>().unwrap(), 53);
    Servers::start_at(
        store.clone(),
        &addresses.iter().map(at).collect::<Vec<_>>(),
        &TsigKey::generate(TsigAlgorithm::default()).unwrap(),
    )
    .await
    .unwrap()
}

/// Finds the zone with the system's resolvers, publishes, and waits.
async fn issue(store: &Store) -> (Target, Vec<PropagationEvent>) {
    let dns = Dns::new(DnsOptions::default()).unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let target = dns.challenge_target(&"www.example.test".parse().unwrap(), deadline).await.unwrap();
    assert_eq!(target.name.as_str(), NAME);
    store.add("example.test", NAME, RecordType::TXT, 60, "value").unwrap();
    let events = Mutex::new(Vec::new());
    let observe = |event| events.lock().unwrap().push(event);
    let options = PropagationOptions { check: PropagationCheck::All, timeout: Duration::from_secs(30) };
    let expected = [(NAME.parse().unwrap(), ["value".to_owned()].into())].into();
    dns.await_propagation(&target.zone, &expected, &options, &observe).await.unwrap();
    (target, events.into_inner().unwrap())
}

fn shown(events: &[PropagationEvent]) -> Vec<String> {
    let mut lines: Vec<String> = events.iter().map(ToString::to_string).collect();
    lines.sort();
    lines
}

fn begin_with(lines: &[String], beginnings: &[&str]) {
    assert_eq!(lines.len(), beginnings.len(), "{lines:#?}");
    assert!(lines.iter().zip(beginnings).all(|(line, beginning)| line.starts_with(beginning)), "{lines:#?}");
}

#[test]
fn without_ipv6_only_ipv4_addresses_are_asked_and_that_is_said() {
    let machine = Machine { own: &["192.0.2.1/32", "192.0.2.53/32"], lost: &[], resolver: "192.0.2.53" };
    inside("without_ipv6_only_ipv4_addresses_are_asked_and_that_is_said", &machine, async {
        let store = store(&["192.0.2.1", "2001:db8::1"]);
        let _servers = serve(&store, &["192.0.2.53", "192.0.2.1"]).await;
        let begun = Instant::now();
        let (target, events) = issue(&store).await;
        assert_eq!(target.zone.unroutable().len(), 1);
        begin_with(
            &shown(&events),
            &[
                "not asked, as this machine has no route to them: ns2.example.test (2001:db8::1)",
                "ns1.example.test (192.0.2.1) shows all values",
            ],
        );
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    });
}

#[test]
fn without_ipv4_only_ipv6_addresses_are_asked_and_that_is_said() {
    let machine = Machine { own: &["2001:db8::1/128", "2001:db8::53/128"], lost: &[], resolver: "2001:db8::53" };
    inside("without_ipv4_only_ipv6_addresses_are_asked_and_that_is_said", &machine, async {
        let store = store(&["192.0.2.1", "2001:db8::1"]);
        let _servers = serve(&store, &["2001:db8::53", "2001:db8::1"]).await;
        let (_, events) = issue(&store).await;
        begin_with(
            &shown(&events),
            &[
                "not asked, as this machine has no route to them: ns1.example.test (192.0.2.1)",
                "ns2.example.test (2001:db8::1) shows all values",
            ],
        );
    });
}

#[test]
fn with_both_families_addresses_of_both_are_asked() {
    let own = ["192.0.2.1/32", "192.0.2.53/32", "2001:db8::1/128"];
    let machine = Machine { own: &own, lost: &[], resolver: "192.0.2.53" };
    inside("with_both_families_addresses_of_both_are_asked", &machine, async {
        let store = store(&["192.0.2.1", "2001:db8::1"]);
        let _servers = serve(&store, &["192.0.2.53", "192.0.2.1", "2001:db8::1"]).await;
        let (_, events) = issue(&store).await;
        begin_with(
            &shown(&events),
            &["ns1.example.test (192.0.2.1) shows all values", "ns2.example.test (2001:db8::1) shows all values"],
        );
    });
}

#[test]
fn a_silent_server_is_warned_of_and_does_not_hold_up_the_rest() {
    let machine =
        Machine { own: &["192.0.2.1/32", "192.0.2.53/32"], lost: &["198.51.100.0/24"], resolver: "192.0.2.53" };
    inside("a_silent_server_is_warned_of_and_does_not_hold_up_the_rest", &machine, async {
        let store = store(&["192.0.2.1", "198.51.100.1"]);
        let _servers = serve(&store, &["192.0.2.53", "192.0.2.1"]).await;
        let begun = Instant::now();
        let (_, events) = issue(&store).await;
        begin_with(
            &shown(&events),
            &[
                "ns1.example.test (192.0.2.1) shows all values",
                "ns2.example.test (198.51.100.1) is not waited for; asked for _acme-challenge.www.example.test: silent",
            ],
        );
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    });
}

#[test]
fn with_port_53_blocked_the_resolver_is_asked_and_that_is_said() {
    let machine = Machine { own: &["192.0.2.53/32"], lost: &["198.51.100.0/24"], resolver: "192.0.2.53" };
    inside("with_port_53_blocked_the_resolver_is_asked_and_that_is_said", &machine, async {
        let store = store(&["198.51.100.1", "198.51.100.2"]);
        let _servers = serve(&store, &["192.0.2.53"]).await;
        let (target, events) = issue(&store).await;
        assert_eq!(target.zone.apex.as_str(), "example.test");
        begin_with(
            &shown(&events),
            &[
                "no name server of example.test can be asked (is port 53 blocked?); asking 192.0.2.53 instead",
                "resolver 192.0.2.53 shows all values",
            ],
        );
    });
}

#[test]
fn with_a_resolver_and_no_route_to_any_name_server_the_resolver_is_asked() {
    let machine = Machine { own: &["192.0.2.53/32"], lost: &[], resolver: "192.0.2.53" };
    inside("with_a_resolver_and_no_route_to_any_name_server_the_resolver_is_asked", &machine, async {
        let store = store(&["198.51.100.1"]);
        let _servers = serve(&store, &["192.0.2.53"]).await;
        let (_, events) = issue(&store).await;
        begin_with(
            &shown(&events),
            &[
                "no name server of example.test can be asked (is port 53 blocked?); asking 192.0.2.53 instead",
                "not asked, as this machine has no route to them: ns1.example.test (198.51.100.1)",
                "resolver 192.0.2.53 shows all values",
            ],
        );
    });
}

#[test]
fn a_resolver_that_keeps_a_no_for_an_hour_was_given_none_to_keep() {
    let machine = Machine { own: &["192.0.2.1/32", "192.0.2.53/32"], lost: &[], resolver: "192.0.2.53" };
    inside("a_resolver_that_keeps_a_no_for_an_hour_was_given_none_to_keep", &machine, async {
        let store = store(&["192.0.2.1"]);
        let soa = "ns1.example.test. hostmaster.example.test. 1 3600 600 86400 3600";
        store.add("example.test", "example.test", RecordType::SOA, 3600, soa).unwrap();
        let _servers = serve(&store, &["192.0.2.1"]).await;
        let Some(_resolver) = bind_resolver("192.0.2.53", "example.test", "192.0.2.1") else { return };
        let dns = Dns::new(DnsOptions::default()).unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        let target = dns.challenge_target(&"www.example.test".parse().unwrap(), deadline).await.unwrap();
        let wait = |name: &str| {
            let expected = [(name.parse().unwrap(), ["value".to_owned()].into())].into();
            let (dns, zone) = (dns.clone(), target.zone.clone());
            let options = PropagationOptions { check: PropagationCheck::Resolver, timeout: Duration::from_secs(6) };
            async move { dns.await_propagation(&zone, &expected, &options, &|_| {}).await }
        };
        // What the resolver was asked too early it does not find for an hour: it is one that keeps a "no".
        let other = "_acme-challenge.other.example.test";
        let resolver = SocketAddr::new("192.0.2.53".parse().unwrap(), 53);
        ask(resolver, &other.parse().unwrap(), RecordType::TXT, Recursion::Desired).await.unwrap();
        for name in [NAME, other] {
            store.add("example.test", name, RecordType::TXT, 60, "value").unwrap();
        }
        wait(NAME).await.unwrap();
        let error = wait(other).await.unwrap_err().to_string();
        assert!(error.contains("NXDOMAIN, no TXT value, kept for 35") || error.contains("kept for 3600 s"), "{error}");
    });
}
