//! What is asked of the API, against what it sends.

use acmite_sdk::testing::{Recording, context, txt};
use acmite_sdk::{ErrorKind, Provider};
use serde_json::json;

use crate::Quillzone;

const NAME: &str = "_acme-challenge.example.com";
const ZONE: &str = "example.com";

fn records(recording: Recording) -> Recording {
    recording.reply("records", 200, include_str!("../fixtures/records.json")).path("zone", ZONE)
}

fn delete(recording: Recording, id: &str, status: u16, reply: &str) -> Recording {
    recording.reply("delete", status, reply).path("zone", ZONE).path("record", id)
}

fn page(next: Option<&str>, records: &[(&str, &str, &str)]) -> String {
    let record = |(id, host, text): &(&str, &str, &str)| json!({"id": id, "type": "TXT", "host": host, "text": text});
    let records: Vec<_> = records.iter().map(record).collect();
    json!({"records": records, "next": next}).to_string()
}

#[test]
fn only_the_missing_value_is_made() {
    let body = json!({"type": "TXT", "host": "_acme-challenge", "text": "wildcard", "ttl": 60});
    let created = include_str!("../fixtures/created.json");
    let script = records(Recording::new()).reply("create", 201, created).path("zone", ZONE).json(body);
    let wanted = [txt(NAME, "apex"), txt(NAME, "wildcard")];
    let state = script.run(|| Quillzone::present(&context(ZONE, &[]), &wanted)).result.expect("published");
    assert!(state.is_empty());
}

#[test]
fn only_our_value_is_removed_and_one_that_is_gone_is_as_wanted() {
    let gone = json!({"error": "no_such_record", "detail": "there is no such record"}).to_string();
    for (status, reply) in [(204, ""), (404, gone.as_str())] {
        let script = delete(records(Recording::new()), "rec-42", status, reply);
        let unwanted = [txt(NAME, "apex"), txt(NAME, "never")];
        script.run(|| Quillzone::cleanup(&context(ZONE, &[]), &unwanted, &[])).result.expect("removed");
    }
}

#[test]
fn pages_are_asked_until_the_last_and_the_apex_is_an_at() {
    let first = page(Some("2"), &[("1", "www", "x"), ("2", "@", "y")]);
    let script = Recording::new().reply("records", 200, &first).path("zone", ZONE);
    let script = script.reply("records", 200, &page(None, &[("3", "@", "x")])).path("zone", ZONE).query("after", "2");
    let script = delete(script, "3", 204, "");
    let unwanted = [txt(ZONE, "x"), txt(NAME, "x")];
    script.run(|| Quillzone::cleanup(&context(ZONE, &[]), &unwanted, &[])).result.expect("removed");
}

#[test]
fn the_apis_words_and_a_remedy_are_told() {
    for (status, code, kind) in [
        (401, "bad_token", ErrorKind::Denied),
        (403, "not_allowed", ErrorKind::Forbidden),
        (404, "no_such_zone", ErrorKind::ZoneNotFound),
    ] {
        let refusal = json!({"error": code, "detail": "the API's words"}).to_string();
        let script = Recording::new().reply("records", status, &refusal).path("zone", ZONE);
        let told = script.run(|| Quillzone::check(&context(ZONE, &[]))).result.expect_err("an error");
        assert_eq!((told.kind, told.code.as_str(), told.message.as_str()), (kind, code, "the API's words"));
        assert!(told.hint.is_some());
    }
}

#[test]
fn check_without_a_zone_lists_zones() {
    let script = Recording::new().reply("zones", 200, r#"{"zones": [], "next": null}"#);
    script.run(|| Quillzone::check(&context("", &[]))).result.expect("a token that works");
}
