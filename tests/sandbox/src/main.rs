//! The parts of a provider's call, each on its own, for the smallest provider and the largest; `cargo xtask bench --only
//! sandbox` builds and runs it with `--bench`.

use acmite::plugin::cache::CompiledCache;
use acmite::plugin::engine::new_engine;
use acmite::plugin::loader::{Loaded, Loader};
use acmite::plugin::overrides::OriginOverrides;
use acmite::plugin::provider::{Provider, Published};
use acmite_tests::conformance::adapters::{self, Adapter};
use acmite_tests::conformance::bench::{Bench, Credential, Zone, record, zone};
use acmite_tests::plugins::{build, folder};
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;

criterion_group!(benches, sandbox);
criterion_main!(benches);

fn sandbox(criterion: &mut Criterion) {
    for adapter in [adapters::rfc2136_bind(), adapters::google()] {
        let component = build(&folder(adapter.plugin));
        compile(criterion, &adapter, &component);
        load(criterion, &adapter, &component);
        instantiate(criterion, &adapter, &component);
        call(criterion, &adapter, &component);
    }
}

/// As at the first use of a provider.
fn compile(criterion: &mut Criterion, adapter: &Adapter, component: &[u8]) {
    let loader = Loader::new(new_engine().expect("an engine"), None);
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(10);
    group.bench_function(adapter.plugin, |bencher| bencher.iter(|| loaded(&loader, adapter, component)));
    group.finish();
}

/// As at every later use: checked, found in the cache, its digest compared.
fn load(criterion: &mut Criterion, adapter: &Adapter, component: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = CompiledCache::open(folder.path()).expect("a cache");
    let loader = Loader::new(new_engine().expect("an engine"), Some(cache));
    loaded(&loader, adapter, component);
    let mut group = criterion.benchmark_group("load");
    group.bench_function(adapter.plugin, |bencher| bencher.iter(|| loaded(&loader, adapter, component)));
    group.finish();
}

fn loaded(loader: &Loader, adapter: &Adapter, component: &[u8]) -> Loaded {
    loader.load(component, adapter.plugin).expect("a provider that loads")
}

/// The call that asks nobody, as there is nothing to wait for: a store, an instance, and their end.
fn instantiate(criterion: &mut Criterion, adapter: &Adapter, component: &[u8]) {
    let runtime = Runtime::new().expect("a runtime");
    let loader = Loader::new(new_engine().expect("an engine"), None);
    let _context = runtime.enter();
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    let settings = (adapter.settings)("127.0.0.1:9").into_iter().map(owned).collect();
    let secrets = (adapter.secrets)(adapter.credential).into_iter().map(owned);
    let secrets = secrets.map(|(name, value)| (name, value.into_bytes().into())).collect();
    let overrides = OriginOverrides::default();
    let loaded = loaded(&loader, adapter, component);
    let provider = Provider::new(loaded, settings, secrets, None, &overrides).expect("a provider that is taken");
    let apex = zone(APEX);
    let nothing = Published::default();
    let mut group = criterion.benchmark_group("instantiate");
    group.bench_function(adapter.plugin, |bencher| {
        bencher.to_async(&runtime).iter(|| async { provider.settled(&apex, &[], &nothing).await.expect("done") });
    });
    group.finish();
}

/// Two names published and removed, at a mock of the API or a real name server on loopback; without the pauses between
/// requests that the manifest asks for.
fn call(criterion: &mut Criterion, adapter: &Adapter, component: &[u8]) {
    let runtime = Runtime::new().expect("a runtime");
    let mut loaded = loaded(&Loader::new(new_engine().expect("an engine"), None), adapter, component);
    loaded.inspected.manifest.origins.values_mut().for_each(|origin| origin.rate_per_second = NO_PAUSE);
    let bench = runtime.block_on(Bench::of(loaded, adapter, &[Zone::new(APEX)], Credential::Right));
    let bench = bench.expect("what stands in for the API");
    let records = ["a", "b"].map(|label| record(&format!("_acme-challenge.{label}.{APEX}"), "value"));
    let mut group = criterion.benchmark_group("present and cleanup");
    group.bench_function(adapter.plugin, |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let published = bench.present(&records).await.expect("published");
            bench.cleanup(&records, &published).await.expect("removed");
        });
    });
    group.finish();
}

const APEX: &str = "example.test";
const NO_PAUSE: f64 = 1e9;
