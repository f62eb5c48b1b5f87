//! Certificates from real CAs, by records at real providers.

use acmite_tests::bind::{bind, bind_signed};
use acmite_tests::knot::knot;
use acmite_tests::name_server::NameServer;
use acmite_tests::openssl;
use acmite_tests::pebble::{Options, Version, pebble};
use acmite_tests::powerdns::powerdns;
use acmite_tests::proxy::Proxy;
use acmite_tests::scene::Scene;
use acmite_tests::unbound::unbound;

/// What is in the zone besides, at one of the names that are used.
const FOREIGN: [&str; 1] = ["_acme-challenge.example.test. foreign"];

fn fifty_names() -> Vec<String> {
    (0..50).map(|number| format!("host{number}.example.test")).collect()
}

/// Issues for apex and wildcard, and for fifty names, and looks at what is left.
fn issues_and_leaves_nothing(scene: &Scene, server: &NameServer, version: Version, refused_nonces: u8) {
    let Some(ca) = pebble(version, server.address, &Options { refused_nonces, ..Options::default() }) else { return };
    let pair = ["example.test".to_owned(), "*.example.test".to_owned()];
    for names in [pair.to_vec(), fifty_names()] {
        let done = scene.issue(&ca).names(&names).run().expect_code(0);
        assert_eq!(server.all_txt("example.test"), FOREIGN, "{done}");
        let mut expected = names.clone();
        expected.sort();
        let certificate = openssl::verify(&scene.live(&names[0]), &ca.issuing_root());
        assert_eq!(openssl::dns_names(&certificate), expected);
        assert_eq!(scene.journal(), Vec::<std::path::PathBuf>::new());
    }
}

fn by_powerdns(version: Version, refused_nonces: u8) {
    let Some(peer) = powerdns() else { return };
    peer.add_zone("example.test", 1, &[("_acme-challenge.example.test", "TXT", &["\"foreign\""])]);
    issues_and_leaves_nothing(&Scene::powerdns(&peer, &peer.api_url), &peer.server, version, refused_nonces);
}

#[test]
fn the_newest_pebble_issues_by_powerdns() {
    by_powerdns(Version::Newest, 0);
}

#[test]
fn the_newest_pebble_issues_by_powerdns_though_it_refuses_half_of_all_nonces() {
    by_powerdns(Version::Newest, 50);
}

#[test]
fn debians_pebble_issues_by_powerdns() {
    by_powerdns(Version::Debian, 0);
}

#[test]
fn debians_pebble_issues_by_powerdns_though_it_refuses_half_of_all_nonces() {
    by_powerdns(Version::Debian, 50);
}

#[test]
fn both_pebbles_issue_by_updates_to_bind_also_when_they_refuse_half_of_all_nonces() {
    for version in Version::BOTH {
        for refused_nonces in [0, 50] {
            let Some(server) = bind("hmac-sha256") else { return };
            issues_and_leaves_nothing(&Scene::rfc2136(&server), &server, version, refused_nonces);
        }
    }
}

#[test]
fn both_pebbles_issue_by_updates_to_knot_also_when_they_refuse_half_of_all_nonces() {
    for version in Version::BOTH {
        for refused_nonces in [0, 50] {
            let Some(server) = knot("hmac-sha256") else { return };
            issues_and_leaves_nothing(&Scene::rfc2136(&server), &server, version, refused_nonces);
        }
    }
}

#[test]
fn a_name_delegated_to_another_zone_is_proven_there_and_its_own_zone_is_not_asked_for() {
    let Some(peer) = powerdns() else { return };
    let target = ["_acme-challenge.example.validation.test."];
    peer.add_zone("example.test", 1, &[("_acme-challenge.example.test", "CNAME", &target)]);
    peer.add_zone("validation.test", 1, &[("_acme-challenge.example.validation.test", "TXT", &["\"foreign\""])]);
    for version in Version::BOTH {
        let Some(ca) = pebble(version, peer.server.address, &Options::default()) else { return };
        let proxy = Proxy::start(&peer.api_url, None);
        let scene = Scene::powerdns(&peer, &proxy.url);
        scene.issue(&ca).names(["example.test", "*.example.test"]).run().expect_code(0);
        openssl::verify(&scene.live("example.test"), &ca.issuing_root());
        let lines = proxy.request_lines();
        assert!(!lines.is_empty() && lines.iter().all(|line| line.contains("/zones/validation.test.")), "{lines:?}");
        assert_eq!(peer.server.all_txt("validation.test"), ["_acme-challenge.example.validation.test. foreign"]);
    }
}

#[test]
fn names_of_two_zones_stand_in_one_certificate() {
    let Some(peer) = powerdns() else { return };
    for zone in ["example.test", "another.test"] {
        peer.add_zone(zone, 1, &[]);
    }
    let Some(ca) = pebble(Version::Newest, peer.server.address, &Options::default()) else { return };
    let scene = Scene::powerdns(&peer, &peer.api_url);
    scene.issue(&ca).names(["example.test", "*.another.test"]).run().expect_code(0);
    let certificate = openssl::verify(&scene.live("example.test"), &ca.issuing_root());
    assert_eq!(openssl::dns_names(&certificate), ["*.another.test", "example.test"]);
    for zone in ["example.test", "another.test"] {
        assert_eq!(peer.server.all_txt(zone), Vec::<String>::new());
    }
}

#[test]
fn values_in_a_zone_that_bind_signs_are_validated_by_a_resolver_before_the_ca_is_told() {
    let Some((server, anchor)) = bind_signed("hmac-sha256") else { return };
    let Some(resolver) = unbound(&server, &anchor) else { return };
    let Some(ca) = pebble(Version::Newest, server.address, &Options::default()) else { return };
    let scene = Scene::rfc2136_through(&server, resolver.address);
    let done = scene.issue(&ca).args(["--json"]).names(["example.test", "*.example.test"]).run().expect_code(0);
    let said = done.to_string();
    let validated = said.find("\"event\":\"validated\"").unwrap_or_else(|| panic!("{said}"));
    let answered = said.find("\"event\":\"answered\"").unwrap_or_else(|| panic!("{said}"));
    assert!(validated < answered, "{said}");
    openssl::verify(&scene.live("example.test"), &ca.issuing_root());
}
