//! APIs that list a zone, for providers that read many names in one such list.

use acmite::plugin::wire::TxtRecord;

use crate::conformance::adapters::Adapter;
use crate::conformance::bench::{Bench, Credential, Zone, record};

const ZONE: &str = "example.test";

/// More names than are asked for one by one where a list shows them; two have foreign values.
fn records() -> Vec<TxtRecord> {
    let hosts = ["", "a.", "b.", "other.", "z."];
    hosts.iter().map(|host| record(&format!("_acme-challenge.{host}{ZONE}"), "ours")).collect()
}

/// One list more than names that are read one by one, and what a single name costs besides.
pub async fn a_zone_of_several_pages_is_read_by_name(adapter: &Adapter) {
    let zones = [Zone { fillers: 350, ..Zone::new(ZONE) }];
    let Some(bench) = Bench::with(adapter, &zones, Credential::Right).await else { return };
    let before = bench.records(ZONE);
    let records = records();
    let published = bench.present(&records).await.expect("published");
    let (during, present) = (bench.records(ZONE), bench.requests());
    assert!(before.iter().all(|record| during.contains(record)), "{during:#?}");
    assert_eq!(during.len(), before.len() + records.len());
    bench.cleanup(&records, &published).await.expect("removed");
    assert_eq!(bench.records(ZONE), before);
    let by_name = [adapter.costs.present[0], adapter.costs.cleanup[0]].map(|one| one + records.len());
    assert_eq!([present, bench.requests() - present], by_name);
}

/// Foreign values at two of the names stay, and a sibling of another call.
pub async fn a_zone_of_one_page_is_read_at_once(adapter: &Adapter) {
    let Some(bench) = Bench::start(adapter).await else { return };
    let (before, records) = (bench.records(ZONE), records());
    let published = bench.present(&records).await.expect("published");
    assert_eq!(bench.requests(), adapter.costs.present[0]);
    let there = bench.records(ZONE);
    assert!(before.iter().all(|record| there.contains(record)), "{there:#?}");
    let writes = bench.writes();
    bench.present(&records).await.expect("published again");
    assert_eq!((bench.records(ZONE), bench.writes()), (there, writes));
    let requests = bench.requests();
    bench.cleanup(&records, &published).await.expect("removed");
    assert_eq!(bench.requests() - requests, adapter.costs.cleanup[0]);
    assert_eq!(bench.records(ZONE), before);
}
