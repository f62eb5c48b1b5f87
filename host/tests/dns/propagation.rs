//! Waiting for the values.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use acmite::dns::{
    Answer, Dns, Expectation, PropagationCheck, PropagationError, PropagationEvent, PropagationOptions, Server, Zone,
};
use acmite_lab::dns::{Behaviour, Mood};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::world::{Act, Scripted, Slow, World, asked, dns, loopback, reply, target};

pub(crate) const NAME: &str = "_acme-challenge.www.example.test";

pub(crate) fn expect(values: &[&str]) -> Expectation {
    [(NAME.parse().unwrap(), values.iter().map(|value| (*value).to_owned()).collect())].into()
}

pub(crate) async fn zone(dns: &Dns) -> Zone {
    target(dns, "www.example.test").await.unwrap().zone
}

/// Fifty names, each with its value.
fn fifty(world: &World) -> Expectation {
    let names = (0..50).map(|number| format!("_acme-challenge.h{number}.example.test"));
    let expected = names.map(|name| {
        world.add("example.test", &name, RecordType::TXT, "value");
        (name.parse().unwrap(), ["value".to_owned()].into())
    });
    expected.collect()
}

pub(crate) struct Waited {
    pub(crate) outcome: Result<(), PropagationError>,
    events: Vec<PropagationEvent>,
    took: Duration,
}

impl Waited {
    pub(crate) fn has(&self, is: impl Fn(&PropagationEvent) -> bool) -> bool {
        self.events.iter().any(is)
    }

    fn completed(&self) -> Vec<String> {
        let complete = self.events.iter().filter_map(|event| match event {
            PropagationEvent::Complete { server: Server::Authoritative(server), .. } => Some(server.host.to_string()),
            _ => None,
        });
        let mut hosts: Vec<String> = complete.collect();
        hosts.sort();
        hosts
    }
}

pub(crate) async fn wait(
    dns: &Dns,
    zone: &Zone,
    expected: &Expectation,
    check: PropagationCheck,
    seconds: u64,
) -> Waited {
    let events = Mutex::new(Vec::new());
    let observe = |event| events.lock().unwrap().push(event);
    let options = PropagationOptions { check, timeout: Duration::from_secs(seconds) };
    let begun = Instant::now();
    let outcome = dns.await_propagation(zone, expected, &options, &observe).await;
    Waited { outcome, took: begun.elapsed(), events: events.into_inner().unwrap() }
}

#[tokio::test]
async fn values_that_are_there_are_seen_at_every_server_in_the_first_round() {
    let world = World::start(&["example.test"], 3).await;
    let dns = world.dns();
    let zone = zone(&dns).await;
    for value in ["one", "two", "foreign"] {
        world.add("example.test", NAME, RecordType::TXT, value);
    }
    let before = dns.questions();
    let waited = wait(&dns, &zone, &expect(&["one", "two"]), PropagationCheck::All, 20).await;
    waited.outcome.as_ref().unwrap();
    assert_eq!(waited.completed(), ["ns1.example.test", "ns2.example.test", "ns3.example.test"]);
    assert_eq!(dns.questions() - before, 3);
}

#[tokio::test]
async fn a_late_server_is_waited_for() {
    let world = World::start(&["example.test"], 2).await;
    let dns = world.dns();
    let zone = zone(&dns).await;
    let delay = Duration::from_millis(700);
    world.servers.set_behaviour(1, Behaviour { delay, ..Behaviour::default() });
    world.add("example.test", NAME, RecordType::TXT, "one");
    let waited = wait(&dns, &zone, &expect(&["one"]), PropagationCheck::All, 20).await;
    waited.outcome.as_ref().unwrap();
    assert_eq!(waited.completed(), ["ns1.example.test", "ns2.example.test"]);
    assert!(waited.took >= delay, "{:?}", waited.took);
    assert!(waited.has(|event| event.to_string().starts_with("ns2.example.test") && event.to_string().contains("yet")));
}

#[tokio::test]
async fn the_deadline_names_the_laggard_with_what_it_said_and_its_serial() {
    let world = World::start(&["example.test"], 2).await;
    let dns = world.dns();
    let zone = zone(&dns).await;
    world.add("example.test", NAME, RecordType::TXT, "old");
    let frozen_at = Some(Instant::now());
    world.servers.set_behaviour(1, Behaviour { frozen_at, ..Behaviour::default() });
    world.add("example.test", NAME, RecordType::TXT, "new");
    let waited = wait(&dns, &zone, &expect(&["new"]), PropagationCheck::All, 2).await;
    let error = waited.outcome.unwrap_err();
    let text = error.to_string();
    let PropagationError::Lagging { laggards, .. } = error else { panic!("{text}") };
    assert_eq!(laggards.len(), 1);
    let (own, newest) = laggards[0].behind.unwrap();
    assert_eq!(newest, own + 1);
    let server = format!("ns2.example.test (127.0.0.3:{})", world.port());
    let line =
        format!("{server}, asked for {NAME}: NOERROR, only \"old\" (it has serial {own}, the newest is {newest})");
    assert!(text.contains(&line), "{text}");
    assert!(waited.took < Duration::from_secs(3), "{:?}", waited.took);
}

async fn passes_over(mood: Mood) {
    let world = World::start(&["example.test"], 2).await;
    let dns = world.dns();
    let zone = zone(&dns).await;
    world.mood(1, mood);
    world.add("example.test", NAME, RecordType::TXT, "one");
    let waited = wait(&dns, &zone, &expect(&["one"]), PropagationCheck::All, 20).await;
    waited.outcome.as_ref().unwrap();
    let of_ns2 = |server: &Server| matches!(server, Server::Authoritative(s) if s.host.as_str() == "ns2.example.test");
    assert!(waited.has(|event| matches!(event, PropagationEvent::PassedOver { server, .. } if of_ns2(server))));
    assert!(waited.took < Duration::from_secs(10), "{mood:?}: {:?}", waited.took);
}

#[tokio::test]
async fn a_server_of_no_use_is_warned_of_and_does_not_block() {
    tokio::join!(passes_over(Mood::Silent), passes_over(Mood::Refuses), passes_over(Mood::Lame));
}

#[tokio::test]
async fn a_silent_server_does_not_block_even_when_time_is_shorter_than_silence() {
    let world = World::start(&["example.test"], 2).await;
    let dns = world.dns();
    let zone = zone(&dns).await;
    world.mood(1, Mood::Silent);
    world.add("example.test", NAME, RecordType::TXT, "one");
    wait(&dns, &zone, &expect(&["one"]), PropagationCheck::All, 1).await.outcome.unwrap();
}

#[tokio::test]
async fn a_server_that_comes_back_without_the_value_blocks() {
    let world = World::start(&["example.test"], 1).await;
    world.add("example.test", NAME, RecordType::TXT, "one");
    let stale = Scripted::start(loopback(30, world.port()), loopback(2, world.port()), {
        let asked = AtomicUsize::new(0);
        move |request| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Act::Send(vec![reply(request, ResponseCode::ServFail)]),
            _ => {
                let mut none = reply(request, ResponseCode::NXDomain);
                none.metadata.authoritative = true;
                Act::Send(vec![none])
            }
        }
    })
    .await;
    world.add("example.test", "example.test", RecordType::NS, "stale.example.test.");
    world.add("example.test", "stale.example.test", RecordType::A, &stale.address.ip().to_string());
    let dns = world.dns();
    let zone = zone(&dns).await;
    let error = wait(&dns, &zone, &expect(&["one"]), PropagationCheck::All, 6).await.outcome.unwrap_err();
    assert!(matches!(&error, PropagationError::Lagging { laggards, .. } if laggards.len() == 1), "{error}");
    assert!(error.to_string().contains("NXDOMAIN, no TXT value"), "{error}");
}

#[tokio::test]
async fn with_port_53_blocked_the_resolvers_that_were_not_asked_before_are_asked() {
    let world = World::start(&["example.test"], 2).await;
    let second = Scripted::start(loopback(20, world.port()), world.resolver.resolver_addr(), |_| Act::Pass).await;
    let dns = dns(&[world.resolver.resolver_addr(), second.address]);
    for server in 0..2 {
        world.mood(server, Mood::Silent);
    }
    let zone = zone(&dns).await;
    world.add("example.test", NAME, RecordType::TXT, "one");
    let waited = wait(&dns, &zone, &expect(&["one"]), PropagationCheck::All, 20).await;
    waited.outcome.as_ref().unwrap();
    assert!(waited.has(|event| matches!(
        event,
        PropagationEvent::Fallback { resolvers, .. } if *resolvers == [world.resolver.resolver_addr().into()]
    )));
}

#[tokio::test]
async fn servers_that_fall_silent_after_the_search_are_replaced_by_resolvers() {
    let world = World::start(&["example.test"], 2).await;
    let dns = world.dns();
    let zone = zone(&dns).await;
    for server in 0..2 {
        world.mood(server, Mood::Silent);
    }
    let waited = wait(&dns, &zone, &expect(&["one"]), PropagationCheck::All, 8).await;
    let error = waited.outcome.as_ref().unwrap_err();
    assert!(waited.has(|event| matches!(event, PropagationEvent::Fallback { .. })));
    let text = error.to_string();
    assert!(text.contains("resolver 127.0.0.1") && text.contains("kept for 1 s"), "{text}");
    assert!(text.contains("ns2.example.test (127.0.0.3") && text.contains("silent"), "{text}");
    world.add("example.test", NAME, RecordType::TXT, "one");
    wait(&dns, &zone, &expect(&["one"]), PropagationCheck::All, 20).await.outcome.unwrap();
}

#[tokio::test]
async fn nobody_who_answers_is_an_error() {
    let world = World::start(&["example.test"], 1).await;
    let resolver = Scripted::start(loopback(20, world.port()), world.resolver.resolver_addr(), |request| {
        let is_challenge = asked(request).starts_with("_acme");
        if is_challenge { Act::Send(vec![reply(request, ResponseCode::ServFail)]) } else { Act::Pass }
    })
    .await;
    let dns = dns(&[resolver.address]);
    let zone = zone(&dns).await;
    world.mood(0, Mood::Silent);
    let error = wait(&dns, &zone, &expect(&["one"]), PropagationCheck::All, 15).await.outcome.unwrap_err();
    assert!(matches!(&error, PropagationError::Unanswered { laggards, .. } if laggards.len() == 2), "{error}");
}

#[tokio::test]
async fn only_the_resolvers_are_asked_if_so_told_and_nobody_for_none() {
    let world = World::start(&["example.test"], 2).await;
    let dns = world.dns();
    let zone = zone(&dns).await;
    world.add("example.test", NAME, RecordType::TXT, "one");
    let before = (world.servers.queries().len(), world.resolver.queries().len());
    wait(&dns, &zone, &expect(&["one"]), PropagationCheck::Resolver, 20).await.outcome.unwrap();
    assert_eq!((world.servers.queries().len(), world.resolver.queries().len()), (before.0, before.1 + 1));
    wait(&dns, &zone, &expect(&["absent"]), PropagationCheck::None, 20).await.outcome.unwrap();
    assert_eq!(world.resolver.queries().len(), before.1 + 1);
}

#[tokio::test]
async fn fifty_names_at_eight_servers_cost_one_question_each() {
    let world = World::start(&["example.test"], 8).await;
    let dns = world.dns();
    let zone = zone(&dns).await;
    let expected = fifty(&world);
    let before = dns.questions();
    wait(&dns, &zone, &expected, PropagationCheck::All, 20).await.outcome.unwrap();
    assert_eq!(dns.questions() - before, 50 * 8);
}

#[tokio::test]
async fn a_silent_server_is_not_asked_about_every_name() {
    let world = World::start(&["example.test"], 2).await;
    let dns = world.dns();
    let zone = zone(&dns).await;
    world.mood(1, Mood::Silent);
    let expected = fifty(&world);
    let before = dns.questions();
    wait(&dns, &zone, &expected, PropagationCheck::All, 20).await.outcome.unwrap();
    let asked = dns.questions() - before;
    assert!((51..60).contains(&asked), "{asked} questions");
}

#[tokio::test]
async fn few_questions_are_under_way_at_one_server() {
    let world = World::start(&["example.test"], 1).await;
    let slow = Slow::start(loopback(40, world.port()), loopback(2, world.port())).await;
    let ns = |entry: &acmite_lab::dns::Entry| entry.record.record_type() == RecordType::A;
    world.store.remove("example.test", ns).unwrap();
    world.add("example.test", "ns1.example.test", RecordType::A, &slow.address.ip().to_string());
    let expected = fifty(&world);
    let dns = world.dns();
    let zone = zone(&dns).await;
    wait(&dns, &zone, &expected, PropagationCheck::All, 20).await.outcome.unwrap();
    let most = slow.most_at_once();
    assert!((2..=8).contains(&most), "{most} at once");
}

#[test]
fn events_are_told_to_machines_with_their_facts() {
    let event = PropagationEvent::Lacking {
        server: Server::Resolver("tls://dns.example".parse().unwrap()),
        name: NAME.parse().unwrap(),
        answer: Answer::Failed { rcode: "SERVFAIL".into() },
    };
    let json = serde_json::to_value(&event).unwrap();
    let facts = serde_json::json!({
        "event": "lacking",
        "server": { "resolver": "tls://dns.example:853" },
        "name": NAME,
        "answer": { "failed": { "rcode": "SERVFAIL" } },
    });
    assert_eq!(json, facts);
}
