//! Values are published and removed, and nothing else is touched.
#![expect(missing_docs, reason = "the name of a case says what it holds a provider to")]

use acmite::plugin::provider::{Published, Settlement};
use acmite::plugin::wire::TxtRecord;

use crate::conformance::adapters::{Adapter, NAMES};
use crate::conformance::bench::{Bench, record, zone};

const NAME: &str = "_acme-challenge.example.test";
const ZONE: &str = "example.test";

fn apex_and_wildcard() -> [TxtRecord; 2] {
    [record(NAME, "apex"), record(NAME, "wildcard")]
}

/// Wildcard and apex: two values at one name, beside a foreign one.
pub async fn two_values_share_one_name(adapter: &Adapter) {
    let Some(bench) = Bench::start(adapter).await else { return };
    let published = bench.present(&apex_and_wildcard()).await.expect("published");
    assert_eq!(bench.txt(ZONE, NAME), ["apex", "foreign", "wildcard"]);
    bench.cleanup(&apex_and_wildcard(), &published).await.expect("removed");
    assert_eq!(bench.txt(ZONE, NAME), ["foreign"]);
}

pub async fn names_cost_as_many_requests_as_is_documented(adapter: &Adapter) {
    for (index, names) in NAMES.into_iter().enumerate() {
        let Some(bench) = Bench::start(adapter).await else { return };
        let before = bench.records(ZONE);
        let name = |number| format!("_acme-challenge.h{number}.example.test");
        let records = |number| record(&name(number), &format!("value-{number}"));
        let records: Vec<TxtRecord> = (0..names).map(records).collect();
        let published = bench.present(&records).await.expect("published");
        let present = bench.requests();
        assert!((0..names).all(|number| bench.txt(ZONE, &name(number)) == [format!("value-{number}")]));
        bench.cleanup(&records, &published).await.expect("removed");
        let cleanup = bench.requests() - present;
        let documented = (adapter.costs.present[index], adapter.costs.cleanup[index]);
        assert_eq!((present, cleanup), documented, "requests of present and cleanup for {names} names");
        assert_eq!(bench.records(ZONE), before);
    }
}

pub async fn a_repeated_present_changes_nothing(adapter: &Adapter) {
    let Some(bench) = Bench::start(adapter).await else { return };
    bench.present(&apex_and_wildcard()).await.expect("published");
    let (records, writes) = (bench.records(ZONE), bench.writes());
    let published = bench.present(&apex_and_wildcard()).await.expect("published again");
    assert_eq!(bench.records(ZONE), records);
    if matches!(adapter.back, crate::conformance::adapters::Back::Mock { .. }) {
        assert_eq!(bench.writes(), writes, "the second present wrote");
    }
    bench.cleanup(&apex_and_wildcard(), &published).await.expect("removed with the second state");
    assert_eq!(bench.txt(ZONE, NAME), ["foreign"]);
}

pub async fn cleanup_works_without_state(adapter: &Adapter) {
    let Some(bench) = Bench::start(adapter).await else { return };
    let before = bench.records(ZONE);
    let records = [record(NAME, "apex"), record("_acme-challenge.www.example.test", "www")];
    bench.present(&records).await.expect("published");
    bench.cleanup(&records, &Published::default()).await.expect("removed");
    assert_eq!(bench.records(ZONE), before);
}

pub async fn an_absent_value_is_removed_already(adapter: &Adapter) {
    let Some(bench) = Bench::start(adapter).await else { return };
    let before = bench.records(ZONE);
    let absent = [record(NAME, "never"), record("_acme-challenge.never.example.test", "never")];
    bench.cleanup(&absent, &Published::default()).await.expect("nothing to do");
    let published = bench.present(&apex_and_wildcard()).await.expect("published");
    bench.cleanup(&apex_and_wildcard(), &published).await.expect("removed");
    bench.cleanup(&apex_and_wildcard(), &published).await.expect("removed already");
    assert_eq!(bench.records(ZONE), before);
}

pub async fn cleanup_of_one_value_leaves_its_sibling(adapter: &Adapter) {
    let Some(bench) = Bench::start(adapter).await else { return };
    let published = bench.present(&apex_and_wildcard()).await.expect("published");
    bench.cleanup(&[record(NAME, "wildcard")], &published).await.expect("removed");
    assert_eq!(bench.txt(ZONE, NAME), ["apex", "foreign"]);
    bench.cleanup(&[record(NAME, "apex")], &published).await.expect("removed");
    assert_eq!(bench.txt(ZONE, NAME), ["foreign"]);
}

/// The address at the apex, a foreign value at the same name, another name's value.
pub async fn foreign_records_stay(adapter: &Adapter) {
    let Some(bench) = Bench::start(adapter).await else { return };
    let before = bench.records(ZONE);
    let records =
        [record(NAME, "ours"), record(ZONE, "at the apex"), record("_acme-challenge.other.example.test", "x")];
    let published = bench.present(&records).await.expect("published");
    let during = bench.records(ZONE);
    assert!(before.iter().all(|record| during.contains(record)), "{during:#?}");
    assert_eq!(during.len(), before.len() + records.len());
    bench.cleanup(&records, &published).await.expect("removed");
    assert_eq!(bench.records(ZONE), before);
}

/// More than one string of RFC 1035, with characters that its presentation form escapes.
pub async fn a_long_value_with_quotes_and_backslashes_stays_as_it_is(adapter: &Adapter) {
    let Some(bench) = Bench::start(adapter).await else { return };
    let value = format!("{}\"quoted\" \\ \\065 ; {}", "a".repeat(250), "b".repeat(300));
    let records = [record(NAME, &value), record("_acme-challenge.q.example.test", "\"")];
    let published = bench.present(&records).await.expect("published");
    assert_eq!(bench.txt(ZONE, NAME), [value.as_str(), "foreign"]);
    let (there, writes) = (bench.records(ZONE), bench.writes());
    bench.present(&records).await.expect("published again");
    assert_eq!(bench.records(ZONE), there);
    assert!(bench.writes() <= writes + 1, "what is there was not recognised");
    bench.cleanup(&records, &published).await.expect("removed");
    assert_eq!(bench.txt(ZONE, NAME), ["foreign"]);
    assert!(bench.txt(ZONE, "_acme-challenge.q.example.test").is_empty());
}

/// For APIs that tell when their name servers have it; the mocks say so at the second look.
pub async fn publishing_is_pending_and_then_settled(adapter: &Adapter) {
    let Some(bench) = Bench::start(adapter).await else { return };
    let (apex, records) = (zone(ZONE), apex_and_wildcard());
    let published = bench.present(&records).await.expect("published");
    let settled = || bench.provider.settled(&apex, &records, &published);
    let first = settled().await.expect("an answer");
    assert!(matches!(first, Settlement::Pending(pause) if !pause.is_zero()), "{first:?}");
    assert_eq!(settled().await.expect("an answer"), Settlement::Done);
}
