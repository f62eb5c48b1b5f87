//! The right zone is found and the right records in it, among many others.
#![expect(missing_docs, reason = "the name of a case says what it holds a provider to")]

use acmite::plugin::provider::Published;
use acmite::plugin::told::ErrorKind;

use crate::conformance::adapters::Adapter;
use crate::conformance::bench::{Bench, Credential, Zone, record, told, zone};

pub async fn the_zone_of_the_call_is_written_and_not_its_parent(adapter: &Adapter) {
    let zones = ["example.test", "sub.example.test", "deep.sub.example.test", "b.example.test"].map(Zone::new);
    let Some(bench) = Bench::with(adapter, &zones, Credential::Right).await else { return };
    let before: Vec<_> = zones.iter().map(|zone| bench.records(&zone.name)).collect();
    let records = [record("_acme-challenge.a.sub.example.test", "value")];
    let published = bench.provider.present(&zone("sub.example.test"), &records, 60).await.expect("published");
    assert_eq!(bench.txt("sub.example.test", "_acme-challenge.a.sub.example.test"), ["value"]);
    for (index, zone) in zones.iter().enumerate().filter(|(index, _)| *index != 1) {
        assert_eq!(bench.records(&zone.name), before[index], "{}", zone.name);
    }
    bench.provider.cleanup(&zone("sub.example.test"), &records, &published).await.expect("removed");
    assert_eq!(bench.records("sub.example.test"), before[1]);
}

/// A challenge that an alias leads to a zone of its own: the record is at the apex.
pub async fn a_zone_that_is_the_name_itself_is_written(adapter: &Adapter) {
    const NAME: &str = "validation.example.test";
    let zones = ["example.test", NAME].map(Zone::new);
    let Some(bench) = Bench::with(adapter, &zones, Credential::Right).await else { return };
    let before = zones.each_ref().map(|zone| bench.records(&zone.name));
    let records = [record(NAME, "apex"), record(NAME, "wildcard")];
    let published = bench.provider.present(&zone(NAME), &records, 60).await.expect("published");
    assert_eq!(bench.txt(NAME, NAME), ["apex", "v=spf1 -all", "wildcard"]);
    assert_eq!(bench.records("example.test"), before[0]);
    bench.provider.cleanup(&zone(NAME), &records, &published).await.expect("removed");
    assert_eq!(zones.each_ref().map(|zone| bench.records(&zone.name)), before);
}

/// More zones than any API shows on a page.
pub async fn a_zone_behind_many_others_is_found(adapter: &Adapter) {
    let many = (0..120).map(|number| Zone::new(&format!("a{number}.example.test")));
    let zones: Vec<Zone> = many.chain([Zone::new("z.example.test")]).collect();
    let Some(bench) = Bench::with(adapter, &zones, Credential::Right).await else { return };
    let before = bench.records("z.example.test");
    let records = [record("_acme-challenge.z.example.test", "value")];
    bench.provider.present(&zone("z.example.test"), &records, 60).await.expect("published");
    assert_eq!(bench.txt("z.example.test", "_acme-challenge.z.example.test"), ["foreign", "value"]);
    bench.provider.cleanup(&zone("z.example.test"), &records, &Published::default()).await.expect("removed");
    assert_eq!(bench.records("z.example.test"), before);
}

/// More records than the mocks show on a page.
pub async fn records_behind_many_others_are_found(adapter: &Adapter) {
    let zones = [Zone { fillers: 250, ..Zone::new("example.test") }];
    let Some(bench) = Bench::with(adapter, &zones, Credential::Right).await else { return };
    let before = bench.records("example.test");
    let records = [record("_acme-challenge.example.test", "apex"), record("_acme-challenge.y.example.test", "y")];
    bench.present(&records).await.expect("published");
    let there = bench.records("example.test");
    bench.present(&records).await.expect("published again");
    assert_eq!(bench.records("example.test"), there);
    assert_eq!(there.len(), before.len() + 2);
    bench.cleanup(&records, &Published::default()).await.expect("removed");
    assert_eq!(bench.records("example.test"), before);
}

/// Names are A-labels on both sides.
/// More records than an API shows in one reply, where several names are read out of the whole zone.
pub async fn several_names_are_published_among_many_records(adapter: &Adapter) {
    let zones = [Zone { fillers: 350, ..Zone::new("example.test") }];
    let Some(bench) = Bench::with(adapter, &zones, Credential::Right).await else { return };
    let before = bench.records("example.test");
    let name = |number| format!("_acme-challenge.n{number}.example.test");
    let mut records: Vec<_> = (0..4).map(|number| record(&name(number), "value")).collect();
    records.push(record("_acme-challenge.example.test", "value"));
    let published = bench.present(&records).await.expect("published");
    assert_eq!(bench.records("example.test").len(), before.len() + records.len());
    assert_eq!(bench.txt("example.test", "_acme-challenge.example.test"), ["foreign", "value"]);
    bench.cleanup(&records, &published).await.expect("removed");
    assert_eq!(bench.records("example.test"), before);
}

pub async fn an_internationalised_name_is_published(adapter: &Adapter) {
    let apex = zone("bücher.test");
    assert_eq!(apex.as_str(), "xn--bcher-kva.test");
    let Some(bench) = Bench::with(adapter, &[Zone::new(apex.as_str())], Credential::Right).await else { return };
    let before = bench.records(apex.as_str());
    let name = "_acme-challenge.xn--grn-ioa.xn--bcher-kva.test";
    let records = [record(name, "value"), record("_acme-challenge.bücher.test", "apex")];
    let published = bench.provider.present(&apex, &records, 60).await.expect("published");
    assert_eq!(bench.txt(apex.as_str(), name), ["value"]);
    bench.provider.cleanup(&apex, &records, &published).await.expect("removed");
    assert_eq!(bench.records(apex.as_str()), before);
}

pub async fn a_zone_the_account_lacks_is_told(adapter: &Adapter) {
    let Some(bench) = Bench::start(adapter).await else { return };
    let records = [record("_acme-challenge.absent.test", "value")];
    let told = told(bench.provider.present(&zone("absent.test"), &records, 60).await);
    assert_eq!(told.kind, ErrorKind::ZoneNotFound, "{told}");
}
