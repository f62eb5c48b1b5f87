mod batch;
mod kit;
mod records;
mod rpc;
mod sets;
mod slots;
mod zones;

use super::*;
use crate::plugin::wire::{Phase, TxtRecord};

const CLOUDFLARE: &str = r#"
id = "records"
name = "Records"
version = "0.1.0"
contract = "0.1"
homepage = "https://example.com"
license = "MIT"
docs = "https://example.com"
privilege = "edit"

[field.api_token]
secret = true
help = "token"

[origin.api]
url = "https://api.example.com/v4"
secrets = { "header:authorization" = "Bearer {api_token}" }

[endpoint.zones]
request = "GET /zones"
query = ["name"]
zones = { each = "/result/*", id = "{/id}", name = "{/name}" }

[endpoint.records]
request = "GET /zones/{zone}/records"
zone = "{path:zone}"
query = ["name"]
rows = { each = "/result/*", id = "{/id}", type = "{/type}", name = "{/name}", value = "{/content}" }

[endpoint.create]
request = "POST /zones/{zone}/records"
zone = "{path:zone}"
body = "json"
also = { "/ttl" = "ttl" }
effect = [{ op = "add", type = "{body:/type}", name = "{body:/name}", value = "{body:/content}" }]
rows = { each = "/result", id = "{/id}", type = "{/type}", name = "{/name}", value = "{/content}" }

[endpoint.delete]
request = "DELETE /zones/{zone}/records/{record}"
zone = "{path:zone}"
effect = [{ op = "delete", id = "{path:record}" }]

[endpoint.sets]
request = "GET /sets/{zone}"
zone = "{path:zone}"
covers = "zone"
rows = { each = "/rrsets/*", type = "{/type}", name = "{/name}", values = "/records/*", value = "{/content}", keep = ["{/disabled}"] }

[endpoint.set]
request = "GET /set/{zone}"
zone = "{path:zone}"
query = ["name", "type=TXT"]
covers = "{query:name}"
form = "{name}."
rows = { each = "/rrsets/*", type = "{/type}", name = "{/name}", values = "/records/*", value = "{/content}", keep = ["{/disabled}"] }

[endpoint.listed]
request = "GET /listed/{zone}"
zone = "{path:zone}"
rows = { each = "/sets/*", id = "{/id}", type = "{/type}", name = "{/name}", value = "{/values/*}" }

[endpoint.patch]
request = "PATCH /sets/{zone}"
zone = "{path:zone}"
body = "json"
form = "{name}."
also = { "/rrsets/*/ttl" = "ttl" }
effect = [{ each = "/rrsets/*", op = { "{/changetype}" = { REPLACE = "replace", DELETE = "clear" } }, type = "{/type}", name = "{/name}", values = "/records/*", value = "{/content}", keep = ["{/disabled}"] }]
"#;

fn guard(phase: Phase) -> Guard {
    guard_of(CLOUDFLARE, phase)
}

fn guard_of(manifest: &str, phase: Phase) -> Guard {
    let manifest = Manifest::parse(manifest).expect("a valid manifest");
    let records =
        vec![TxtRecord { name: "_acme-challenge.example.com".parse().expect("a name"), value: "ours".into() }];
    let scope = Scope { phase, zone: Some("example.com".parse().expect("a name")), records, max_ttl: 3600 };
    Guard::new(Arc::new(manifest), &[], scope, &[]).expect("a guard")
}

fn request(endpoint: &str, path: &[(&str, &str)], body: Option<&str>) -> GuestRequest {
    GuestRequest {
        endpoint: endpoint.into(),
        path: path.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        query: Vec::new(),
        headers: Vec::new(),
        body: body.map(|body| body.as_bytes().to_vec()),
        inject: Vec::new(),
    }
}

fn rule(guard: &Guard, request: &GuestRequest) -> String {
    match guard.admit(request) {
        Ok(_) => "admitted".into(),
        Err(refusal) => refusal.rule,
    }
}

/// Sends a request whose reply is `reply`.
fn ask(guard: &mut Guard, request: &GuestRequest, reply: &str) {
    let admitted = guard.admit(request).expect("an admitted request");
    guard.observe(&admitted, 200, reply.as_bytes()).expect("a reply that is shown");
}

fn with_zone(phase: Phase) -> Guard {
    let mut guard = guard(phase);
    let reply = r#"{"result":[{"id":"z1","name":"example.com"},{"id":"z2","name":"example.org"}]}"#;
    ask(&mut guard, &request("zones", &[], None), reply);
    guard
}

fn with_records(phase: Phase) -> Guard {
    let mut guard = with_zone(phase);
    let reply = r#"{"result":[
        {"id":"a","type":"A","name":"example.com","content":"192.0.2.1"},
        {"id":"f","type":"TXT","name":"_acme-challenge.example.com","content":"\"foreign\""},
        {"id":"o","type":"TXT","name":"_acme-challenge.example.com","content":"\"ours\""}]}"#;
    ask(&mut guard, &request("records", &[("zone", "z1")], None), reply);
    guard
}

fn create(body: &str) -> GuestRequest {
    request("create", &[("zone", "z1")], Some(body))
}

const OURS: &str = r#"{"type":"TXT","name":"_acme-challenge.example.com","content":"ours","ttl":60}"#;

#[test]
fn our_value_is_added_in_present_alone() {
    assert_eq!(rule(&with_zone(Phase::Present), &create(OURS)), "admitted");
    for phase in [Phase::Cleanup, Phase::Settled, Phase::Check] {
        assert!(rule(&with_zone(phase), &create(OURS)).contains("may not"), "{phase:?}");
    }
}

#[test]
fn another_value_name_type_or_ttl_is_refused() {
    let guard = with_zone(Phase::Present);
    for (from, to, expected) in [
        ("\"ours\"", "\"the author's own\"", "not one of this call"),
        ("_acme-challenge.example.com", "www.example.com", "not one of this call"),
        ("_acme-challenge.example.com", "_acme-challenge.example.org", "not within the zone"),
        ("\"TXT\"", "\"A\"", "not TXT"),
        ("60", "999999", "/ttl"),
        ("\"ttl\":60", "\"proxied\":true", "/proxied is not listed"),
        ("\"ttl\":60", "\"Name\":\"x\"", "stands twice"),
        ("\"name\":\"_acme-challenge.example.com\",", "", "missing"),
    ] {
        let rule = rule(&guard, &create(&OURS.replace(from, to)));
        assert!(rule.contains(expected), "{to}: {rule}");
    }
}

#[test]
fn a_zone_that_was_not_shown_to_be_ours_is_refused() {
    let guard = with_zone(Phase::Present);
    for zone in ["z2", "z3", "example.org"] {
        let rule = rule(&guard, &request("create", &[("zone", zone)], Some(OURS)));
        assert!(rule.contains("not shown"), "{zone}: {rule}");
    }
}

#[test]
fn only_our_own_record_is_deleted_by_id() {
    let guard = with_records(Phase::Cleanup);
    let delete = |id| request("delete", &[("zone", "z1"), ("record", id)], None);
    assert_eq!(rule(&guard, &delete("o")), "admitted");
    assert!(rule(&guard, &delete("f")).contains("not one of this call"));
    assert!(rule(&guard, &delete("a")).contains("not TXT"));
    assert!(rule(&guard, &delete("never-seen")).contains("not seen"));
    assert!(rule(&with_records(Phase::Present), &delete("o")).contains("present may not"));
}

#[test]
fn ids_seen_in_present_serve_cleanup_in_another_process() {
    let mut present = with_zone(Phase::Present);
    let reply = r#"{"result":{"id":"new","type":"TXT","name":"_acme-challenge.example.com","content":"ours"}}"#;
    ask(&mut present, &create(OURS), reply);
    let manifest = present.manifest.clone();
    let scope = Scope { phase: Phase::Cleanup, ..present.scope.clone() };
    let cleanup = Guard::new(manifest.clone(), &[], scope.clone(), &present.memory()).expect("a guard");
    assert_eq!(rule(&cleanup, &request("delete", &[("zone", "z1"), ("record", "new")], None)), "admitted");
    let other = [("zone", "example.com"), ("record", "new")];
    assert!(rule(&cleanup, &request("delete", &other, None)).contains("not seen"), "read under another zone variable");
    assert!(Guard::new(manifest, &[], scope, b"tampered").is_err());
}

const SETS: &str = r#"{"rrsets":[
    {"type":"A","name":"example.com.","records":[{"content":"192.0.2.1","disabled":false}]},
    {"type":"TXT","name":"_acme-challenge.example.com.","records":[{"content":"\"foreign\"","disabled":true}]}]}"#;

fn patch(name: &str, changetype: &str, records: &str) -> GuestRequest {
    let body = format!(
        r#"{{"rrsets":[{{"type":"TXT","name":"{name}","changetype":"{changetype}","ttl":60,"records":[{records}]}}]}}"#
    );
    request("patch", &[("zone", "example.com.")], Some(&body))
}

fn with_sets(phase: Phase) -> Guard {
    let mut guard = guard(phase);
    ask(&mut guard, &request("sets", &[("zone", "example.com.")], None), SETS);
    guard
}

const NAME: &str = "_acme-challenge.example.com.";
const FOREIGN: &str = r#"{"content":"\"foreign\"","disabled":true}"#;
const OUR_VALUE: &str = r#"{"content":"\"ours\"","disabled":false}"#;

#[test]
fn a_set_is_written_only_with_all_it_had() {
    let guard = with_sets(Phase::Present);
    assert_eq!(rule(&guard, &patch(NAME, "REPLACE", &format!("{FOREIGN},{OUR_VALUE}"))), "admitted");
    assert!(rule(&guard, &patch(NAME, "REPLACE", OUR_VALUE)).contains("removes a value"));
    assert!(rule(&guard, &patch(NAME, "DELETE", "")).contains("removes a value"));
    assert!(rule(&guard, &patch(NAME, "WIPE", "")).contains("not listed"));
}

#[test]
fn a_set_is_read_before_it_is_written_and_under_the_same_variables() {
    let unread = guard(Phase::Present);
    assert!(rule(&unread, &patch(NAME, "REPLACE", OUR_VALUE)).contains("must be read"));
    let mut elsewhere = guard(Phase::Present);
    ask(&mut elsewhere, &request("sets", &[("zone", "example.com")], None), SETS);
    assert!(rule(&elsewhere, &patch(NAME, "REPLACE", OUR_VALUE)).contains("must be read"));
}

#[test]
fn attributes_of_foreign_values_and_the_spelling_of_names_stay() {
    let guard = with_sets(Phase::Present);
    let enabled = FOREIGN.replace("true", "false");
    assert!(rule(&guard, &patch(NAME, "REPLACE", &format!("{enabled},{OUR_VALUE}"))).contains("attribute"));
    let rule = rule(&guard, &patch(NAME.trim_end_matches('.'), "REPLACE", &format!("{FOREIGN},{OUR_VALUE}")));
    assert!(rule.contains("spelled"), "{rule}");
}

#[test]
fn a_second_write_is_judged_by_what_the_first_has_made() {
    let mut guard = with_sets(Phase::Present);
    ask(&mut guard, &patch(NAME, "REPLACE", &format!("{FOREIGN},{OUR_VALUE}")), "{}");
    assert!(rule(&guard, &patch(NAME, "REPLACE", FOREIGN)).contains("removes a value"));
}

#[test]
fn cleanup_takes_our_value_out_and_creates_nothing() {
    let mut guard = with_sets(Phase::Cleanup);
    let with_ours = SETS.replace(FOREIGN, &format!("{FOREIGN},{OUR_VALUE}"));
    ask(&mut guard, &request("sets", &[("zone", "example.com.")], None), &with_ours);
    assert_eq!(rule(&guard, &patch(NAME, "REPLACE", FOREIGN)), "admitted");
    assert!(rule(&guard, &patch(NAME, "REPLACE", OUR_VALUE)).contains("not one of this call"));
    assert!(rule(&guard, &patch(NAME, "DELETE", "")).contains("not one of this call"));
    let added = format!(r#"{FOREIGN},{OUR_VALUE},{{"content":"\"x\"","disabled":false}}"#);
    assert!(rule(&guard, &patch(NAME, "REPLACE", &added)).contains("may not"));
}

#[test]
fn two_writes_of_one_set_in_one_batch_are_refused() {
    let guard = with_sets(Phase::Present);
    let write = patch(NAME, "REPLACE", &format!("{FOREIGN},{OUR_VALUE}"));
    assert!(guard.admit_all(std::slice::from_ref(&write)).is_ok());
    assert!(matches!(guard.admit_all(&[write.clone(), write]), Err((1, _))));
}

#[test]
fn paths_queries_headers_and_injections_that_are_not_listed_are_refused() {
    let guard = with_zone(Phase::Present);
    for value in ["..", ".", "", "a/b", "a\\b", "a\u{0}"] {
        let rule = rule(&guard, &request("records", &[("zone", value)], None));
        assert!(rule.contains("plain segment"), "{value:?}: {rule}");
    }
    let base = request("records", &[("zone", "z1")], None);
    let pair = |name: &str| (name.to_owned(), "x".to_owned());
    let free_key = GuestRequest { query: vec![pair("limit")], ..base.clone() };
    let twice = GuestRequest { query: vec![pair("name"), pair("name")], ..base.clone() };
    let header = GuestRequest { headers: vec![pair("X-HTTP-Method-Override")], ..base.clone() };
    let authorization = GuestRequest { headers: vec![pair("Authorization")], ..base.clone() };
    let inject = GuestRequest { inject: vec![("header:authorization".into(), Vec::new())], ..base.clone() };
    let body = GuestRequest { body: Some(b"{}".to_vec()), ..base.clone() };
    assert_eq!(rule(&guard, &base), "admitted");
    for refused in [free_key, twice, header, authorization, inject, body] {
        assert_ne!(rule(&guard, &refused), "admitted", "{refused:?}");
    }
}

#[test]
fn manifests_that_leave_a_gap_are_refused() {
    for (from, to) in [
        ("covers = \"zone\"", "covers = \"zone\"\nquery = [\"limit\"]"),
        ("request = \"GET /sets/{zone}\"", "request = \"PATCH /sets/{zone}\""),
        ("effect = [{ op = \"delete\", id = \"{path:record}\" }]", ""),
        (
            "[endpoint.create]\nrequest = \"POST /zones/{zone}/records\"\nzone = \"{path:zone}\"",
            "[endpoint.create]\nrequest = \"POST /zones/{zone}/records\"",
        ),
        ("url = \"https://", "url = \"http://"),
        ("contract = \"0.1\"", "contract = \"0.9\""),
        ("query = [\"name\"]\nzones", "headers = [\"X-HTTP-Method-Override\"]\nzones"),
        ("privilege", "priviledge"),
    ] {
        assert!(CLOUDFLARE.contains(from), "{from}");
        assert!(Manifest::parse(&CLOUDFLARE.replacen(from, to, 1)).is_err(), "{to} was taken");
    }
}

#[test]
fn a_set_at_a_foreign_name_is_not_even_written_unchanged() {
    let mut guard = guard(Phase::Present);
    let sets = SETS.replace(NAME, "www.example.com.");
    ask(&mut guard, &request("sets", &[("zone", "example.com.")], None), &sets);
    let rule = rule(&guard, &patch("www.example.com.", "REPLACE", FOREIGN));
    assert!(rule.contains("not one of this call"), "{rule}");
}

#[test]
fn a_change_whose_value_cannot_be_read_is_refused() {
    let guard = with_zone(Phase::Present);
    for value in ["null", "[]", "{}", r#"["ours"]"#] {
        let body = OURS.replace(r#""ours""#, value);
        assert_ne!(rule(&guard, &create(&body)), "admitted", "{value}");
    }
    let without = OURS.replace(r#","content":"ours""#, "");
    assert!(rule(&guard, &create(&without)).contains("value of a change is missing"));
    let sets = with_sets(Phase::Present);
    let nameless = format!(r#"{FOREIGN},{OUR_VALUE},{{"disabled":false}}"#);
    assert!(rule(&sets, &patch(NAME, "REPLACE", &nameless)).contains("value of a change is missing"));
}

fn read_set(name: Option<&str>) -> GuestRequest {
    let query = name.map(|name| ("name".to_owned(), name.to_owned())).into_iter().collect();
    GuestRequest { query, ..request("set", &[("zone", "example.com.")], None) }
}

#[test]
fn a_covering_read_names_its_name_and_spells_it_exactly() {
    let guard = guard(Phase::Present);
    assert_eq!(rule(&guard, &read_set(Some(NAME))), "admitted");
    assert!(rule(&guard, &read_set(Some(NAME.trim_end_matches('.')))).contains("spelled"));
    assert!(rule(&guard, &read_set(None)).contains("missing"));
}

#[test]
fn a_reply_without_the_list_does_not_show_an_empty_set() {
    let write = patch(NAME, "REPLACE", OUR_VALUE);
    let zone = request("sets", &[("zone", "example.com.")], None);
    for reply in [r#"{"success":false}"#, "null", r#"{"rrsets":null}"#, "not JSON"] {
        let mut guard = guard(Phase::Present);
        ask(&mut guard, &zone, reply);
        assert!(rule(&guard, &write).contains("must be read"), "{reply}");
    }
    let mut guard = guard(Phase::Present);
    ask(&mut guard, &zone, r#"{"rrsets":[]}"#);
    assert_eq!(rule(&guard, &write), "admitted");
}

#[test]
fn a_page_of_a_listing_shows_nothing_completely() {
    let whole_if =
        |path: &str| CLOUDFLARE.replace("covers = \"zone\"\n", &format!("covers = \"zone\"\nwhole_if = \"{path}\"\n"));
    let write = patch(NAME, "REPLACE", OUR_VALUE);
    let zone = request("sets", &[("zone", "example.com.")], None);
    for (path, reply, verdict) in [
        ("/next =", r#"{"rrsets":[]}"#, "admitted"),
        ("/next =", r#"{"rrsets":[],"next":null}"#, "admitted"),
        ("/next =", r#"{"rrsets":[],"next":""}"#, "admitted"),
        ("/next =", r#"{"rrsets":[],"next":"2"}"#, "must be read"),
        ("/more = false", r#"{"rrsets":[],"more":false}"#, "admitted"),
        ("/more = false", r#"{"rrsets":[],"more":true}"#, "must be read"),
        ("/more = false", r#"{"rrsets":[]}"#, "must be read"),
        ("/more = false", r#"{"rrsets":[],"more":null}"#, "must be read"),
        ("/pages/*/more = false", r#"{"rrsets":[],"pages":[{"more":false},{"more":true}]}"#, "must be read"),
    ] {
        let mut guard = guard_of(&whole_if(path), Phase::Present);
        ask(&mut guard, &zone, reply);
        assert!(rule(&guard, &write).contains(verdict), "{path}: {reply}");
    }
}

#[test]
fn a_value_in_presentation_form_hides_nothing_behind_its_quotes() {
    let guard = with_zone(Phase::Present);
    let with = |value: &str| create(&OURS.replace(r#""ours""#, &serde_json::Value::from(value).to_string()));
    for value in ["ours", "\"ours\"", "\"ou\" \"rs\"", "\"\\111urs\""] {
        assert_eq!(rule(&guard, &with(value)), "admitted", "{value}");
    }
    for value in ["\"ours\"x", "\"ours\" x", "\"ours\"\nx TXT y", "\"ours\" ; x", "\"ours", " \"ours\"", "ours "] {
        assert_ne!(rule(&guard, &with(value)), "admitted", "{value}");
    }
}

#[test]
fn a_record_with_a_foreign_value_beside_ours_is_not_deleted_by_id() {
    let name = "_acme-challenge.example.com";
    let reply = |values: &str| format!(r#"{{"sets":[{{"id":"s","type":"TXT","name":"{name}","values":[{values}]}}]}}"#);
    let delete = request("delete", &[("zone", "z1"), ("record", "s")], None);
    let listed = request("listed", &[("zone", "z1")], None);
    let mut guard = with_zone(Phase::Cleanup);
    ask(&mut guard, &listed, &reply(r#""foreign","ours""#));
    assert!(rule(&guard, &delete).contains("not one of this call"));
    let later = Guard::new(guard.manifest.clone(), &[], guard.scope.clone(), &guard.memory()).expect("a guard");
    assert!(rule(&later, &delete).contains("not seen"));
    ask(&mut guard, &listed, &reply(r#""ours""#));
    assert_eq!(rule(&guard, &delete), "admitted");
}

#[test]
fn a_key_that_looks_like_a_path_is_not_listed() {
    let guard = with_sets(Phase::Present);
    let good = patch(NAME, "REPLACE", &format!("{FOREIGN},{OUR_VALUE}"));
    let body = String::from_utf8(good.body.clone().expect("a body")).expect("UTF-8");
    for key in ["rrsets/*/ttl", "rrsets/*/name"] {
        let body = body.replacen('{', &format!(r#"{{"{key}":1,"#), 1);
        let rule = rule(&guard, &GuestRequest { body: Some(body.into_bytes()), ..good.clone() });
        assert!(rule.contains("not listed"), "{key}: {rule}");
    }
}
