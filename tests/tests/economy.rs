//! One call a zone, however many names.

use acmite_tests::bind::bind;
use acmite_tests::name_server::soa_serial;
use acmite_tests::pebble::{Options, Version, pebble};
use acmite_tests::powerdns::powerdns;
use acmite_tests::proxy::Proxy;
use acmite_tests::scene::Scene;

fn fifty_names() -> Vec<String> {
    (0..50).map(|number| format!("host{number}.example.test")).collect()
}

#[test]
fn fifty_names_cost_powerdns_four_requests() {
    let Some(peer) = powerdns() else { return };
    peer.add_zone("example.test", 1, &[]);
    let Some(ca) = pebble(Version::Newest, peer.server.address, &Options::default()) else { return };
    let proxy = Proxy::start(&peer.api_url, None);
    Scene::powerdns(&peer, &proxy.url).issue(&ca).names(fifty_names()).run().expect_code(0);
    let methods: Vec<String> =
        proxy.request_lines().iter().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(methods, ["GET", "PATCH", "GET", "PATCH"]);
}

#[test]
fn fifty_names_cost_bind_two_updates() {
    let Some(server) = bind("hmac-sha256") else { return };
    let Some(ca) = pebble(Version::Newest, server.address, &Options::default()) else { return };
    Scene::rfc2136(&server).issue(&ca).names(fifty_names()).run().expect_code(0);
    // The zone began with serial 1, and each update adds one.
    assert_eq!(soa_serial(server.address, "example.test").expect("a serial"), 3);
    assert_eq!(server.log().matches("adding an RR at").count(), 50);
}
