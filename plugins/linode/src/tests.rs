//! What is asked of the API, against what it sends.

use acmite_sdk::testing::{Recording, context, txt};
use acmite_sdk::{ErrorKind, Provider};
use serde_json::json;

use crate::Linode;

const NAME: &str = "_acme-challenge.example.com";
const ZONE: &str = "example.com";

fn domain() -> Recording {
    Recording::new().reply("domains", 200, include_str!("../fixtures/domains.json")).query("page", "1")
}

fn records(recording: Recording) -> Recording {
    recording.reply("records", 200, include_str!("../fixtures/records.json")).path("domain", "1234").query("page", "1")
}

fn delete(recording: Recording, id: &str, status: u16, reply: &str) -> Recording {
    recording.reply("delete", status, reply).path("domain", "1234").path("record", id)
}

fn page(pages: u32, records: &[(u64, &str, &str)]) -> String {
    let record =
        |(id, name, target): &(u64, &str, &str)| json!({"id": id, "type": "TXT", "name": name, "target": target});
    let records: Vec<_> = records.iter().map(record).collect();
    json!({"data": records, "pages": pages}).to_string()
}

fn refusal(reason: &str) -> String {
    json!({"errors": [{"reason": reason}]}).to_string()
}

#[test]
fn only_the_missing_value_is_made() {
    let body = json!({"type": "TXT", "name": "_acme-challenge", "target": "wildcard", "ttl_sec": 60});
    let created = include_str!("../fixtures/created.json");
    let script = records(domain()).reply("create", 200, created).path("domain", "1234").json(body);
    let wanted = [txt(NAME, "apex"), txt(NAME, "wildcard")];
    let state = script.run(|| Linode::present(&context(ZONE, &[]), &wanted)).result.expect("published");
    assert!(state.is_empty());
}

#[test]
fn only_our_value_is_removed_and_one_that_is_gone_is_as_wanted() {
    for (status, reply) in [(200, "{}".to_owned()), (404, refusal("Not found"))] {
        let script = delete(records(domain()), "123457", status, &reply);
        let unwanted = [txt(NAME, "apex"), txt(NAME, "never")];
        script.run(|| Linode::cleanup(&context(ZONE, &[]), &unwanted, &[])).result.expect("removed");
    }
}

#[test]
fn pages_are_asked_until_the_last_and_the_apex_is_empty() {
    let first = page(2, &[(1, "www", "x"), (2, "", "y")]);
    let script = domain().reply("records", 200, &first).path("domain", "1234").query("page", "1");
    let script = script.reply("records", 200, &page(2, &[(3, "", "x")])).path("domain", "1234").query("page", "2");
    let script = delete(script, "3", 200, "{}");
    let unwanted = [txt(ZONE, "x"), txt(NAME, "x")];
    script.run(|| Linode::cleanup(&context(ZONE, &[]), &unwanted, &[])).result.expect("removed");
}

#[test]
fn the_apis_words_and_a_remedy_are_told() {
    for (status, kind) in [(401, ErrorKind::Denied), (403, ErrorKind::Forbidden)] {
        let script = Recording::new().reply("domains", status, &refusal("the API's words")).query("page", "1");
        let told = script.run(|| Linode::check(&context(ZONE, &[]))).result.expect_err("an error");
        assert_eq!((told.kind, told.message.as_str()), (kind, "the API's words"));
        assert!(told.hint.is_some());
    }
}

#[test]
fn a_zone_that_is_not_listed_is_told() {
    let told = domain().run(|| Linode::check(&context("absent.example", &[]))).result.expect_err("an error");
    assert_eq!(told.kind, ErrorKind::ZoneNotFound);
}

#[test]
fn check_without_a_zone_lists_domains() {
    let script = Recording::new().reply("domains", 200, r#"{"data": [], "page": 1, "pages": 1, "results": 0}"#);
    script.run(|| Linode::check(&context("", &[]))).result.expect("a token that works");
}
