//! What a validating resolver makes of the values.

use std::sync::atomic::{AtomicUsize, Ordering};

use acmite::dns::{PropagationCheck, PropagationError, PropagationEvent};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;

use crate::propagation::{NAME, Waited, expect, wait, zone};
use crate::world::{Act, Scripted, World, asked, dns, loopback, reply};

/// Publishes a value in a signed zone and waits for it with a resolver that does as `script` says about the challenge.
async fn seen_through(script: impl Fn(&Message) -> Act + Send + Sync + 'static, seconds: u64) -> (Waited, u64) {
    let world = World::start(&["example.test"], 2).await;
    let resolver = Scripted::start(loopback(20, world.port()), world.resolver.resolver_addr(), move |request| {
        let is_challenge = asked(request).starts_with("_acme") && request.queries[0].query_type() == RecordType::TXT;
        if is_challenge { script(request) } else { Act::PassValidated }
    })
    .await;
    let dns = dns(&[resolver.address]);
    let zone = zone(&dns).await;
    world.add("example.test", NAME, RecordType::TXT, "one");
    let before = dns.questions();
    let waited = wait(&dns, &zone, &expect(&["one"]), PropagationCheck::All, seconds).await;
    (waited, dns.questions() - before)
}

fn validated(waited: &Waited) -> bool {
    waited.has(|event| matches!(event, PropagationEvent::Validated { .. }))
}

fn bogus(waited: &Waited) -> bool {
    waited.has(|event| matches!(event, PropagationEvent::Bogus { .. }))
}

fn withheld(request: &Message) -> Act {
    if request.metadata.checking_disabled { Act::Pass } else { Act::Send(vec![reply(request, ResponseCode::ServFail)]) }
}

#[tokio::test]
async fn values_of_a_signed_zone_are_asked_of_the_validating_resolver_once() {
    let (waited, questions) = seen_through(|_| Act::PassValidated, 20).await;
    waited.outcome.as_ref().unwrap();
    assert!(validated(&waited));
    assert_eq!(questions, 2 + 1);
}

#[tokio::test]
async fn signatures_that_do_not_hold_are_waited_for_and_then_told() {
    let (waited, _) = seen_through(withheld, 2).await;
    assert!(bogus(&waited) && !validated(&waited));
    let error = waited.outcome.unwrap_err();
    assert!(matches!(&error, PropagationError::Bogus { laggards, .. } if laggards.len() == 1), "{error}");
    let text = error.to_string();
    assert!(text.contains("name servers of example.test show every value"), "{text}");
    assert!(text.contains("resolver 127.0.0.20") && text.contains("SERVFAIL"), "{text}");
}

#[tokio::test]
async fn signatures_that_hold_a_little_later_are_good_enough() {
    let answers = AtomicUsize::new(0);
    let late = move |request: &Message| match answers.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => withheld(request),
        _ => Act::PassValidated,
    };
    let (waited, questions) = seen_through(late, 20).await;
    waited.outcome.as_ref().unwrap();
    assert!(bogus(&waited) && validated(&waited));
    assert_eq!(questions, 2 + 3);
}

#[tokio::test]
async fn a_resolver_that_fails_or_lags_behind_decides_nothing() {
    for code in [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::NXDomain] {
        let (waited, _) = seen_through(move |request| Act::Send(vec![reply(request, code)]), 20).await;
        waited.outcome.as_ref().unwrap();
        assert!(!validated(&waited) && !bogus(&waited));
    }
}
