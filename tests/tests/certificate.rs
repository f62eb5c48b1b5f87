//! What can be asked of a certificate, and a private CA.

use acmite_tests::acmite::Acmite;
use acmite_tests::openssl;
use acmite_tests::pebble::{Options, Pebble, Version, pebble};
use acmite_tests::powerdns::{PowerDns, powerdns};
use acmite_tests::scene::Scene;

fn peers(version: Version) -> Option<(PowerDns, Pebble, Scene)> {
    let peer = powerdns()?;
    peer.add_zone("example.test", 1, &[]);
    let ca = pebble(version, peer.server.address, &Options::default())?;
    let scene = Scene::powerdns(&peer, &peer.api_url);
    Some((peer, ca, scene))
}

#[test]
fn the_key_is_of_the_type_that_was_asked_for() {
    let Some((_peer, ca, scene)) = peers(Version::Newest) else { return };
    let types = [("p256", "ASN1 OID: prime256v1"), ("p384", "ASN1 OID: secp384r1"), ("rsa2048", "(2048 bit)")];
    for (kind, shown) in types {
        let name = format!("{kind}.example.test");
        scene.issue(&ca).args(["--key-type", kind]).names([&name]).run().expect_code(0);
        let certificate = openssl::verify(&scene.live(&name), &ca.issuing_root());
        assert!(certificate.contains(shown), "{kind}: {certificate}");
    }
}

#[test]
fn a_name_in_unicode_is_certified_as_its_a_label() {
    let Some((_peer, ca, scene)) = peers(Version::Newest) else { return };
    scene.issue(&ca).names(["bücher.example.test", "*.Bücher.example.test"]).run().expect_code(0);
    let name = "xn--bcher-kva.example.test";
    let certificate = openssl::verify(&scene.live(name), &ca.issuing_root());
    assert_eq!(openssl::dns_names(&certificate), [&format!("*.{name}"), name]);
}

#[test]
fn a_certificate_is_found_by_its_names_as_they_may_be_written_and_no_two_share_a_folder() {
    let Some((_peer, ca, scene)) = peers(Version::Newest) else { return };
    let state = scene.state();
    scene.issue(&ca).names(["bücher.example.test", "*.bücher.example.test"]).run().expect_code(0);
    let kept = "xn--bcher-kva.example.test";
    for name in [kept, "bücher.example.test", "*.Bücher.Example.TEST."] {
        let shown = Acmite::new("show", &state).args([name]).run().expect_code(0);
        assert!(shown.stdout.contains(kept), "{shown}");
    }
    let renewed = Acmite::new("renew --json --force *.Bücher.example.test", &state).args([kept]).run().expect_code(0);
    let last = renewed.events().pop().expect("a report");
    assert_eq!(last["certificates"].as_array().map(Vec::len), Some(1), "{renewed}");
    for name in ["a/b", "a b", "*.example.test", ".a", ""] {
        let refused = scene.issue(&ca).names(["example.test"]).args(["--cert-name", name]).run().expect_code(2);
        assert!(refused.stderr.contains("its name is that of a folder"), "{refused}");
    }
    Acmite::new("show a_b", &state).run().expect_code(2);
    Acmite::new("delete bücher.example.test", &state).run().expect_code(0);
    assert!(!scene.live(kept).exists());
}

#[test]
fn the_profile_that_is_named_is_the_one_that_is_used() {
    let Some((_peer, mut ca, scene)) = peers(Version::Newest) else { return };
    ca.profile = Some("shortlived");
    scene.issue(&ca).names(["example.test"]).run().expect_code(0);
    openssl::verify(&scene.live("example.test"), &ca.issuing_root());
    let file = scene.live("example.test").join("cert.pem").display().to_string();
    let ends = |seconds: &str| openssl::says_no(&["x509", "-in", &file, "-noout", "-checkend", seconds]);
    assert!(!ends("430000") && ends("604800"), "it is not of six days");
}

#[test]
fn every_line_of_json_is_an_event_and_the_last_one_names_the_files() {
    for version in Version::BOTH {
        let Some((_peer, ca, scene)) = peers(version) else { return };
        let done = scene.issue(&ca).args(["--json"]).names(["example.test"]).run().expect_code(0);
        let events = done.events();
        let kinds: Vec<&str> = events.iter().map(|one| one["event"].as_str().expect("an event")).collect();
        let position =
            |kind: &str| kinds.iter().position(|one| *one == kind).unwrap_or_else(|| panic!("{kind}: {done}"));
        let order =
            ["order", "zone-found", "publishing", "published", "propagated", "answered", "proven", "cleaned-up"];
        assert!(order.map(position).is_sorted(), "{done}");
        let last = events.last().expect("an event");
        let key = scene.live("example.test").join("privkey.pem").display().to_string();
        assert_eq!((last["event"].as_str(), last["privkey"].as_str()), (Some("issued"), Some(key.as_str())));
        assert_eq!(done.stderr, "");
    }
}

#[test]
fn a_second_run_uses_the_account_of_the_first() {
    let Some((_peer, ca, scene)) = peers(Version::Debian) else { return };
    let account = |name: &str| {
        let done = scene.issue(&ca).args(["--json"]).names([name]).run().expect_code(0);
        let event = done.events().into_iter().find(|one| one["event"] == "account").expect("an account");
        (event["url"].clone(), event["created"].as_bool())
    };
    let (first, second) = (account("one.example.test"), account("two.example.test"));
    assert_eq!((first.1, second.1), (Some(true), Some(false)));
    assert_eq!(first.0, second.0);
}

#[test]
fn the_chain_is_the_one_whose_root_was_preferred() {
    let Some(peer) = powerdns() else { return };
    peer.add_zone("example.test", 1, &[]);
    let options = Options { alternate_roots: 2, ..Options::default() };
    let Some(ca) = pebble(Version::Newest, peer.server.address, &options) else { return };
    let scene = Scene::powerdns(&peer, &peer.api_url);
    for number in [2, 0, 1] {
        let root = ca.root(number);
        let name = openssl::subject_name(&root);
        scene.issue(&ca).args(["--preferred-chain", &name]).names(["example.test"]).run().expect_code(0);
        openssl::verify(&scene.live("example.test"), &root);
    }
    let run = scene.issue(&ca).args(["-q", "--preferred-chain", "Old Root"]).names(["example.test"]);
    let other = run.run().expect_code(0);
    assert!(other.stderr.contains("no chain with an issuer \"Old Root\"; its own choice is stored"), "{other}");
    assert!(other.stderr.contains(&openssl::subject_name(&ca.root(0))), "{other}");
}

#[test]
fn an_account_is_bound_to_another_one_where_the_ca_demands_it() {
    let Some(peer) = powerdns() else { return };
    peer.add_zone("example.test", 1, &[]);
    let mac_key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let more = serde_json::json!({
        "externalAccountBindingRequired": true, "externalAccountMACKeys": {"kid-1": mac_key},
    });
    for version in Version::BOTH {
        let options = Options { more: more.as_object().expect("an object").clone(), ..Options::default() };
        let Some(ca) = pebble(version, peer.server.address, &options) else { return };
        let scene = Scene::powerdns(&peer, &peer.api_url);
        scene.issue(&ca).names(["example.test"]).run().expect_code(2);
        let file = scene.private_file("mac-key", mac_key).display().to_string();
        let bound = |kid: &str| scene.issue(&ca).args(["--eab-kid", kid, "--eab-hmac-key-file", &file]);
        bound("kid-2").names(["example.test"]).run().expect_code(5);
        bound("kid-1").names(["example.test"]).run().expect_code(0);
        openssl::verify(&scene.live("example.test"), &ca.issuing_root());
    }
}
