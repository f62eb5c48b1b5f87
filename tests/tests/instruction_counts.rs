//! No provider comes to execute much more without being noticed: what it executes to publish two names.

use std::collections::BTreeMap;

use acmite::plugin::engine::new_counting_engine;
use acmite::plugin::fuel::FuelMeter;
use acmite::plugin::loader::Loader;
use acmite_tests::conformance::adapters::{self, Adapter};
use acmite_tests::conformance::bench::{Bench, Credential, Zone, record, zone};
use acmite_tests::plugins::{build, folder};
use acmite_tests::written::compare;

#[tokio::test]
async fn each_provider_executes_about_as_much_as_it_is_written_down() {
    let mut found = BTreeMap::new();
    for adapter in providers() {
        // Without the peer nothing is compared; under CI=true that is an error before it comes to this.
        let Some(count) = count(&adapter).await else { return };
        found.insert(adapter.plugin.to_owned(), count);
    }
    compare("instruction-counts.txt", LEEWAY_PERCENT, &found);
}

/// Compilers differ a little from machine to machine, and ports and times in their digits.
const LEEWAY_PERCENT: u64 = 4;

fn providers() -> [Adapter; 15] {
    [
        adapters::azure(),
        adapters::cloudflare(),
        adapters::digitalocean(),
        adapters::dnspod(),
        adapters::duckdns(),
        adapters::google(),
        adapters::hetzner(),
        adapters::inwx(),
        adapters::linode(),
        adapters::namecheap(),
        adapters::ovh(),
        adapters::porkbun(),
        adapters::powerdns(),
        adapters::rfc2136_bind(),
        adapters::route53(),
    ]
}

async fn count(adapter: &Adapter) -> Option<u64> {
    let engine = new_counting_engine().expect("an engine");
    let component = build(&folder(adapter.plugin));
    let loaded = Loader::new(engine, None).load(&component, adapter.plugin).expect("a provider that loads");
    // The only ones that the mock of DuckDNS takes are these.
    let apex = if adapter.plugin == "duckdns" { "duckdns.org" } else { "example.test" };
    let records = ["me", "www"].map(|label| record(&format!("_acme-challenge.{label}.{apex}"), VALUE));
    let bench = Bench::of(loaded, adapter, &[Zone::new(apex)], Credential::Right).await?;
    let meter = FuelMeter::default();
    let bench = bench.counted_by(&meter);
    bench.provider.present(&zone(apex), &records, 60).await.expect("published");
    assert!(meter.used() > 0, "{} executed nothing", adapter.plugin);
    Some(meter.used())
}

/// As long as those of RFC 8555 section 8.4.
const VALUE: &str = "gfj9Xq-Rg85nM_4I8LwN3rVsTq0YbZcD1eF2aK7uPxo";
