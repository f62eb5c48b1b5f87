//! An API that tells when its name servers have a change is asked.

use acmite::plugin::provider::Settlement;

use crate::conformance::adapters::Adapter;
use crate::conformance::bench::{Bench, record, zone};

/// The mock's changes are pending when they are first asked for.
pub async fn a_change_is_pending_until_the_api_says_otherwise(adapter: &Adapter) {
    let bench = Bench::start(adapter).await.expect("a mock");
    let records = [record("_acme-challenge.example.test", "value")];
    let published = bench.present(&records).await.expect("published");
    let apex = zone("example.test");
    let settled = || bench.provider.settled(&apex, &records, &published);
    assert!(matches!(settled().await.expect("told"), Settlement::Pending(_)));
    assert!(matches!(settled().await.expect("told"), Settlement::Done));
    let nothing = bench.present(&records).await.expect("published again");
    let settled = bench.provider.settled(&apex, &records, &nothing).await.expect("told");
    assert!(matches!(settled, Settlement::Done));
}
