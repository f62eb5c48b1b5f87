//! How often acmite connects, counted where it connects to.

use acmite_tests::faults::World;

#[test]
fn one_connection_to_the_ca_serves_a_whole_issuance() {
    let world = World::start();
    let fifty: Vec<String> = (0..50).map(|number| format!("host{number}.example.test")).collect();
    let wildcard = vec!["example.test".to_owned(), "*.example.test".to_owned()];
    for names in [wildcard, fifty] {
        let (ca, api) = (world.lab.ca.connections(), world.lab.powerdns.connections());
        let (ca_requests, api_requests) = (world.lab.ca.requests().len(), world.lab.powerdns.requests().len());
        world.issue_any(&world.fresh_state()).names(&names).run().expect_code(0);
        let (ca_now, api_now) = (world.lab.ca.connections(), world.lab.powerdns.connections());
        assert!(world.lab.ca.requests().len() - ca_requests > names.len(), "all of them over this connection");
        assert_eq!(ca_now.taken - ca.taken, 1, "{names:?}");
        assert_eq!(ca_now.full_handshakes - ca.full_handshakes, 1);
        assert_eq!(ca_now.resumed_handshakes, 0);
        assert_eq!(world.lab.powerdns.requests().len() - api_requests, 4);
        assert_eq!(api_now.taken - api.taken, 1, "{names:?}");
    }
}

#[test]
fn the_systems_roots_are_read_once_and_only_for_who_is_not_trusted_by_the_bundle() {
    let world = World::start();
    for (run, times) in [(world.issue(&world.fresh_state()), 0), (world.issue_by_system_roots(&world.fresh_state()), 1)]
    {
        let done = run.args(["-vv"]).run().expect_code(0);
        assert_eq!(done.stderr.matches("reading the system's root certificates").count(), times, "{done}");
    }
}

#[test]
fn a_name_is_asked_for_once_before_its_record_is_published_and_once_at_each_server_after() {
    let world = World::start();
    let fifty: Vec<String> = (0..50).map(|number| format!("host{number}.example.test")).collect();
    world.issue_any(&world.fresh_state()).names(&fifty).run().expect_code(0);
    let asked = world.lab.dns.queries();
    let about = |name: &str| asked.iter().filter(|query| query.name == format!("_acme-challenge.{name}")).count();
    // One more is the CA's. A datagram that a busy machine lets wait for most of a second is sent again.
    let again = fifty.iter().filter(|name| about(name) > 3).count();
    assert!(fifty.iter().all(|name| about(name) >= 3), "{asked:?}");
    assert!(again <= fifty.len() / 10, "{again} names are asked for more often");
    // SOA, NS, A and AAAA.
    let of_the_zone = asked.iter().filter(|query| !query.name.starts_with("_acme-challenge.")).count();
    assert!((4..=6).contains(&of_the_zone), "{of_the_zone}");
}
