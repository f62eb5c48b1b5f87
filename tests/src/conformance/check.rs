//! `check` tells whether settings and credential work, and writes nothing.
#![expect(missing_docs, reason = "the name of a case says what it holds a provider to")]

use acmite::plugin::told::ErrorKind;

use crate::conformance::adapters::Adapter;
use crate::conformance::bench::{Bench, Credential, Zone, record, told, zone};

pub async fn check_passes_with_the_right_credential(adapter: &Adapter) {
    let Some(bench) = Bench::start(adapter).await else { return };
    let before = bench.records("example.test");
    bench.provider.check(Some(&zone("example.test"))).await.expect("settings that work");
    bench.provider.check(None).await.expect("settings that work, as far as can be told");
    assert_eq!(bench.records("example.test"), before);
}

pub async fn check_tells_of_a_zone_the_account_lacks(adapter: &Adapter) {
    let Some(bench) = Bench::start(adapter).await else { return };
    let told = told(bench.provider.check(Some(&zone("absent.test"))).await);
    assert_eq!(told.kind, ErrorKind::ZoneNotFound, "{told}");
}

pub async fn a_wrong_credential_is_denied_and_changes_nothing(adapter: &Adapter) {
    let zones = [Zone::new("example.test")];
    let Some(bench) = Bench::with(adapter, &zones, Credential::Wrong).await else { return };
    let before = bench.records("example.test");
    let apex = zone("example.test");
    let records = [record("_acme-challenge.example.test", "foreign")];
    let published = acmite::plugin::provider::Published::default();
    let present = bench.present(&[record("_acme-challenge.example.test", "ours")]).await;
    assert!(present.as_ref().is_err_and(|error| !error.has_written), "nothing is to be removed");
    for told in
        [told(bench.provider.check(Some(&apex)).await), told(present), told(bench.cleanup(&records, &published).await)]
    {
        assert_eq!(told.kind, ErrorKind::Denied, "{told}");
        assert!(!told.to_string().contains(adapter.wrong_credential), "{told}");
    }
    assert_eq!(bench.records("example.test"), before);
}
