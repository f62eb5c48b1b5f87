//! Providers with a fixed number of values, written blindly.

use super::kit::{ask_for, call_for, only_reads_may_check};
use super::*;

const DUCKDNS: &str = include_str!("../../../../../plugins/duckdns/plugin.toml");

fn duckdns(phase: Phase) -> Guard {
    call_for(DUCKDNS, phase, "duckdns.org", "_acme-challenge.me.duckdns.org")
}

fn update(endpoint: &str, domains: &str, txt: &str) -> GuestRequest {
    ask_for(endpoint).query("domains", domains).query("txt", txt)
}

#[test]
fn duckdns_sets_our_value_and_no_address() {
    let guard = duckdns(Phase::Present);
    let set = update("set", "me", "ours");
    assert_eq!(guard.says(&set), "admitted");
    guard.refuses(&[
        (update("set", "me", "theirs"), "not one of this call"),
        (update("set", "other", "ours"), "not one of this call"),
        (update("set", "me,other", "ours"), "not within the zone"),
        (update("set", "me", "ours").query("ip", "192.0.2.1"), "not listed"),
        (update("set", "me", "ours").query("clear", "true"), "not listed"),
        (update("set", "me", "ours").query("token", "x"), "not listed"),
        (ask_for("set").query("domains", "me"), "missing"),
        (update("clear", "me", "ours"), "present may not"),
    ]);
    only_reads_may_check(duckdns, &set);
}

#[test]
fn duckdns_clears_our_value_alone() {
    let guard = duckdns(Phase::Cleanup);
    let admitted = guard.admit(&update("clear", "me", "ours")).expect("an admitted request");
    assert!(admitted.query.contains(&("clear".into(), "true".into())));
    guard.refuses(&[
        (update("clear", "me", "theirs"), "not one of this call"),
        (update("clear", "me", "ours").query("clear", "false"), "another value"),
        (update("set", "me", "ours"), "cleanup may not"),
    ]);
    only_reads_may_check(duckdns, &update("clear", "me", "ours"));
}

#[test]
fn only_a_provider_with_slots_writes_blindly() {
    let record = DUCKDNS.replace("slots(1)", "record");
    assert!(Manifest::parse(&record).expect_err("refused").to_string().contains("set-blind"));
    for semantics in ["slots", "slots(0)", "slots(x)", "set"] {
        assert!(Manifest::parse(&DUCKDNS.replace("slots(1)", semantics)).is_err(), "{semantics}");
    }
}
