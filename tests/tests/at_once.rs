//! How many certificates are worked on at once, as the CA sees it, and what a limit of the CA's does to all of them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use acmite_lab::ca::{Endpoint, Fault, RequestLog};
use acmite_tests::acmite::Acmite;
use acmite_tests::faults::World;

const CERTIFICATES: usize = 8;

/// `acmite apply` of certificates of one name each.
fn apply(world: &World, at_once: usize) -> Vec<RequestLog> {
    let certificates: String = (0..CERTIFICATES)
        .map(|number| format!("[certificate.host{number}]\nnames = [\"host{number}.example.test\"]\n"))
        .collect();
    let file = world.describe(&certificates);
    let sent = world.lab.ca.requests().len();
    let run = Acmite::new("apply", &world.fresh_state()).args(["--at-once", &at_once.to_string()]);
    run.args(["--config".as_ref(), file.as_os_str()]).run().expect_code(0);
    world.lab.ca.requests().split_off(sent)
}

/// The most orders that were open together: from the request for one to that for its certificate.
fn most_open(requests: &[RequestLog]) -> usize {
    let (mut open, mut most) = (0, 0);
    for request in requests {
        match request.endpoint {
            Endpoint::NewOrder => open += 1,
            Endpoint::Certificate => open -= 1,
            _ => {}
        }
        most = most.max(open);
    }
    assert_eq!(open, 0, "an order without a certificate");
    most
}

#[test]
fn no_more_orders_than_asked_for_are_open_at_once() {
    let world = World::start();
    assert_eq!(most_open(&apply(&world, 1)), 1);
    let most = most_open(&apply(&world, 3));
    assert!((2..=3).contains(&most), "{most} at once");
}

/// Those that had been sent by then come nevertheless, and nothing else.
#[test]
fn a_limit_that_one_order_meets_holds_the_others_back() {
    let world = World::start();
    let limit = Fault::Status { status: 429, retry_after: Some(LIMIT.as_secs().try_into().unwrap()) };
    world.lab.ca.fail_next(1, Some(Endpoint::NewOrder), &limit);
    let requests = apply(&world, 4);
    let orders: Vec<&RequestLog> = requests.iter().filter(|one| one.endpoint == Endpoint::NewOrder).collect();
    let limited = orders.iter().find(|one| one.status == 429).unwrap();
    let during = |one: &&&RequestLog| one.at > limited.at && one.at < limited.at + LIMIT;
    let during = orders.iter().filter(during).count();
    assert!(during <= 3, "{during} orders in spite of the limit");
    assert_eq!(orders.iter().filter(|one| one.status == 201).count(), CERTIFICATES);
}

const LIMIT: Duration = Duration::from_secs(4);
