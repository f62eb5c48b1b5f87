//! Providers with an id for each record.

use super::kit::{ask_for, call, cleanup_after, only_reads_may_check};
use super::*;

const DIGITALOCEAN: &str = include_str!("../../../../../plugins/digitalocean/plugin.toml");
const PORKBUN: &str = include_str!("../../../../../plugins/porkbun/plugin.toml");

fn digitalocean(phase: Phase) -> Guard {
    let mut guard = call(DIGITALOCEAN, phase);
    let list = r#"{"domain_records":[
        {"id":1,"type":"A","name":"@","data":"192.0.2.1"},
        {"id":2,"type":"TXT","name":"_acme-challenge","data":"foreign"},
        {"id":3,"type":"TXT","name":"_acme-challenge","data":"ours"}]}"#;
    guard.sent(&ask_for("records").path("zone", "example.com"), 200, list);
    guard
}

#[test]
fn digitalocean_adds_and_removes_our_value_alone() {
    let create = ask_for("create")
        .path("zone", "example.com")
        .body(r#"{"type":"TXT","name":"_acme-challenge","data":"ours","ttl":60}"#);
    let guard = digitalocean(Phase::Present);
    assert_eq!(guard.says(&create), "admitted");
    guard.refuses(&[
        (create.with("ours", "theirs"), "not one of this call"),
        (create.with("_acme-challenge", "www"), "not one of this call"),
        (create.with("_acme-challenge", "_acme-challenge.example.com"), "not one of this call"),
        (create.with("TXT", "CNAME"), "not TXT"),
        (create.with("60", "86400"), "not a Ttl"),
        (create.with("\"ttl\":60", "\"priority\":1"), "not listed"),
        (GuestRequest { path: Vec::new(), ..create.clone() }.path("zone", "example.org"), "not shown"),
    ]);
    digitalocean(Phase::Cleanup).refuses(&[(create.clone(), "cleanup may not")]);
    only_reads_may_check(digitalocean, &create);
}

#[test]
fn digitalocean_deletes_by_an_id_that_was_shown_for_our_value() {
    let delete = |id| ask_for("delete").path("zone", "example.com").path("record", id);
    let guard = digitalocean(Phase::Cleanup);
    assert_eq!(guard.says(&delete("3")), "admitted");
    guard.refuses(&[
        (delete("2"), "not one of this call"),
        (delete("1"), "not TXT"),
        (delete("9"), "not seen"),
        (ask_for("delete").path("zone", "example.org").path("record", "3"), "not shown"),
    ]);
    digitalocean(Phase::Present).refuses(&[(delete("3"), "present may not")]);
    only_reads_may_check(digitalocean, &delete("3"));
}

fn porkbun(phase: Phase) -> Guard {
    let mut guard = call(PORKBUN, phase);
    let list = r#"{"status":"SUCCESS","records":[
        {"id":"7","name":"_acme-challenge.example.com","type":"TXT","content":"foreign"},
        {"id":"8","name":"_acme-challenge.example.com","type":"TXT","content":"ours"}]}"#;
    guard.sent(&ask_for("records").path("zone", "example.com"), 200, list);
    guard
}

#[test]
fn porkbun_keeps_its_secrets_out_of_the_guests_body() {
    let create = ask_for("create")
        .path("zone", "example.com")
        .body(r#"{"type":"TXT","name":"_acme-challenge","content":"ours","ttl":"600"}"#);
    let guard = porkbun(Phase::Present);
    let admitted = guard.admit(&create).expect("an admitted request");
    assert_eq!(admitted.sinks.len(), 2);
    assert_eq!(admitted.body_format, Format::Json);
    guard.refuses(&[
        (create.with("{", r#"{"apikey":"mine","#), "filled by the host"),
        (create.with("{", r#"{"APIKEY":"mine","#), "filled by the host"),
        (create.with("{", r#"{"apiKey":{"x":1},"#), "not listed"),
        (create.with("ours", "theirs"), "not one of this call"),
        (create.with("_acme-challenge", ""), "not one of this call"),
        (create.with("\"_acme-challenge\"", "null"), "not listed"),
        (create.with("TXT", "MX"), "not TXT"),
        (create.with("600", "86400"), "not a Ttl"),
        (create.with("{", r#"{"notes":"x","#), "not listed"),
        (GuestRequest { path: Vec::new(), ..create.clone() }.path("zone", "example.org"), "not shown"),
    ]);
    porkbun(Phase::Cleanup).refuses(&[(create.clone(), "cleanup may not")]);
    only_reads_may_check(porkbun, &create);
}

#[test]
fn porkbun_deletes_what_it_created_in_another_process() {
    let create = ask_for("create")
        .path("zone", "example.com")
        .body(r#"{"type":"TXT","name":"_acme-challenge","content":"ours"}"#);
    let mut present = call(PORKBUN, Phase::Present);
    present.sent(&create, 200, r#"{"status":"SUCCESS","id":"11"}"#);
    let delete = |id| ask_for("delete").path("zone", "example.com").path("record", id).body("{}");
    assert_eq!(cleanup_after(&present).says(&delete("11")), "admitted");
    let cleanup = porkbun(Phase::Cleanup);
    assert_eq!(cleanup.says(&delete("8")), "admitted");
    cleanup.refuses(&[
        (delete("7"), "not one of this call"),
        (delete("9"), "not seen"),
        (delete("8").with("{}", r#"{"force":"1"}"#), "not listed"),
    ]);
}
