//! Runs that must not come to a certificate, and what they leave: nothing.

use std::path::PathBuf;

use acmite_tests::bind::bind;
use acmite_tests::knot;
use acmite_tests::name_server::{NameServer, TSIG_SECRET};
use acmite_tests::pebble::{Options, Pebble, Version, pebble};
use acmite_tests::powerdns::{PowerDns, powerdns};
use acmite_tests::proxy::Proxy;
use acmite_tests::scene::Scene;
use acmite_tests::tls;

const FOREIGN: [&str; 1] = ["_acme-challenge.example.test. foreign"];
const NAMES: [&str; 2] = ["example.test", "*.example.test"];

/// PowerDNS with a zone of two servers, of which the second never shows anything new.
fn peers() -> Option<(PowerDns, NameServer, Pebble)> {
    let peer = powerdns()?;
    peer.add_zone("example.test", 2, &[("_acme-challenge.example.test", "TXT", &["\"foreign\""])]);
    let laggard = knot::laggard(&peer.server)?;
    let ca = pebble(Version::Newest, peer.server.address, &Options::default())?;
    Some((peer, laggard, ca))
}

fn assert_clean(scene: &Scene, peer: &PowerDns) {
    assert_eq!(peer.server.all_txt("example.test"), FOREIGN);
    assert_eq!(scene.journal(), Vec::<PathBuf>::new());
    assert!(!scene.live("example.test").exists());
}

#[test]
fn credentials_that_others_may_read_are_refused_before_anything_is_contacted() {
    let Some((peer, _laggard, ca)) = peers() else { return };
    let proxy = Proxy::start(&peer.api_url, None);
    let scene = Scene::powerdns(&peer, &proxy.url);
    scene.set_credentials_mode(0o644);
    let before = ca.log();
    let done = scene.issue(&ca).names(NAMES).run().expect_code(3);
    let remedy = format!("chmod 600 {}", scene.credentials().display());
    assert!(done.stderr.contains(&remedy), "{done}");
    assert_eq!((proxy.requests().len(), ca.log()), (0, before));
}

#[test]
fn a_name_server_that_never_shows_the_records_is_named_when_the_time_is_up() {
    let Some((peer, laggard, ca)) = peers() else { return };
    let scene = Scene::powerdns(&peer, &peer.api_url);
    let done = scene.issue(&ca).names(NAMES).args(["--propagation-timeout", "3"]).run().expect_code(6);
    let errors: Vec<&str> = done.stderr.lines().filter(|line| line.contains("error")).collect();
    assert!(errors.iter().any(|line| line.contains(&laggard.address.to_string())), "{done}");
    assert!(!errors.iter().any(|line| line.contains(&peer.server.address.to_string())), "{done}");
    assert_clean(&scene, &peer);
}

#[test]
fn interrupted_while_it_waits_a_run_removes_its_records_first() {
    let Some((peer, _laggard, ca)) = peers() else { return };
    for signal in ["INT", "TERM"] {
        let scene = Scene::powerdns(&peer, &peer.api_url);
        let mut run = scene.issue(&ca).names(NAMES).args(["--json"]).start();
        run.await_event("published");
        assert_eq!(peer.server.all_txt("example.test").len(), FOREIGN.len() + NAMES.len());
        run.signal(signal);
        run.finish().expect_code(130);
        assert_clean(&scene, &peer);
    }
}

#[test]
fn a_wrong_api_key_has_its_own_exit_code_and_what_it_left_is_swept_with_the_right_one() {
    let Some((peer, _laggard, ca)) = peers() else { return };
    let scene = Scene::powerdns(&peer, &peer.api_url);
    scene.change_credentials(&peer.api_key, "wrong");
    scene.issue(&ca).names(NAMES).run().expect_code(4);
    scene.change_credentials("wrong", &peer.api_key);
    scene.cleanup().run().expect_code(0);
    assert_clean(&scene, &peer);
}

#[test]
fn a_profile_that_the_ca_does_not_offer_is_a_refusal() {
    let Some((peer, _laggard, mut ca)) = peers() else { return };
    ca.profile = Some("nonesuch");
    let scene = Scene::powerdns(&peer, &peer.api_url);
    scene.issue(&ca).names(NAMES).run().expect_code(5);
    assert_clean(&scene, &peer);
}

#[test]
fn a_ca_whose_own_certificate_nobody_vouches_for_is_not_talked_to() {
    let Some((peer, _laggard, mut ca)) = peers() else { return };
    let scene = Scene::powerdns(&peer, &peer.api_url);
    let stranger = scene.folder().join("stranger.pem");
    std::fs::write(&stranger, tls::localhost().root).expect("written");
    ca.ca_bundle = stranger;
    let done = scene.issue(&ca).names(NAMES).run().expect_code(9);
    let expected = format!("error: the TLS certificate of {} is not trusted", ca.directory);
    assert!(done.stderr.starts_with(&expected) && done.stderr.contains("--ca-bundle"), "{done}");
    assert_clean(&scene, &peer);
}

#[test]
fn checking_a_provider_tells_right_credentials_from_wrong_ones() {
    let Some((peer, _laggard, _ca)) = peers() else { return };
    let Some(server) = bind("hmac-sha256") else { return };
    let wrong_secret = "d3Jvbmctc2VjcmV0LXdyb25nLXNlY3JldA==";
    let scenes = [
        (Scene::powerdns(&peer, &peer.api_url), peer.api_key.as_str(), "wrong"),
        (Scene::rfc2136(&server), TSIG_SECRET, wrong_secret),
    ];
    for (scene, right, wrong) in scenes {
        scene.check().args(["--zone", "example.test"]).run().expect_code(0);
        scene.change_credentials(right, wrong);
        let done = scene.check().args(["--zone", "example.test"]).run().expect_code(4);
        assert!(!done.to_string().contains(wrong), "{done}");
    }
    assert_eq!(peer.server.all_txt("example.test"), FOREIGN);
}
