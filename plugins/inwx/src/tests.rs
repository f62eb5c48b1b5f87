//! What is asked of the API, against replies of the form that its documentation shows.

use acmite_sdk::testing::{Recording, context, txt};
use acmite_sdk::{Context, ErrorKind, Provider};
use serde_json::json;

use crate::Inwx;

const NAME: &str = "_acme-challenge.example.com";
const DONE: &str = r#"{"code": 1000, "msg": "Command completed successfully", "resData": {"id": "104"}}"#;
/// "12345678901234567890", the key of RFC 6238's vectors.
const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn call() -> Context {
    context("example.com", &[("user", "me")])
}

fn in_session() -> Recording {
    Recording::new().secret("login.session")
}

fn login(script: Recording, tfa: &str) -> Recording {
    let account = json!({"code": 1000, "resData": {"customerId": 1, "tfa": tfa}}).to_string();
    script.reply("login", 200, &account).json(json!({"method": "account.login", "params": {"user": "me"}}))
}

fn unlock(script: Recording, reply: &str) -> Recording {
    let body = json!({"method": "account.unlock"});
    script.reply("unlock", 200, reply).json(body).inject("body:/params/tan", "320025")
}

fn records(script: Recording, reply: &str) -> Recording {
    let body = json!({"method": "nameserver.info", "params": {"domain": "example.com", "type": "TXT"}});
    script.reply("records", 200, reply).json(body)
}

fn there(script: Recording) -> Recording {
    records(script, include_str!("../fixtures/records.json"))
}

fn create(script: Recording, reply: &str) -> Recording {
    let params = json!({"domain": "example.com", "type": "TXT", "name": NAME, "content": "wildcard", "ttl": 60});
    script.reply("create", 200, reply).json(json!({"method": "nameserver.createRecord", "params": params}))
}

fn delete(script: Recording, reply: &str) -> Recording {
    script.reply("delete", 200, reply).json(json!({"method": "nameserver.deleteRecord", "params": {"id": "103"}}))
}

fn fault(code: u16) -> String {
    json!({"code": code, "msg": "the API's words", "reason": "why"}).to_string()
}

#[test]
fn only_the_missing_value_is_made_and_one_that_appears_meanwhile_is_as_wanted() {
    let wanted = [txt(NAME, "apex"), txt(NAME, "wildcard")];
    for reply in [DONE.to_owned(), fault(2302)] {
        let script = create(there(in_session()), &reply);
        script.run(|| Inwx::present(&call(), &wanted)).result.expect("published");
    }
}

#[test]
fn only_our_value_is_removed_and_one_that_is_gone_is_as_wanted() {
    for reply in [DONE.to_owned(), fault(2303)] {
        let script = delete(there(in_session()), &reply);
        script.run(|| Inwx::cleanup(&call(), &[txt(NAME, "apex"), txt(NAME, "never")], &[])).result.expect("removed");
    }
}

#[test]
fn a_second_factor_is_answered_with_the_code_of_the_time_of_the_call() {
    let script = Recording::new().secret_value("shared_secret", KEY);
    let script = there(unlock(login(script, "GOOGLE-AUTH"), DONE));
    script.run(|| Inwx::check(&call())).result.expect("logged in");
    there(login(Recording::new(), "0")).run(|| Inwx::check(&call())).result.expect("logged in without");
}

#[test]
fn a_second_factor_without_its_key_is_the_users_to_set() {
    let told = login(Recording::new(), "GOOGLE-AUTH").run(|| Inwx::check(&call())).result.expect_err("an error");
    assert!(told.kind == ErrorKind::Misconfigured && told.message.contains("shared_secret"), "{told:?}");
}

#[test]
fn a_code_that_is_not_taken_is_denied() {
    let script = unlock(login(Recording::new().secret_value("shared_secret", KEY), "GOOGLE-AUTH"), &fault(2200));
    let told = script.run(|| Inwx::check(&call())).result.expect_err("an error");
    assert_eq!((told.kind, told.message.as_str()), (ErrorKind::Denied, "the API's words: why"));
}

#[test]
fn a_session_that_has_ended_is_begun_anew_once() {
    let script = there(login(records(in_session(), &fault(2200)), "0"));
    script.run(|| Inwx::check(&call())).result.expect("logged in again");
    let refused = records(login(records(in_session(), &fault(2200)), "0"), &fault(2200));
    assert_eq!(refused.run(|| Inwx::check(&call())).result.expect_err("an error").kind, ErrorKind::Denied);
}

#[test]
fn the_apis_code_makes_the_error_exact() {
    for (code, kind) in [
        (2201, ErrorKind::Forbidden),
        (2303, ErrorKind::ZoneNotFound),
        (2400, ErrorKind::Transient),
        (2502, ErrorKind::RateLimited),
        (2003, ErrorKind::Upstream),
    ] {
        let told = records(in_session(), &fault(code)).run(|| Inwx::check(&call())).result.expect_err("an error");
        assert_eq!((told.kind, told.code), (kind, code.to_string()));
    }
}

#[test]
fn without_a_zone_the_session_alone_is_checked() {
    let script = in_session().reply("account", 200, DONE).json(json!({"method": "account.info"}));
    script.run(|| Inwx::check(&context("", &[("user", "me")]))).result.expect("a session that is taken");
}
