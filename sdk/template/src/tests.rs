//! What is asked of the API, against what it sends.

use acmite_sdk::testing::{Recording, context, txt};
use acmite_sdk::{ErrorKind, Provider};
use serde_json::json;

use crate::Quillzone;

const NAME: &str = "_acme-challenge.example.com";
const ZONE: &str = "example.com";

fn records(recording: Recording) -> Recording {
    let reply = include_str!("../fixtures/records.json");
    recording.reply("records", 200, reply).path("zone", ZONE).query("page", "1").query("name", NAME)
}

fn delete(recording: Recording, id: &str, status: u16, reply: &str) -> Recording {
    recording.reply("delete", status, reply).path("zone", ZONE).path("record", id)
}

fn page(next: Option<&str>, records: &[(u64, &str, &str)]) -> String {
    let record = |(id, name, data): &(u64, &str, &str)| json!({"id": id, "type": "TXT", "name": name, "data": data});
    let records: Vec<_> = records.iter().map(record).collect();
    let pages = next.map_or(json!({}), |url| json!({"pages": {"next": url}}));
    json!({"domain_records": records, "links": pages, "meta": {"total": 3}}).to_string()
}

#[test]
fn only_the_missing_value_is_made() {
    let body = json!({"type": "TXT", "name": "_acme-challenge", "data": "wildcard", "ttl": 60});
    let created = include_str!("../fixtures/created.json");
    let script = records(Recording::new()).reply("create", 201, created).path("zone", ZONE).json(body);
    let wanted = [txt(NAME, "apex"), txt(NAME, "wildcard")];
    let state = script.run(|| Quillzone::present(&context(ZONE, &[]), &wanted)).result.expect("published");
    assert!(state.is_empty());
}

#[test]
fn only_our_value_is_removed_and_one_that_is_gone_is_as_wanted() {
    let gone = json!({"id": "not_found", "message": "The resource you requested could not be found."}).to_string();
    for (status, reply) in [(204, ""), (404, gone.as_str())] {
        let script = delete(records(Recording::new()), "28448432", status, reply);
        let unwanted = [txt(NAME, "apex"), txt(NAME, "never")];
        script.run(|| Quillzone::cleanup(&context(ZONE, &[]), &unwanted, &[])).result.expect("removed");
    }
}

#[test]
fn pages_are_asked_until_the_last_and_the_apex_is_an_at() {
    let next = Some("https://api.quillzone.example/v1/domains/example.com/records?page=2");
    let script = Recording::new().reply("records", 200, &page(next, &[(1, "www", "x"), (2, "@", "y")]));
    let script = script.path("zone", ZONE).query("page", "1");
    let script = script.reply("records", 200, &page(None, &[(3, "@", "x")])).path("zone", ZONE).query("page", "2");
    let script = delete(script, "3", 204, "");
    let unwanted = [txt(ZONE, "x"), txt(NAME, "x")];
    script.run(|| Quillzone::cleanup(&context(ZONE, &[]), &unwanted, &[])).result.expect("removed");
}

#[test]
fn the_apis_words_and_a_remedy_are_told() {
    for (status, id, kind) in [
        (401, "unauthorized", ErrorKind::Denied),
        (403, "forbidden", ErrorKind::Forbidden),
        (404, "not_found", ErrorKind::ZoneNotFound),
    ] {
        let refusal = json!({"id": id, "message": "the API's words"}).to_string();
        let script = Recording::new().reply("records", status, &refusal).path("zone", ZONE);
        let script = script.query("page", "1").query("name", ZONE);
        let told = script.run(|| Quillzone::check(&context(ZONE, &[]))).result.expect_err("an error");
        assert_eq!((told.kind, told.code.as_str(), told.message.as_str()), (kind, id, "the API's words"));
        assert!(told.hint.is_some());
    }
}

#[test]
fn check_without_a_zone_lists_domains() {
    let script = Recording::new().reply("domains", 200, r#"{"domains": [], "links": {}, "meta": {"total": 0}}"#);
    script.run(|| Quillzone::check(&context("", &[]))).result.expect("a token that works");
}
