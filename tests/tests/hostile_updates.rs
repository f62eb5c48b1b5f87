//! DNS UPDATE against BIND and Knot with a key that may do everything: what is not the order's does not reach the
//! server, and the same update sent without the guard is made.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use acmite::name::DnsName;
use acmite::plugin::dns_update::DnsUpdater;
use acmite::plugin::wire::TxtRecord;
use acmite_tests::bind::bind_zones;
use acmite_tests::hostile::{Attack, NAME, Phase, VALUE, given};
use acmite_tests::knot::knot_zones;
use acmite_tests::name_server::{NameServer, TSIG_SECRET, soa_serial};
use serde_json::{Value, json};

const ZONES: [&str; 2] = ["example.test", "other.test"];
const OTHER: &str = "_acme-challenge.www.example.test";

fn servers() -> Vec<NameServer> {
    let lines = |zone: &str| {
        let texts = ["_acme-challenge IN TXT \"foreign\"", "_acme-challenge.www IN TXT \"another's\""];
        (zone.to_owned(), texts.map(str::to_owned).to_vec())
    };
    let zones = ZONES.map(lines);
    [bind_zones("hmac-sha256", &zones), knot_zones("hmac-sha256", &zones)].into_iter().flatten().collect()
}

/// All TXT values and the serials: a server that takes any update at all counts one up.
fn contents(server: &NameServer) -> (Vec<String>, Vec<u32>) {
    let values = ZONES.iter().flat_map(|zone| server.all_txt(zone)).collect();
    (values, ZONES.iter().map(|zone| soa_serial(server.address, zone).unwrap()).collect())
}

/// An update as a guest asks for it.
#[derive(Clone, Debug)]
struct Update {
    add: Vec<(String, String)>,
    delete: Vec<(String, String)>,
    ttl: u32,
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn update(add: &[(&str, &str)], delete: &[(&str, &str)]) -> Update {
    Update { add: pairs(add), delete: pairs(delete), ttl: 60 }
}

impl Update {
    fn step(&self) -> Value {
        json!({"apply": [self.add, self.delete, self.ttl]})
    }

    /// The same message without a guard between.
    async fn send_unguarded(&self, server: &NameServer) {
        let secret = TSIG_SECRET.as_bytes().to_vec().into();
        let updater = DnsUpdater::new(&server.address.to_string(), "acmite", "hmac-sha256", secret).unwrap();
        let record = |(name, value): &(String, String)| TxtRecord { name: name.parse().unwrap(), value: value.clone() };
        let records = |pairs: &[(String, String)]| pairs.iter().map(record).collect::<Vec<_>>();
        let first = &self.add.first().or(self.delete.first()).unwrap().0;
        let zone: DnsName = ZONES.iter().find(|zone| first.ends_with(*zone)).unwrap().parse().unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        let (updater, add, delete) = (updater.user_typed(true), records(&self.add), records(&self.delete));
        updater.apply(&zone, &add, &delete, self.ttl, deadline).await.unwrap();
    }
}

fn attack(server: &NameServer) -> Attack {
    let attack = Attack::new("script").under_bundled("rfc2136").secret("tsig_secret", TSIG_SECRET);
    let attack = attack.setting("server", &server.address.to_string()).setting("tsig_key_name", "acmite");
    attack.setting("tsig_algorithm", "hmac-sha256")
}

#[tokio::test]
async fn what_is_not_the_orders_does_not_reach_the_server_and_would_be_done_there() {
    for server in servers() {
        for (phase, update, rule) in [
            (Phase::Present, update(&[("example.test", VALUE)], &[]), "not one of this call"),
            (Phase::Present, update(&[("*.example.test", VALUE)], &[]), ""),
            (Phase::Present, update(&[(OTHER, VALUE)], &[]), "not one of this call"),
            (Phase::Present, update(&[("_acme-challenge.other.test", VALUE)], &[]), "not one of this call"),
            (Phase::Present, update(&[(NAME, "mine")], &[]), "not one of this call"),
            (Phase::Present, update(&[(NAME, "\"ours\"")], &[]), "not one of this call"),
            (Phase::Present, update(&[(NAME, "ours ")], &[]), "not one of this call"),
            (Phase::Present, update(&[(NAME, &"x".repeat(600))], &[]), "not one of this call"),
            (Phase::Present, update(&[(NAME, "")], &[]), "not one of this call"),
            (Phase::Present, update(&[(NAME, VALUE), (OTHER, VALUE)], &[]), "not one of this call"),
            (Phase::Present, update(&[(NAME, VALUE)], &[(NAME, "foreign")]), "may not"),
            (Phase::Present, Update { ttl: 99_999_999, ..update(&[(NAME, VALUE)], &[]) }, "TTL"),
            (Phase::Cleanup, update(&[], &[(NAME, "foreign")]), "not one of this call"),
            (Phase::Cleanup, update(&[], &[(OTHER, "another's")]), "not one of this call"),
            (Phase::Cleanup, update(&[(NAME, VALUE)], &[]), "cleanup may not"),
            (Phase::Check, update(&[(NAME, VALUE)], &[]), "check may not"),
            (Phase::Settled, update(&[(NAME, VALUE)], &[]), "settled may not"),
        ] {
            let before = contents(&server);
            let given = given(attack(&server), vec![update.step()], phase).await;
            assert!(Attack::rule(&given).contains(rule), "{phase:?} {update:?}: {given:?}");
            assert_eq!(contents(&server), before, "{phase:?} {update:?}");
            // This client names no wildcard, and no server takes a TXT record without a string.
            if update.add.iter().any(|(name, value)| name.starts_with('*') || value.is_empty()) {
                continue;
            }
            update.send_unguarded(&server).await;
            assert_ne!(contents(&server), before, "{phase:?} {update:?} was not an attack");
            let undone = Update { add: update.delete, delete: update.add, ttl: 60 };
            undone.send_unguarded(&server).await;
            assert_eq!(contents(&server).0, before.0, "{undone:?}");
        }
    }
}

#[tokio::test]
async fn what_no_name_can_be_is_refused_before_it_is_a_message() {
    let long = format!("{}.example.test", ["a".repeat(60).as_str(); 5].join("."));
    for server in servers() {
        let before = contents(&server);
        for name in
            ["", ".", "a b", "a\0.example.test", "\\097.example.test", "..example.test", "a.\u{202e}test", &long]
        {
            let given = given(attack(&server), vec![update(&[(name, VALUE)], &[]).step()], Phase::Present).await;
            assert!(!Attack::rule(&given).is_empty(), "{name:?}");
        }
        assert_eq!(contents(&server), before);
        // The order's own value in another spelling of its name is the same record.
        let upper = update(&[(&NAME.to_uppercase(), VALUE)], &[]);
        let made = given(attack(&server), vec![upper.step()], Phase::Present).await;
        assert_eq!(made[0], "applied", "{made:?}");
        assert_eq!(contents(&server).0.len(), before.0.len() + 1);
    }
}
