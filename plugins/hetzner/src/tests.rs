//! What is asked of the API, against what it sends.

use acmite_sdk::testing::{Recording, context, txt};
use acmite_sdk::{ErrorKind, Provider, Settlement};
use serde_json::{Value, json};

use crate::Hetzner;

const NAME: &str = "_acme-challenge.example.com";
const WWW: &str = "_acme-challenge.www.example.com";
const ZONE: &str = "example.com";
const BEGUN: &str = include_str!("../fixtures/begun.json");

/// The sets as one page has them, asked for one name or for all.
fn sets(recording: Recording, name: Option<&str>) -> Recording {
    let reply = include_str!("../fixtures/sets.json");
    let recording = recording.reply("sets", 200, reply).path("zone", ZONE).query("page", "1");
    name.into_iter().fold(recording, |recording, name| recording.query("name", name))
}

fn write(recording: Recording, endpoint: &str, name: &str, reply: (u16, &str), body: Value) -> Recording {
    recording.reply(endpoint, reply.0, reply.1).path("zone", ZONE).path("name", name).json(body)
}

fn actions(statuses: &[(u64, &str)], next_page: Option<u64>) -> String {
    let error = |failed: bool| if failed { json!({"code": "action_failed", "message": "no"}) } else { Value::Null };
    let action = |&(id, status): &(u64, &str)| json!({"id": id, "status": status, "error": error(status == "error")});
    let actions: Vec<Value> = statuses.iter().map(action).collect();
    json!({"actions": actions, "meta": {"pagination": {"next_page": next_page}}}).to_string()
}

#[test]
fn a_new_set_gets_a_ttl_and_one_that_is_there_keeps_its_own() {
    let wildcard = json!({"records": [{"value": "\"wildcard\""}]});
    let script = write(sets(Recording::new(), None), "add", "_acme-challenge", (201, BEGUN), wildcard);
    let www = json!({"ttl": 60, "records": [{"value": "\"one\""}, {"value": "\"two\""}]});
    let script = write(script, "add", "_acme-challenge.www", (201, &BEGUN.replace("running", "success")), www);
    let wanted = [txt(NAME, "apex"), txt(NAME, "wildcard"), txt(WWW, "one"), txt(WWW, "two")];
    let state = script.run(|| Hetzner::present(&context(ZONE, &[]), &wanted)).result.expect("published");
    assert_eq!(state, 17_u64.to_be_bytes());
}

#[test]
fn more_values_than_a_request_takes_are_sent_in_two() {
    let values: Vec<String> = (0..51).map(|number| format!("v{number}")).collect();
    let record = |value: &String| json!({"value": format!("\"{value}\"")});
    let records: Vec<Value> = values.iter().map(record).collect();
    let script = sets(Recording::new(), Some("_acme-challenge"));
    let script = write(script, "add", "_acme-challenge", (201, BEGUN), json!({"records": records[..50]}));
    let script = write(script, "add", "_acme-challenge", (201, BEGUN), json!({"records": records[50..]}));
    let wanted: Vec<_> = values.iter().map(|value| txt(NAME, value)).collect();
    script.run(|| Hetzner::present(&context(ZONE, &[]), &wanted)).result.expect("published");
}

#[test]
fn only_values_that_are_there_are_removed_and_a_set_that_is_gone_is_as_wanted() {
    let gone = json!({"error": {"code": "not_found", "message": "gone"}}).to_string();
    for reply in [(201, BEGUN), (404, gone.as_str())] {
        let body = json!({"records": [{"value": "\"apex\""}]});
        let script = write(sets(Recording::new(), None), "remove", "_acme-challenge", reply, body);
        let unwanted = [txt(NAME, "apex"), txt(NAME, "never"), txt(WWW, "never")];
        script.run(|| Hetzner::cleanup(&context(ZONE, &[]), &unwanted, &[])).result.expect("removed");
    }
}

#[test]
fn it_is_settled_when_no_action_of_ours_is_running() {
    let state = [17_u64.to_be_bytes(), 19_u64.to_be_bytes()].concat();
    let asked = |newest: &str, oldest: &str| {
        let first = actions(&[(20, "running"), (19, newest)], Some(2));
        let script = Recording::new().reply("actions", 200, &first).path("zone", ZONE).query("page", "1");
        let second = actions(&[(18, "running"), (17, oldest)], Some(3));
        let script = script.reply("actions", 200, &second).path("zone", ZONE).query("page", "2");
        script.run(|| Hetzner::settled(&context(ZONE, &[]), &[], &state)).result
    };
    assert!(matches!(asked("success", "success"), Ok(Settlement::Done)));
    assert!(matches!(asked("success", "running"), Ok(Settlement::Pending(1000))));
    let told = asked("running", "error").expect_err("an error");
    assert_eq!((told.kind, told.code.as_str(), told.message.as_str()), (ErrorKind::Upstream, "action_failed", "no"));
    let unasked = Recording::new().run(|| Hetzner::settled(&context(ZONE, &[]), &[], &[])).result;
    assert!(matches!(unasked, Ok(Settlement::Done)));
}

#[test]
fn the_apis_code_makes_the_error_exact() {
    for (status, code, kind) in [
        (401, "unauthorized", ErrorKind::Denied),
        (403, "token_readonly", ErrorKind::Forbidden),
        (404, "not_found", ErrorKind::ZoneNotFound),
        (423, "locked", ErrorKind::Conflict),
        (422, "incorrect_zone_mode", ErrorKind::Upstream),
    ] {
        let refusal = json!({"error": {"code": code, "message": "the API's words", "details": {}}}).to_string();
        let script = Recording::new().reply("sets", status, &refusal).path("zone", ZONE);
        let script = script.query("page", "1").query("name", "@");
        let told = script.run(|| Hetzner::check(&context(ZONE, &[]))).result.expect_err("an error");
        assert_eq!((told.kind, told.code.as_str(), told.message.as_str()), (kind, code, "the API's words"));
        assert!(told.hint.is_some() || code == "locked");
    }
}

#[test]
fn check_without_a_zone_lists_zones() {
    let script = Recording::new().reply("zones", 200, r#"{"zones": [], "meta": {}}"#);
    script.run(|| Hetzner::check(&context("", &[]))).result.expect("a token that works");
}
