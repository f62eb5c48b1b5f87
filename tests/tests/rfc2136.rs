//! The rfc2136 provider, compiled and in the sandbox, against real name servers.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use acmite::plugin::overrides::OriginOverrides;
use acmite::plugin::provider::{CallFault, Provider};
use acmite::plugin::told::ErrorKind;
use acmite::plugin::wire::TxtRecord;
use acmite_tests::bind::{bind, bind_for_one_name};
use acmite_tests::knot::knot;
use acmite_tests::name_server::{NameServer, TSIG_SECRET};
use acmite_tests::pebble::{Options, Version, pebble};
use acmite_tests::plugins;
use acmite_tests::scene::Scene;

fn provider(server: &NameServer, algorithm: &str, secret: &str) -> Provider {
    let settings = [
        ("server", server.address.to_string()),
        ("tsig_key_name", "acmite".to_owned()),
        ("tsig_algorithm", algorithm.to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let secrets = vec![("tsig_secret".to_owned(), secret.as_bytes().to_vec().into())];
    Provider::new(plugins::load("rfc2136"), settings, secrets, None, &OriginOverrides::default()).unwrap()
}

fn record(name: &str, value: &str) -> TxtRecord {
    TxtRecord { name: name.parse().unwrap(), value: value.into() }
}

const NAME: &str = "_acme-challenge.example.test";

/// What else there is to publishing is in the conformance suite.
async fn publishes_and_removes(server: &NameServer, algorithm: &str) {
    let provider = provider(server, algorithm, TSIG_SECRET);
    let zone = "example.test".parse().unwrap();
    let records = [record(NAME, "apex"), record(NAME, "wildcard")];
    provider.check(Some(&zone)).await.unwrap();
    let published = provider.present(&zone, &records, 60).await.unwrap();
    assert_eq!(server.txt(NAME).unwrap(), ["apex", "foreign", "wildcard"]);
    provider.cleanup(&zone, &records, &published).await.unwrap();
    assert_eq!(server.txt(NAME).unwrap(), ["foreign"]);
}

#[tokio::test]
async fn bind_takes_and_gives_back_values_with_every_algorithm() {
    for algorithm in ["hmac-sha256", "hmac-sha384", "hmac-sha512"] {
        let Some(server) = bind(algorithm) else { return };
        publishes_and_removes(&server, algorithm).await;
    }
}

#[tokio::test]
async fn knot_takes_and_gives_back_values_with_every_algorithm() {
    for algorithm in ["hmac-sha256", "hmac-sha384", "hmac-sha512"] {
        let Some(server) = knot(algorithm) else { return };
        publishes_and_removes(&server, algorithm).await;
    }
}

#[tokio::test]
async fn a_wrong_secret_is_denied_and_changes_nothing() {
    for server in [bind("hmac-sha256"), knot("hmac-sha256")].into_iter().flatten() {
        let provider = provider(&server, "hmac-sha256", "d3Jvbmctc2VjcmV0LXdyb25nLXNlY3JldA==");
        let zone = "example.test".parse().unwrap();
        let error = provider.present(&zone, &[record(NAME, "apex")], 60).await.unwrap_err();
        let CallFault::Told(told) = &error.fault else { panic!("{error}") };
        assert_eq!((told.kind, told.code.as_str()), (ErrorKind::Denied, "BADSIG"), "{error}");
        assert_eq!(server.txt(NAME).unwrap(), ["foreign"]);
    }
}

/// A wrong key, a right that is missing and a zone that is not there are three things to do something else about.
#[test]
fn bind_tells_a_wrong_key_from_a_missing_right_and_from_a_missing_zone() {
    let Some(server) = bind_for_one_name("_acme-challenge.allowed.example.test") else { return };
    let Some(ca) = pebble(Version::Newest, server.address, &Options::default()) else { return };
    for (from, to, zone, code, kind) in [
        ("\"acmite\"", "\"another\"", "example.test", 4, "denied"),
        (TSIG_SECRET, "d3Jvbmctc2VjcmV0LXdyb25nLXNlY3JldA==", "example.test", 4, "denied"),
        ("", "", "absent.test", 8, "zone-not-found"),
    ] {
        let scene = Scene::rfc2136(&server);
        scene.change_credentials(from, to);
        let done = scene.check().args(["--json", "--zone", zone]).run().expect_code(code);
        assert_eq!(done.events()[0]["kind"], kind, "{done}");
    }
    let scene = Scene::rfc2136(&server);
    // Nothing but an update tells what a key may update.
    scene.check().args(["--zone", "example.test"]).run().expect_code(0);
    for done in [scene.issue(&ca).names(["example.test"]).run(), scene.test("example.test").run()] {
        let done = done.expect_code(4);
        assert!(done.stderr.contains("the key may not do this in example.test; allow it TXT updates there"), "{done}");
    }
    assert_eq!((server.all_txt("example.test").len(), scene.journal().len()), (1, 0));
    scene.issue(&ca).names(["allowed.example.test"]).run().expect_code(0);
    assert_eq!((server.all_txt("example.test").len(), scene.journal().len()), (1, 0));
}

#[test]
fn the_file_of_certbots_plugin_works_unchanged_with_its_port() {
    let Some(server) = bind("hmac-sha256") else { return };
    let text = format!(
        "# Target DNS server\ndns_rfc2136_server = {}\n# Target DNS port\ndns_rfc2136_port = {}\n\
         dns_rfc2136_name = acmite.\ndns_rfc2136_secret = {TSIG_SECRET}\ndns_rfc2136_algorithm = HMAC-SHA256\n\
         # TSIG sign SOA query\ndns_rfc2136_sign_query = false\n",
        server.address.ip(),
        server.address.port()
    );
    let scene = Scene::new("rfc2136", server.address, &text);
    let done = scene.check().args(["--zone", "example.test"]).run().expect_code(0);
    assert!(done.stderr.contains("dns_rfc2136_sign_query is passed over"), "{done}");
}
