//! What a login gives serves the whole run.

use crate::conformance::adapters::Adapter;
use crate::conformance::bench::{Bench, Credential, Zone, record, zone};

/// A second login would need a second one-time code, and there is none for 30 s.
pub async fn zones_side_by_side_log_in_once(adapter: &Adapter) {
    let names = ["a.test", "b.test", "c.test"];
    let Some(bench) = Bench::with(adapter, &names.map(Zone::new), Credential::Right).await else { return };
    let publish = async |name: &str| {
        let records = [record(&format!("_acme-challenge.{name}"), "value")];
        bench.provider.present(&zone(name), &records, 60).await
    };
    let [a, b, c] = names;
    let (a, b, c) = tokio::join!(publish(a), publish(b), publish(c));
    for published in [a, b, c] {
        published.expect("published");
    }
    let logins = bench.api().requests().iter().filter(|request| is_login(&request.path, &request.body)).count();
    assert_eq!(logins, 1);
    for name in names {
        assert_eq!(bench.txt(name, &format!("_acme-challenge.{name}")), ["foreign", "value"]);
    }
}

fn is_login(path: &str, body: &str) -> bool {
    path.ends_with("/token") || body.contains("account.login")
}
