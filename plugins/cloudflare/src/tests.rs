//! What is asked of the API, against what it sends.

use acmite_sdk::testing::{Recording, context, txt};
use acmite_sdk::{ErrorKind, Provider};
use serde_json::json;

use crate::Cloudflare;

const NAME: &str = "_acme-challenge.example.com";
const ZONE: &str = "023e105f4ecef8ad9ca31a8372d0c353";

fn zones(recording: Recording) -> Recording {
    let reply = include_str!("../fixtures/zones.json");
    recording.reply("zones", 200, reply).query("name", "example.com").query("page", "1")
}

fn records(recording: Recording) -> Recording {
    let reply = include_str!("../fixtures/records.json");
    recording.reply("records", 200, reply).path("zone", ZONE).query("name.exact", NAME).query("page", "1")
}

fn create(recording: Recording, status: u16, reply: &str) -> Recording {
    let body = json!({"type": "TXT", "name": NAME, "content": "\"wildcard\"", "ttl": 60});
    recording.reply("create", status, reply).path("zone", ZONE).json(body)
}

fn delete(recording: Recording, id: &str, status: u16, reply: &str) -> Recording {
    recording.reply("delete", status, reply).path("zone", ZONE).path("record", id)
}

fn refusal(code: u32) -> String {
    json!({"success": false, "errors": [{"code": code, "message": "the API's words"}], "result": null}).to_string()
}

#[test]
fn only_the_missing_value_is_made_and_both_ids_are_kept() {
    let wanted = [txt(NAME, "apex"), txt(NAME, "wildcard")];
    let script = create(records(zones(Recording::new())), 200, include_str!("../fixtures/created.json"));
    let state = script.run(|| Cloudflare::present(&context("example.com", &[]), &wanted)).result.expect("published");
    let ids = ["473e67954025e0ba6aaa6d586b9e0b59", "573e67954025e0ba6aaa6d586b9e0b59"];
    let script =
        batch(Recording::new(), 200, r#"{"result": {}}"#, json!({"deletes": [{"id": ids[0]}, {"id": ids[1]}]}));
    script.run(|| Cloudflare::cleanup(&context("example.com", &[]), &wanted, &state)).result.expect("removed");
}

fn two_new() -> [acmite_sdk::Txt; 2] {
    [txt(NAME, "one"), txt(NAME, "two")]
}

fn batch(recording: Recording, status: u16, reply: &str, body: serde_json::Value) -> Recording {
    recording.reply("batch", status, reply).path("zone", ZONE).json(body)
}

#[test]
fn several_values_are_made_and_removed_by_one_batch_each() {
    let new = |value: &str| json!({"type": "TXT", "name": NAME, "content": format!("\"{value}\""), "ttl": 60});
    let posts = json!({"posts": [new("one"), new("two")]});
    let script = batch(records(zones(Recording::new())), 200, include_str!("../fixtures/batch.json"), posts);
    let state = script.run(|| Cloudflare::present(&context("example.com", &[]), &two_new())).result.expect("published");
    let deletes =
        json!({"deletes": [{"id": "673e67954025e0ba6aaa6d586b9e0b59"}, {"id": "773e67954025e0ba6aaa6d586b9e0b59"}]});
    let script = batch(Recording::new(), 200, r#"{"result": {"deletes": []}}"#, deletes);
    script.run(|| Cloudflare::cleanup(&context("example.com", &[]), &two_new(), &state)).result.expect("removed");
}

#[test]
fn what_a_refused_batch_would_have_removed_is_removed_one_by_one() {
    let mut state = crate::state::State::new(ZONE);
    let ids = ["673e67954025e0ba6aaa6d586b9e0b59", "773e67954025e0ba6aaa6d586b9e0b59"];
    two_new().iter().zip(ids).for_each(|(record, id)| state.keep(record, id));
    let deletes = json!({"deletes": [{"id": ids[0]}, {"id": ids[1]}]});
    let script = batch(Recording::new(), 404, &refusal(81044), deletes);
    let script = delete(script, ids[0], 404, &refusal(81044));
    let script = delete(script, ids[1], 200, "{}");
    let cleanup = || Cloudflare::cleanup(&context("example.com", &[]), &two_new(), &state.bytes());
    script.run(cleanup).result.expect("removed");
}

#[test]
fn an_identical_record_that_appears_meanwhile_is_success() {
    let wanted = [txt(NAME, "wildcard")];
    let script = create(records(zones(Recording::new())), 400, &refusal(81058));
    let state = script.run(|| Cloudflare::present(&context("example.com", &[]), &wanted)).result.expect("published");
    let script = records(zones(Recording::new()));
    script.run(|| Cloudflare::cleanup(&context("example.com", &[]), &wanted, &state)).result.expect("nothing to do");
}

#[test]
fn without_state_only_our_value_is_looked_up_and_removed() {
    let script = delete(records(zones(Recording::new())), "473e67954025e0ba6aaa6d586b9e0b59", 200, "{}");
    let unwanted = [txt(NAME, "apex")];
    script.run(|| Cloudflare::cleanup(&context("example.com", &[]), &unwanted, &[])).result.expect("removed");
}

#[test]
fn pages_are_asked_until_the_last() {
    let page = |number: usize, shown: usize| {
        let result: Vec<_> =
            (0..shown).map(|n| json!({"id": format!("{number}{n}"), "name": "a", "content": "b"})).collect();
        json!({"result": result, "result_info": {"per_page": 2, "total_count": 3}}).to_string()
    };
    let script = zones(Recording::new()).reply("records", 200, &page(1, 2)).path("zone", ZONE).query("page", "1");
    let script = script.reply("records", 200, &page(2, 1)).path("zone", ZONE).query("page", "2");
    let unwanted = [txt(NAME, "x"), txt("_acme-challenge.www.example.com", "y")];
    script.run(|| Cloudflare::cleanup(&context("example.com", &[]), &unwanted, &[])).result.expect("nothing to do");
}

#[test]
fn the_apis_code_makes_the_error_exact() {
    for (status, code, kind) in [
        (400, 6003, ErrorKind::Denied),
        (403, 9109, ErrorKind::Denied),
        (403, 10000, ErrorKind::Forbidden),
        (401, 10000, ErrorKind::Denied),
        (400, 9005, ErrorKind::Upstream),
    ] {
        let script =
            Recording::new().reply("zones", status, &refusal(code)).query("name", "example.com").query("page", "1");
        let told = script.run(|| Cloudflare::check(&context("example.com", &[]))).result.expect_err("an error");
        assert_eq!((told.kind, told.code, told.status), (kind, code.to_string(), Some(status)));
        assert_eq!(told.message, "the API's words");
    }
}

#[test]
fn a_zone_that_the_token_does_not_see_is_told() {
    let none = json!({"result": [], "result_info": {"per_page": 50, "total_count": 0}}).to_string();
    let script = Recording::new().reply("zones", 200, &none).query("name", "example.org").query("page", "1");
    let told = script.run(|| Cloudflare::check(&context("example.org", &[]))).result.expect_err("an error");
    assert_eq!(told.kind, ErrorKind::ZoneNotFound);
    assert!(Recording::new().reply("zones", 200, &none).run(|| Cloudflare::check(&context("", &[]))).result.is_ok());
}
