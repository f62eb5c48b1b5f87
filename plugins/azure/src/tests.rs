//! What is asked of the API, against what it sends.

use acmite_sdk::testing::{Recording, context, txt};
use acmite_sdk::{Context, ErrorKind, Provider};
use serde_json::{Value, json};

use crate::Azure;

const NAME: &str = "_acme-challenge.example.com";
const WWW: &str = "_acme-challenge.www.example.com";
const ETAG: &str = "0f2d4c1e-6a5b-4a55-9d2b-1f0c3f6a7b11";
const NO_SET: &str = r#"{"code": "NotFound", "message": "The resource record '_acme-challenge.www' does not exist"}"#;

const SCOPE: (&str, &str) = ("scope", "https://management.azure.com/.default");

fn example() -> Context {
    context("example.com", &[("client_id", "app"), SCOPE])
}

/// A run that has its token.
fn logged_in() -> Recording {
    Recording::new().secret("token.access_token")
}

fn to(recording: Recording, endpoint: &str, name: &str, status: u16, reply: &str) -> Recording {
    recording.reply(endpoint, status, reply).path("zone", "example.com").path("name", name)
}

fn set(recording: Recording) -> Recording {
    to(recording, "set", "_acme-challenge", 200, include_str!("../fixtures/set.json"))
}

fn no_set(recording: Recording) -> Recording {
    to(recording, "set", "_acme-challenge.www", 404, NO_SET)
}

fn properties(ttl: u32, records: &Value) -> Value {
    json!({"properties": {"TTL": ttl, "TXTRecords": records}})
}

#[test]
fn a_set_that_is_there_is_changed_under_its_etag_and_a_new_one_made_if_there_is_none() {
    let joined = json!([{"value": ["for", "eign"]}, {"value": ["apex"]}, {"value": ["wildcard"]}]);
    let script = to(no_set(set(logged_in())), "patch", "_acme-challenge", 200, "{}").header("if-match", ETAG);
    let script = to(script.json(properties(3600, &joined)), "put", "_acme-challenge.www", 201, "{}");
    let script = script.header("if-none-match", "*").json(properties(60, &json!([{"value": ["www"]}])));
    let wanted = [txt(NAME, "apex"), txt(NAME, "wildcard"), txt(WWW, "www")];
    script.run(|| Azure::present(&example(), &wanted)).result.expect("published");
}

#[test]
fn nothing_is_written_where_nothing_is_to_do() {
    let there = [txt(NAME, "apex"), txt(NAME, "foreign")];
    set(logged_in()).run(|| Azure::present(&example(), &there)).result.expect("published already");
    let absent = [txt(NAME, "never"), txt(WWW, "never")];
    no_set(set(logged_in())).run(|| Azure::cleanup(&example(), &absent, &[])).result.expect("removed already");
}

#[test]
fn cleanup_keeps_siblings_and_removes_an_emptied_set() {
    let script = to(set(logged_in()), "patch", "_acme-challenge", 200, "{}").header("if-match", ETAG);
    let script = script.json(properties(3600, &json!([{"value": ["for", "eign"]}])));
    script.run(|| Azure::cleanup(&example(), &[txt(NAME, "apex")], &[])).result.expect("removed");
    let script = to(set(logged_in()), "delete", "_acme-challenge", 200, "").header("if-match", ETAG);
    let both = [txt(NAME, "apex"), txt(NAME, "foreign")];
    script.run(|| Azure::cleanup(&example(), &both, &[])).result.expect("removed");
}

#[test]
fn a_set_that_changed_meanwhile_is_a_conflict() {
    let changed = json!({"error": {"code": "PreconditionFailed", "message": "changed"}}).to_string();
    let script = to(set(logged_in()), "patch", "_acme-challenge", 412, &changed).header("if-match", ETAG);
    let script = script.json(properties(3600, &json!([{"value": ["for", "eign"]}])));
    let told = script.run(|| Azure::cleanup(&example(), &[txt(NAME, "apex")], &[])).result.expect_err("an error");
    assert_eq!((told.kind, told.code.as_str()), (ErrorKind::Conflict, "PreconditionFailed"));
}

#[test]
fn the_first_call_of_a_run_logs_in() {
    let form = "client_id=app&grant_type=client_credentials&scope=https%3A%2F%2Fmanagement.azure.com%2F.default";
    let script = Recording::new().reply("token", 200, r#"{"token_type": "Bearer", "expires_in": 3599}"#).body(form);
    script.run(|| Azure::check(&context("", &[("client_id", "app"), SCOPE]))).result.expect("a secret that works");
    logged_in().run(|| Azure::check(&context("", &[]))).result.expect("a token that is there");
    for (status, code, kind) in
        [(401, "invalid_client", ErrorKind::Denied), (400, "unauthorized_client", ErrorKind::Misconfigured)]
    {
        let refusal = json!({"error": code, "error_description": "AADSTS7000215: no.\r\nTrace ID: 1"}).to_string();
        let script = Recording::new().reply("token", status, &refusal).body(form);
        let told = script.run(|| Azure::check(&example())).result.expect_err("an error");
        assert_eq!((told.kind, told.code.as_str(), told.message.as_str()), (kind, code, "AADSTS7000215: no."));
        assert!(told.hint.is_some());
    }
}

#[test]
fn a_zone_that_is_absent_is_not_taken_for_an_absent_set() {
    for (status, code, kind) in [
        (404, "ParentResourceNotFound", ErrorKind::ZoneNotFound),
        (404, "ResourceGroupNotFound", ErrorKind::ZoneNotFound),
        (403, "AuthorizationFailed", ErrorKind::Forbidden),
    ] {
        let refusal = json!({"error": {"code": code, "message": "the API's words"}}).to_string();
        let script = to(logged_in(), "set", "@", status, &refusal);
        let told = script.run(|| Azure::check(&example())).result.expect_err("an error");
        assert_eq!((told.kind, told.code.as_str(), told.message.as_str()), (kind, code, "the API's words"));
        assert!(told.hint.is_some());
    }
    to(logged_in(), "set", "@", 404, NO_SET).run(|| Azure::check(&example())).result.expect("a zone that is there");
}
