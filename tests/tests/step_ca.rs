//! Certificates from a private CA, step-ca, as docs/step-ca.md describes it.

use std::path::Path;

use acmite_tests::acmite::Acmite;
use acmite_tests::openssl;
use acmite_tests::powerdns::powerdns;
use acmite_tests::process::peer;
use acmite_tests::scene::Scene;
use acmite_tests::step_ca::{ExternalKey, StepCa, step_ca, step_ca_that_binds};

/// `acmite issue` without a DNS provider.
fn issue(ca: &StepCa, state: &Path) -> Acmite {
    let run = Acmite::new("issue", state).args(["--server", &ca.directory, "--agree-tos", "--ca-bundle"]);
    run.args([&ca.ca_bundle])
}

#[test]
fn step_ca_issues_a_wildcard_and_its_apex() {
    let Some(peer) = powerdns() else { return };
    peer.add_zone("example.test", 1, &[]);
    let Some(ca) = step_ca(peer.server.address) else { return };
    let scene = Scene::powerdns(&peer, &peer.api_url);
    scene.issue(&ca).names(["*.example.test", "example.test"]).run().expect_code(0);
    let certificate = openssl::verify(&scene.live("example.test"), &ca.root_pem);
    assert_eq!(openssl::dns_names(&certificate), ["*.example.test", "example.test"]);
    assert_eq!(peer.server.all_txt("example.test"), Vec::<String>::new());
}

#[test]
fn step_ca_proves_a_name_and_an_address_by_http() {
    let Some(peer) = powerdns() else { return };
    peer.add_zone("example.test", 1, &[("www.example.test", "A", &["127.0.0.1"])]);
    let Some(ca) = step_ca(peer.server.address) else { return };
    let state = tempfile::tempdir().expect("a folder");
    let run = issue(&ca, state.path()).args(["--standalone", "--http-port", &ca.http_port.to_string()]);
    run.names(["www.example.test", "127.0.0.1"]).run().expect_code(0);
    let certificate = openssl::verify(&state.path().join("live/www.example.test"), &ca.root_pem);
    assert_eq!(openssl::dns_names(&certificate), ["www.example.test"]);
    assert!(certificate.contains("IP Address:127.0.0.1"), "{certificate}");
}

#[test]
fn step_ca_takes_a_request_that_names_by_its_common_name_alone() {
    let Some(peer) = powerdns() else { return };
    peer.add_zone("example.test", 1, &[]);
    let Some(ca) = step_ca(peer.server.address) else { return };
    let scene = Scene::powerdns(&peer, &peer.api_url);
    let (key, csr) = openssl::request(scene.folder(), "own", "/CN=example.test", &["-newkey", "ed25519"]);
    scene.issue(&ca).args(["--csr".as_ref(), csr.as_os_str()]).run().expect_code(0);
    let certificate = openssl::verify_with_key(&scene.live("example.test"), &key, &ca.root_pem);
    assert_eq!(openssl::dns_names(&certificate), ["example.test"]);
    assert!(certificate.contains("ED25519"), "{certificate}");
}

#[test]
fn step_ca_proves_a_name_by_tls_alpn() {
    let Some(peer) = powerdns() else { return };
    peer.add_zone("example.test", 1, &[("www.example.test", "A", &["127.0.0.1"])]);
    let Some(ca) = step_ca(peer.server.address) else { return };
    let state = tempfile::tempdir().expect("a folder");
    let run = issue(&ca, state.path()).args(["--tls-alpn", "--tls-port", &ca.tls_port.to_string()]);
    run.names(["www.example.test"]).run().expect_code(0);
    openssl::verify(&state.path().join("live/www.example.test"), &ca.root_pem);
}

#[test]
fn step_ca_binds_an_account_to_the_key_it_has_and_makes_none_without() {
    let Some(peer) = powerdns() else { return };
    peer.add_zone("example.test", 1, &[]);
    let key = ExternalKey { id: "kid-1", mac: "0123456789abcdef0123456789abcdef" };
    let Some(ca) = step_ca_that_binds(peer.server.address, key) else { return };
    let scene = Scene::powerdns(&peer, &peer.api_url);
    let file = |mac: &str| scene.private_file("mac-key", &data_encoding::BASE64URL_NOPAD.encode(mac.as_bytes()));
    let issue = || scene.issue(&ca).names(["example.test"]);
    let bound = |mac: &str| issue().args(["--eab-kid", key.id, "--eab-hmac-key-file"]).args([file(mac)]);
    let refused = issue().run().expect_code(2);
    assert!(refused.stderr.contains("--eab-kid"), "{refused}");
    assert_ne!(bound(&key.mac.replace('0', "1")).run().code, Some(0));
    bound(key.mac).run().expect_code(0);
    openssl::verify(&scene.live("example.test"), &ca.root_pem);
    // step-ca has forgotten the key's bytes, as it binds one account, and calls that an error of its own. Renewals need none.
    bound(key.mac).args(["--account", "other"]).run().expect_code(5);
    Acmite::new("renew --force", &scene.state()).run().expect_code(0);
}

#[test]
fn a_certificate_of_a_day_is_renewed_after_half_of_it_and_not_before() {
    let Some(server) = powerdns() else { return };
    let Some(faketime) = peer("faketime") else { return };
    server.add_zone("example.test", 1, &[]);
    let Some(ca) = step_ca(server.server.address) else { return };
    let scene = Scene::powerdns(&server, &server.api_url);
    scene.issue(&ca).names(["example.test"]).run().expect_code(0);
    let first = openssl::verify(&scene.live("example.test"), &ca.root_pem);
    let renew = || Acmite::new("renew", &scene.state());
    for (ahead, is_due) in [("+11h", false), ("+13h", true)] {
        renew().under(&faketime.to_string_lossy(), ["-f", ahead]).run().expect_code(0);
        let now = openssl::verify(&scene.live("example.test"), &ca.root_pem);
        assert_eq!(now != first, is_due, "{ahead}: {now}");
    }
}
