//! The rfc2136 provider, compiled and in the sandbox, against real name servers.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use acmite::plugin::overrides::OriginOverrides;
use acmite::plugin::provider::{CallFault, Provider};
use acmite::plugin::told::ErrorKind;
use acmite::plugin::wire::TxtRecord;
use acmite_tests::bind::bind;
use acmite_tests::knot::knot;
use acmite_tests::name_server::{NameServer, TSIG_SECRET};
use acmite_tests::plugins;

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
