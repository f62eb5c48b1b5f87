//! What is asked of the API, against replies of the form that its documentation shows.

use acmite_sdk::testing::{Recording, context, txt};
use acmite_sdk::{ErrorKind, Provider};
use serde_json::json;

use crate::Porkbun;

const NAME: &str = "_acme-challenge.example.com";
const DONE: &str = r#"{"status": "SUCCESS", "id": 106926661}"#;

fn records(recording: Recording) -> Recording {
    let reply = include_str!("../fixtures/records.json");
    recording.reply("records", 200, reply).path("zone", "example.com").json(json!({}))
}

fn create(recording: Recording, status: u16, reply: &str, name: &str) -> Recording {
    let body = json!({"type": "TXT", "name": name, "content": "wildcard", "ttl": "60"});
    recording.reply("create", status, reply).path("zone", "example.com").json(body)
}

fn delete(recording: Recording, status: u16, reply: &str) -> Recording {
    recording.reply("delete", status, reply).path("zone", "example.com").path("record", "106926659").json(json!({}))
}

fn fault(code: &str) -> String {
    json!({"status": "ERROR", "message": "the API's words", "code": code}).to_string()
}

#[test]
fn only_the_missing_value_is_made() {
    let wanted = [txt(NAME, "apex"), txt(NAME, "wildcard")];
    let script = create(records(Recording::new()), 200, DONE, "_acme-challenge");
    script.run(|| Porkbun::present(&context("example.com", &[]), &wanted)).result.expect("published");
    let apex = [txt("example.com", "wildcard")];
    let script = create(records(Recording::new()), 200, DONE, "");
    script.run(|| Porkbun::present(&context("example.com", &[]), &apex)).result.expect("published");
}

#[test]
fn only_our_value_is_removed_and_one_that_is_gone_is_as_wanted() {
    for (status, reply) in [(200, DONE.to_owned()), (400, fault("INVALID_RECORD_ID"))] {
        let script = delete(records(Recording::new()), status, &reply);
        let unwanted = [txt(NAME, "apex"), txt(NAME, "never")];
        script.run(|| Porkbun::cleanup(&context("example.com", &[]), &unwanted, &[])).result.expect("removed");
    }
}

#[test]
fn a_record_that_appears_meanwhile_is_success() {
    let script = create(records(Recording::new()), 400, &fault("DUPLICATE_RECORD"), "_acme-challenge");
    let wanted = [txt(NAME, "wildcard")];
    script.run(|| Porkbun::present(&context("example.com", &[]), &wanted)).result.expect("published");
}

#[test]
fn the_apis_code_makes_the_error_exact_whatever_the_status() {
    for (status, code, kind) in [
        (400, "INVALID_API_KEYS_001", ErrorKind::Denied),
        (200, "INVALID_API_KEYS_002", ErrorKind::Denied),
        (403, "IP_NOT_ALLOWED", ErrorKind::Forbidden),
        (400, "DOMAIN_NOT_ALLOWED", ErrorKind::Forbidden),
        (400, "INVALID_DOMAIN", ErrorKind::ZoneNotFound),
        (429, "RATE_LIMIT_EXCEEDED", ErrorKind::RateLimited),
        (400, "INVALID_TYPE", ErrorKind::Upstream),
    ] {
        let script =
            Recording::new().reply("records", status, &fault(code)).path("zone", "example.com").json(json!({}));
        let told = script.run(|| Porkbun::check(&context("example.com", &[]))).result.expect_err("an error");
        assert_eq!((told.kind, told.code.as_str(), told.message.as_str()), (kind, code, "the API's words"), "{code}");
    }
}

#[test]
fn without_a_zone_the_keys_alone_are_checked() {
    let script = Recording::new().reply("ping", 200, r#"{"status": "SUCCESS", "yourIp": "192.0.2.9"}"#).json(json!({}));
    script.run(|| Porkbun::check(&context("", &[]))).result.expect("keys that are taken");
}
