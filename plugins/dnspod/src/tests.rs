//! What is asked of the API, against replies of the form that its documentation shows.

use acmite_sdk::testing::{Recording, context, txt};
use acmite_sdk::{Context, ErrorKind, Provider};
use serde_json::{Value, json};

use crate::DnsPod;

const NAME: &str = "_acme-challenge.example.com";
const DONE: &str = r#"{"Response": {"RecordId": 162, "RequestId": "r"}}"#;

fn settings(zone: &str) -> Context {
    context(zone, &[("secret_id", "AKIDEXAMPLE")])
}

/// A signed request, the `number`th of its script; each makes as many secrets.
fn action(script: Recording, number: usize, endpoint: &str, reply: &str, body: Value) -> Recording {
    let scope = "AKIDEXAMPLE/2026-11-24/dnspod/tc3_request";
    let signature = format!("SignedHeaders=content-type;host;x-tc-action, Signature=#{}", SECRETS_EACH * number);
    let value = format!("TC3-HMAC-SHA256 Credential={scope}, {signature}");
    let script = script.reply(endpoint, 200, reply).header("x-tc-timestamp", "1795521600").json(body);
    script.inject("header:authorization", &value)
}

const SECRETS_EACH: usize = 11;

fn recording() -> Recording {
    Recording::new().secret("secret_key")
}

fn records(script: Recording, number: usize, offset: usize, reply: &str) -> Recording {
    let body = json!({"Domain": "example.com", "RecordType": "TXT", "Offset": offset, "Limit": 3000});
    action(script, number, "records", reply, body)
}

fn create(script: Recording, number: usize, name: &str, reply: &str) -> Recording {
    let body = json!({"Domain": "example.com", "SubDomain": name, "RecordType": "TXT", "RecordLine": "默认",
        "RecordLineId": "0", "Value": "wildcard", "TTL": 60});
    action(script, number, "create", reply, body)
}

fn fault(code: &str) -> String {
    json!({"Response": {"Error": {"Code": code, "Message": "the API's words"}, "RequestId": "r"}}).to_string()
}

#[test]
fn only_the_missing_value_is_made() {
    let script = records(recording(), 1, 0, include_str!("../fixtures/records.json"));
    let script = create(script, 2, "_acme-challenge", DONE);
    let wanted = [txt(NAME, "apex"), txt(NAME, "wildcard")];
    script.run(|| DnsPod::present(&settings("example.com"), &wanted)).result.expect("published");
}

#[test]
fn a_domain_without_records_and_one_that_appears_meanwhile_are_no_errors() {
    let script = records(recording(), 1, 0, &fault("ResourceNotFound.NoDataOfRecord"));
    let script = create(script, 2, "@", &fault("InvalidParameter.DomainRecordExist"));
    let wanted = [txt("example.com", "wildcard")];
    script.run(|| DnsPod::present(&settings("example.com"), &wanted)).result.expect("published");
}

#[test]
fn only_our_value_is_removed_and_one_that_is_gone_is_as_wanted() {
    for reply in [DONE.to_owned(), fault("InvalidParameter.RecordIdInvalid")] {
        let script = records(recording(), 1, 0, include_str!("../fixtures/records.json"));
        let script = action(script, 2, "delete", &reply, json!({"Domain": "example.com", "RecordId": 556_507_778}));
        let unwanted = [txt(NAME, "apex"), txt(NAME, "never")];
        script.run(|| DnsPod::cleanup(&settings("example.com"), &unwanted, &[])).result.expect("removed");
    }
}

#[test]
fn pages_are_asked_until_all_are_shown() {
    let page = include_str!("../fixtures/records.json").replace("\"TotalCount\": 2", "\"TotalCount\": 3");
    let script = records(records(recording(), 1, 0, &page), 2, 2, &page);
    let unwanted = [txt(NAME, "never")];
    script.run(|| DnsPod::cleanup(&settings("example.com"), &unwanted, &[])).result.expect("nothing to do");
}

#[test]
fn the_apis_code_makes_the_error_exact() {
    for (code, kind) in [
        ("AuthFailure.SignatureFailure", ErrorKind::Denied),
        ("AuthFailure.SecretIdNotFound", ErrorKind::Denied),
        ("AuthFailure.UnauthorizedOperation", ErrorKind::Forbidden),
        ("OperationDenied.NoPermissionToOperateDomain", ErrorKind::Forbidden),
        ("InvalidParameterValue.DomainNotExists", ErrorKind::ZoneNotFound),
        ("RequestLimitExceeded", ErrorKind::RateLimited),
        ("InternalError", ErrorKind::Transient),
        ("InvalidParameter.RecordTypeInvalid", ErrorKind::Upstream),
    ] {
        let script = records(recording(), 1, 0, &fault(code));
        let told = script.run(|| DnsPod::check(&settings("example.com"))).result.expect_err("an error");
        assert_eq!((told.kind, told.code.as_str(), told.message.as_str()), (kind, code, "the API's words"));
    }
    let script = action(recording(), 1, "domains", r#"{"Response": {"DomainList": []}}"#, json!({"Limit": 1}));
    script.run(|| DnsPod::check(&settings(""))).result.expect("a key that is taken");
}
