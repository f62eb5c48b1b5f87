//! What a provider is held to whose names hold one value each, written blindly: the cases of `values`, `check` and
//! `faults` as far as it can fulfil them, in duckdns.org with the names me, www and my.
#![expect(missing_docs, reason = "the name of a case says what it holds a provider to")]

use acmite::plugin::provider::Published;
use acmite::plugin::told::ErrorKind;
use acmite::plugin::wire::TxtRecord;
use acmite_lab::api::Fault;

use crate::conformance::adapters::Adapter;
use crate::conformance::bench::{Bench, Credential, Zone, record, told, zone};
use crate::conformance::faults::KINDS;

const ZONE: &str = "duckdns.org";

async fn start(adapter: &Adapter, credential: Credential) -> Bench {
    Bench::with(adapter, &[Zone::new(ZONE)], credential).await.expect("a mock")
}

fn name(label: &str) -> String {
    format!("_acme-challenge.{label}.{ZONE}")
}

fn ours() -> [TxtRecord; 3] {
    ["me", "www", "my"].map(|label| record(&name(label), &format!("value of {label} \"=&\\")))
}

pub async fn values_are_published_again_and_removed_and_foreign_ones_stay(adapter: &Adapter) {
    let bench = start(adapter, Credential::Right).await;
    let before = bench.records(ZONE);
    let mut published = Published::default();
    for _ in 0..2 {
        published = bench.provider.present(&zone(ZONE), &ours(), 60).await.expect("published");
        let during = bench.records(ZONE);
        assert!(before.iter().all(|record| during.contains(record)), "{during:#?}");
        assert_eq!(during.len(), before.len() + 3);
        assert_eq!(bench.txt(ZONE, &name("me")), ["value of me \"=&\\"]);
    }
    assert_eq!(bench.requests(), 2 * ours().len());
    bench.provider.cleanup(&zone(ZONE), &ours()[..1], &published).await.expect("removed");
    assert_eq!(bench.records(ZONE).len(), before.len() + 2);
    for published in [Published::default(), published] {
        bench.provider.cleanup(&zone(ZONE), &ours(), &published).await.expect("removed, the second time already");
        assert_eq!(bench.records(ZONE), before);
    }
}

/// The host brings one value after the other; were it not to, none would be lost unseen.
pub async fn a_second_value_at_one_name_is_unsupported(adapter: &Adapter) {
    let bench = start(adapter, Credential::Right).await;
    let both = [record(&name("me"), "apex"), record(&name("me"), "wildcard")];
    let told = told(bench.provider.present(&zone(ZONE), &both, 60).await);
    assert_eq!((told.kind, bench.requests()), (ErrorKind::Unsupported, 0), "{told}");
}

/// `check` cannot try the token without writing.
pub async fn a_wrong_token_is_denied_and_changes_nothing(adapter: &Adapter) {
    let bench = start(adapter, Credential::Wrong).await;
    let before = bench.records(ZONE);
    for told in [
        told(bench.provider.present(&zone(ZONE), &ours(), 60).await),
        told(bench.provider.cleanup(&zone(ZONE), &ours(), &Published::default()).await),
    ] {
        assert_eq!(told.kind, ErrorKind::Denied, "{told}");
        assert!(!told.to_string().contains(adapter.wrong_credential), "{told}");
    }
    assert_eq!(bench.records(ZONE), before);
}

pub async fn check_tells_of_another_zone_and_writes_nothing(adapter: &Adapter) {
    let bench = start(adapter, Credential::Right).await;
    bench.provider.check(Some(&zone(ZONE))).await.expect("its zone");
    bench.provider.check(None).await.expect("as far as can be told");
    let told = told(bench.provider.check(Some(&zone("example.test"))).await);
    assert_eq!((told.kind, bench.requests()), (ErrorKind::ZoneNotFound, 0), "{told}");
}

pub async fn each_status_becomes_its_kind_of_error(adapter: &Adapter) {
    let bench = start(adapter, Credential::Right).await;
    for (status, kind) in KINDS {
        bench.api().fail_next(1, &Fault::Status { status, retry_after: None });
        let told = told(bench.provider.present(&zone(ZONE), &ours()[..1], 60).await);
        assert_eq!((told.kind, told.status), (kind, Some(status)), "{told}");
    }
}

pub async fn a_publication_that_failed_is_completed_by_the_next_and_removed(adapter: &Adapter) {
    let bench = start(adapter, Credential::Right).await;
    let before = bench.records(ZONE);
    for (fault, kind) in [
        (Fault::Malformed, ErrorKind::Upstream),
        (Fault::BreaksOff, ErrorKind::Transient),
        (Fault::FailsAfter { status: 500 }, ErrorKind::Transient),
    ] {
        bench.api().fail_next(1, &fault);
        let told = told(bench.provider.present(&zone(ZONE), &ours(), 60).await);
        assert_eq!(told.kind, kind, "{told}");
        bench.provider.present(&zone(ZONE), &ours(), 60).await.expect("published");
        assert_eq!(bench.records(ZONE).len(), before.len() + 3);
        bench.provider.cleanup(&zone(ZONE), &ours(), &Published::default()).await.expect("removed");
        assert_eq!(bench.records(ZONE), before);
    }
}
