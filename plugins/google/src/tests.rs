//! What is asked of the API, against what it sends.

use acmite_sdk::testing::{Recording, context, txt};
use acmite_sdk::{Context, ErrorKind, Provider, Settlement};
use serde_json::{Value, json};

use crate::Google;
use crate::state::State;

const NAME: &str = "_acme-challenge.example.com";

fn call() -> Context {
    context("example.com", &[("client_email", "me@my.iam.gserviceaccount.com"), ("project", "my")])
}

/// The run has a token.
fn with_token() -> Recording {
    Recording::new().secret("token.access_token")
}

fn zones(recording: Recording) -> Recording {
    recording.reply("zones", 200, include_str!("../fixtures/zones.json")).query("dnsName", "example.com.")
}

fn set(recording: Recording) -> Recording {
    let reply = include_str!("../fixtures/set.json");
    recording.reply("set", 200, reply).path("zone", "my-zone").query("name", "_acme-challenge.example.com.")
}

fn rrset(ttl: u32, rrdatas: &[&str]) -> Value {
    json!({"name": "_acme-challenge.example.com.", "type": "TXT", "ttl": ttl, "rrdatas": rrdatas})
}

fn change(recording: Recording, status: u16, reply: &str, body: Value) -> Recording {
    recording.reply("change", status, reply).path("zone", "my-zone").json(body)
}

fn state(change: Option<&str>) -> Vec<u8> {
    State { zone: "my-zone".to_owned(), change: change.map(str::to_owned) }.bytes()
}

#[test]
fn a_token_is_asked_for_once_and_with_a_signed_assertion() {
    let token = Recording::new().secret("private_key").reply("token", 200, "{}");
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    let script = token.body(grant).inject("body:/assertion", "#7").reply("zones", 200, "{}");
    let ran = script.run(|| Google::check(&context("", &[("client_email", "me")])));
    ran.result.expect("a check that passes");
    let claims = r#"{"iss":"me","scope":"https://www.googleapis.com/auth/ndev.clouddns.readwrite","aud":"https://oauth2.googleapis.com/token","iat":1795521600,"exp":1795525200}"#;
    assert_eq!(ran.secret_calls[1], format!("encode(base64url, {claims}) -> #2"));
    with_token().reply("zones", 200, "{}").run(|| Google::check(&context("", &[]))).result.expect("no second token");
}

#[test]
fn a_refused_assertion_is_a_denied_credential() {
    let refusal = r#"{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}"#;
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    let script = Recording::new().secret("private_key").reply("token", 400, refusal).body(grant);
    let ran = script.inject("body:/assertion", "#7").run(|| Google::check(&call()));
    let told = ran.result.expect_err("an error");
    assert_eq!((told.kind, told.code.as_str()), (ErrorKind::Denied, "invalid_grant"));
}

#[test]
fn a_set_is_taken_away_and_comes_back_with_both_values_and_its_ttl() {
    let wanted = [txt(NAME, "apex"), txt(NAME, "wildcard")];
    let body = json!({
        "deletions": [rrset(300, &["\"foreign\""])],
        "additions": [rrset(300, &["\"foreign\"", "\"apex\"", "\"wildcard\""])],
    });
    let script = change(set(zones(with_token())), 200, include_str!("../fixtures/change.json"), body);
    let published = script.run(|| Google::present(&call(), &wanted)).result.expect("published");
    assert_eq!(published, state(Some("17")));
    let there = set(zones(with_token())).run(|| Google::present(&call(), &[txt(NAME, "foreign")]));
    assert_eq!(there.result.expect("there already"), state(None));
}

#[test]
fn cleanup_knows_the_zone_from_its_state_and_gives_back_what_is_not_ours() {
    let both = include_str!("../fixtures/set.json").replace("[\"\\\"foreign\\\"\"]", r#"["\"foreign\"", "\"ours\""]"#);
    let body = json!({
        "deletions": [rrset(300, &["\"foreign\"", "\"ours\""])],
        "additions": [rrset(300, &["\"foreign\""])],
    });
    let script = with_token().reply("set", 200, &both).path("zone", "my-zone").query("name", &format!("{NAME}."));
    let script = change(script, 200, include_str!("../fixtures/change.json"), body);
    script.run(|| Google::cleanup(&call(), &[txt(NAME, "ours")], &state(None))).result.expect("removed");
    let alone = json!({"deletions": [rrset(300, &["\"foreign\""])], "additions": []});
    let script = change(set(zones(with_token())), 200, include_str!("../fixtures/change.json"), alone);
    script.run(|| Google::cleanup(&call(), &[txt(NAME, "foreign")], &[])).result.expect("removed");
    set(with_token()).run(|| Google::cleanup(&call(), &[txt(NAME, "never")], &state(None))).result.expect("absent");
}

/// Sets without data of their own are passed over at other names alone.
#[test]
fn three_names_are_read_in_one_list_of_the_zone() {
    let names = ["a.example.com", "b.example.com", NAME];
    let ran = |routed: &str| {
        let policy = json!({"name": format!("{routed}."), "type": "TXT", "routingPolicy": {}});
        let reply = json!({"rrsets": [policy, rrset(300, &["\"foreign\""])]}).to_string();
        let script = with_token().reply("sets", 200, &reply).path("zone", "my-zone");
        script.run(|| Google::cleanup(&call(), &names.map(|name| txt(name, "ours")), &state(None))).result
    };
    ran("w.example.com").expect("nothing to remove");
    assert_eq!(ran("a.example.com").expect_err("an error").kind, ErrorKind::Unsupported);
}

#[test]
fn it_has_settled_when_the_change_is_done() {
    let settled = |reply: &str| {
        let script = with_token().reply("status", 200, reply).path("zone", "my-zone").path("change", "17");
        script.run(|| Google::settled(&call(), &[], &state(Some("17")))).result.expect("an answer")
    };
    let pending = include_str!("../fixtures/change.json");
    assert!(matches!(settled(pending), Settlement::Pending(_)));
    assert!(matches!(settled(&pending.replace("pending", "done")), Settlement::Done));
    let nothing = Recording::new().run(|| Google::settled(&call(), &[], &state(None))).result;
    assert!(matches!(nothing.expect("an answer"), Settlement::Done));
}

#[test]
fn errors_become_what_their_reasons_say() {
    let error = include_str!("../fixtures/error.json");
    for (status, reason, kind) in [
        (412, "conditionNotMet", ErrorKind::Conflict),
        (404, "notFound", ErrorKind::Conflict),
        (409, "alreadyExists", ErrorKind::Conflict),
        (403, "rateLimitExceeded", ErrorKind::RateLimited),
        (403, "forbidden", ErrorKind::Forbidden),
    ] {
        let body =
            json!({"deletions": [rrset(300, &["\"foreign\""])], "additions": [rrset(300, &["\"foreign\"", "\"x\""])]});
        let script = change(set(zones(with_token())), status, &error.replace("conditionNotMet", reason), body);
        let told = script.run(|| Google::present(&call(), &[txt(NAME, "x")])).result.expect_err("an error");
        assert_eq!((told.kind, told.code.as_str()), (kind, reason));
    }
}

#[test]
fn only_the_projects_public_zone_of_that_name_is_taken() {
    let page = r#"{"managedZones": [{"name": "other", "dnsName": "example.org."}], "nextPageToken": "n"}"#;
    let script = with_token().reply("zones", 200, page).query("dnsName", "example.com.");
    let private = include_str!("../fixtures/zones.json").replace("\"public\"", "\"private\"");
    let script = script.reply("zones", 200, &private).query("dnsName", "example.com.").query("pageToken", "n");
    let told = script.run(|| Google::check(&call())).result.expect_err("an error");
    assert_eq!(told.kind, ErrorKind::ZoneNotFound);
}
