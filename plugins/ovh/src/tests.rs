//! What is asked of the API, against replies of the form that its console shows.

use acmite_sdk::testing::{Recording, context, txt};
use acmite_sdk::{ErrorKind, Provider};
use serde_json::json;

use crate::Ovh;

const NAME: &str = "_acme-challenge.example.com";
const TIME: &str = "1366560945";

/// A script that begins with the API's clock.
fn recording() -> Recording {
    Recording::new().secret("application_secret").secret("consumer_key").reply("time", 200, TIME)
}

/// The next request, the `number`th that is signed; each makes as many secrets.
fn next(script: Recording, number: usize, endpoint: &str, status: u16, reply: &str) -> Recording {
    let script = script.reply(endpoint, status, reply).path("zone", "example.com").header("x-ovh-timestamp", TIME);
    script.inject("header:x-ovh-signature", &format!("$1$#{}", SECRETS_EACH * number))
}

const SECRETS_EACH: usize = 4;

fn list(script: Recording, number: usize, name: &str, ids: &str) -> Recording {
    next(script, number, "list", 200, ids).query("fieldType", "TXT").query("subDomain", name)
}

fn show(script: Recording, number: usize, id: u64, target: &str) -> Recording {
    let record = json!({"id": id, "zone": "example.com", "fieldType": "TXT", "subDomain": "_acme-challenge",
        "target": target, "ttl": 60});
    next(script, number, "record", 200, &record.to_string()).path("record", &id.to_string())
}

fn create(script: Recording, number: usize, name: &str) -> Recording {
    let body = json!({"fieldType": "TXT", "subDomain": name, "target": "\"wildcard\"", "ttl": 60});
    next(script, number, "create", 200, r#"{"id": 3}"#).json(body)
}

#[test]
fn a_service_account_logs_in_once_and_signs_nothing() {
    let account = [("client_id", "EU.1")];
    let form = "client_id=EU.1&grant_type=client_credentials&scope=all";
    let script = Recording::new().reply("token", 200, r#"{"token_type": "Bearer", "expires_in": 3599}"#).body(form);
    let script = script.reply("zone", 200, "{}").path("zone", "example.com");
    script.run(|| Ovh::check(&context("example.com", &account))).result.expect("an account");
    let held = Recording::new().secret("token.access_token").reply("zone", 200, "{}").path("zone", "example.com");
    held.run(|| Ovh::check(&context("example.com", &account))).result.expect("a token that is there");
    let script = Recording::new().reply("token", 401, r#"{"error": "invalid_client"}"#).body(form);
    let told = script.run(|| Ovh::check(&context("", &account))).result.expect_err("an error");
    assert_eq!((told.kind, told.code.as_str()), (ErrorKind::Denied, "invalid_client"));
}

#[test]
fn only_the_missing_value_is_made_and_then_published() {
    let wanted = [txt(NAME, "apex"), txt(NAME, "wildcard")];
    let script = show(list(recording(), 1, "_acme-challenge", "[1]"), 2, 1, "\"apex\"");
    let script = next(create(script, 3, "_acme-challenge"), 4, "refresh", 200, "null");
    script.run(|| Ovh::present(&context("example.com", &[]), &wanted)).result.expect("published");
    let script = create(list(recording(), 1, "", "[]"), 2, "");
    let script = next(script, 3, "refresh", 200, "null");
    let apex = [txt("example.com", "wildcard")];
    script.run(|| Ovh::present(&context("example.com", &[]), &apex)).result.expect("published");
}

#[test]
fn what_is_there_is_published_again_since_an_earlier_refresh_may_have_failed() {
    let script = show(list(recording(), 1, "_acme-challenge", "[1]"), 2, 1, "\"apex\"");
    let script = next(script, 3, "refresh", 200, "null");
    script.run(|| Ovh::present(&context("example.com", &[]), &[txt(NAME, "apex")])).result.expect("published");
}

#[test]
fn only_our_value_is_removed_and_one_that_is_gone_is_as_wanted() {
    for status in [200, 404] {
        let script = show(list(recording(), 1, "_acme-challenge", "[1, 2]"), 2, 1, "\"apex\"");
        let script = show(script, 3, 2, "\"foreign\"");
        let script = next(script, 4, "delete", status, "null").path("record", "1");
        let script = next(script, 5, "refresh", 200, "null");
        let unwanted = [txt(NAME, "apex"), txt(NAME, "never")];
        script.run(|| Ovh::cleanup(&context("example.com", &[]), &unwanted, &[])).result.expect("removed");
    }
}

#[test]
fn the_apis_code_makes_the_error_exact() {
    for (status, code, kind) in [
        (403, "INVALID_CREDENTIAL", ErrorKind::Denied),
        (400, "INVALID_SIGNATURE", ErrorKind::Denied),
        (403, "NOT_GRANTED_CALL", ErrorKind::Forbidden),
        (404, "", ErrorKind::ZoneNotFound),
    ] {
        let fault = json!({"class": "Client", "message": "the API's words", "errorCode": code}).to_string();
        let script = next(recording(), 1, "zone", status, &fault);
        let told = script.run(|| Ovh::check(&context("example.com", &[]))).result.expect_err("an error");
        assert_eq!((told.kind, told.code.as_str(), told.message.as_str()), (kind, code, "the API's words"));
    }
}
