//! Providers whose requests share one line and say what they do in a header, a query key or the body.

use super::kit::{NAME, ask_for, call, cleanup_after, only_reads_may_check};
use super::*;

const INWX: &str = include_str!("../../../../../plugins/inwx/plugin.toml");
const DNSPOD: &str = include_str!("../../../../../plugins/dnspod/plugin.toml");
const ALIDNS: &str = include_str!("../../fixtures/alidns.toml");

fn inwx(phase: Phase) -> Guard {
    let mut guard = call(INWX, phase);
    let list = format!(
        r#"{{"code":1000,"resData":{{"record":[
            {{"id":1,"type":"A","name":"example.com","content":"192.0.2.1"}},
            {{"id":2,"type":"TXT","name":"{NAME}","content":"foreign"}},
            {{"id":3,"type":"TXT","name":"{NAME}","content":"ours"}}]}}}}"#
    );
    let read = ask_for("records").body(r#"{"method":"nameserver.info","params":{"domain":"example.com"}}"#);
    guard.sent(&read, 200, &list);
    guard
}

fn inwx_create() -> GuestRequest {
    ask_for("create").body(&format!(
        r#"{{"method":"nameserver.createRecord","params":{{"domain":"example.com","type":"TXT","name":"{NAME}","content":"ours","ttl":300}}}}"#
    ))
}

fn inwx_delete(id: u32) -> GuestRequest {
    ask_for("delete").body(&format!(r#"{{"method":"nameserver.deleteRecord","params":{{"id":{id}}}}}"#))
}

#[test]
fn inwx_pins_the_method_in_the_body() {
    let guard = inwx(Phase::Present);
    let create = inwx_create();
    assert_eq!(guard.says(&create), "admitted");
    guard.refuses(&[
        (create.with("createRecord", "deleteRecord"), "manifest fixes"),
        (create.with("nameserver.createRecord", "domain.delete"), "manifest fixes"),
        (create.with("\"method\":\"nameserver.createRecord\",", ""), "manifest fixes"),
        (create.with("{", r#"{"Method":"domain.delete","#), "stands twice"),
        (create.with("\"ours\"", "\"theirs\""), "not one of this call"),
        (create.with(NAME, "www.example.com"), "not one of this call"),
        (create.with(NAME, "_acme-challenge"), "not within the zone"),
        (create.with("TXT", "URL"), "not TXT"),
        (create.with("\"domain\":\"example.com\"", "\"domain\":\"example.org\""), "not shown"),
        (create.with("\"ttl\":300", "\"ttl\":86400"), "not a Ttl"),
        (create.with("\"ttl\":300", "\"prio\":1"), "not listed"),
        (create.with("{\"domain\"", "{\"roId\":1,\"domain\""), "not listed"),
    ]);
    inwx(Phase::Cleanup).refuses(&[(create.clone(), "cleanup may not")]);
    only_reads_may_check(inwx, &create);
}

#[test]
fn inwx_deletes_by_an_id_that_was_shown_though_the_request_names_no_zone() {
    let guard = inwx(Phase::Cleanup);
    assert_eq!(guard.says(&inwx_delete(3)), "admitted");
    guard.refuses(&[
        (inwx_delete(2), "not one of this call"),
        (inwx_delete(1), "not TXT"),
        (inwx_delete(9), "not seen"),
        (inwx_delete(3).with("3", "[2,3]"), "not listed"),
        (inwx_delete(3).with("\"id\":3", "\"id\":3,\"name\":\"www\""), "not listed"),
    ]);
    let mut present = inwx(Phase::Present);
    present.sent(&inwx_create(), 200, r#"{"code":1000,"resData":{"id":77}}"#);
    assert_eq!(cleanup_after(&present).says(&inwx_delete(77)), "admitted");
    only_reads_may_check(inwx, &inwx_delete(3));
}

#[test]
fn inwx_logs_in_with_the_hosts_password_and_keeps_the_session_there() {
    let guard = call(INWX, Phase::Check);
    let login = ask_for("login").body(r#"{"method":"account.login","params":{"user":"set"}}"#);
    let admitted = guard.admit(&login).expect("an admitted request");
    assert_eq!(admitted.captures.len(), 1);
    assert!(admitted.sinks.iter().all(|sink| sink.text == "body:/params/pass"), "{:?}", admitted.sinks);
    let records = ask_for("records").body(r#"{"method":"nameserver.info","params":{"domain":"example.com"}}"#);
    let admitted = guard.admit(&records).expect("an admitted request");
    assert!(admitted.sinks.iter().any(|sink| sink.text == "cookie:domrobot"));
    guard.refuses(&[
        (login.with("set\"", "set\",\"pass\":\"x\""), "filled by the host"),
        (login.with("\"set\"", "\"other\""), "manifest fixes"),
    ]);
}

fn dnspod(phase: Phase) -> Guard {
    let mut guard = call(DNSPOD, phase);
    let list = r#"{"Response":{"RecordList":[
        {"RecordId":2,"Type":"TXT","Name":"_acme-challenge","Value":"foreign"},
        {"RecordId":3,"Type":"TXT","Name":"_acme-challenge","Value":"ours"}]}}"#;
    guard.sent(&ask_for("records").body(r#"{"Domain":"example.com"}"#), 200, list);
    guard
}

#[test]
fn dnspod_pins_the_action_in_a_header() {
    let create = ask_for("create").body(
        r#"{"Domain":"example.com","RecordType":"TXT","SubDomain":"_acme-challenge","RecordLine":"默认","Value":"ours","TTL":600}"#,
    );
    let guard = dnspod(Phase::Present);
    let admitted = guard.admit(&create).expect("an admitted request");
    for (name, value) in [("x-tc-action", "CreateRecord"), ("x-tc-version", "2021-03-23")] {
        assert!(admitted.headers.contains(&(name.into(), value.into())), "{:?}", admitted.headers);
    }
    assert_eq!(guard.says(&create.clone().header("X-TC-Action", "CreateRecord")), "admitted");
    guard.refuses(&[
        (create.clone().header("X-TC-Action", "DeleteRecord"), "another value"),
        (create.clone().header("X-TC-Version", "2020-01-01"), "another value"),
        (create.clone().header("X-TC-Token", "x"), "not listed"),
        (create.with("\"ours\"", "\"theirs\""), "not one of this call"),
        (create.with("_acme-challenge", "www"), "not one of this call"),
        (create.with("TXT", "A"), "not TXT"),
        (create.with("example.com", "example.org"), "not shown"),
        (create.with("{", r#"{"DomainId":1,"#), "not listed"),
    ]);
    dnspod(Phase::Cleanup).refuses(&[(create.clone(), "cleanup may not")]);
    only_reads_may_check(dnspod, &create);
}

#[test]
fn dnspod_deletes_our_record_alone() {
    let delete = |id: u32| ask_for("delete").body(&format!(r#"{{"Domain":"example.com","RecordId":{id}}}"#));
    let guard = dnspod(Phase::Cleanup);
    assert_eq!(guard.says(&delete(3)), "admitted");
    guard.refuses(&[
        (delete(2), "not one of this call"),
        (delete(9), "not seen"),
        (delete(3).with("example.com", "example.org"), "not shown"),
    ]);
    only_reads_may_check(dnspod, &delete(3));
}

fn alidns_create(name: &str, value: &str) -> GuestRequest {
    ask_for("create").query("DomainName", "example.com").query("RR", name).query("Type", "TXT").query("Value", value)
}

#[test]
fn alidns_pins_the_action_in_the_query_and_learns_ids_from_what_it_asked() {
    let mut guard = call(ALIDNS, Phase::Present);
    let create = alidns_create("_acme-challenge", "ours");
    guard.refuses(&[
        (create.clone().query("Action", "DeleteDomain"), "another value"),
        (alidns_create("_acme-challenge", "theirs"), "not one of this call"),
        (alidns_create("www", "ours"), "not one of this call"),
        (ask_for("create").query("DomainName", "example.org"), "not shown"),
    ]);
    guard.sent(&create, 200, r#"{"RecordId":"55"}"#);
    let cleanup = cleanup_after(&guard);
    assert_eq!(cleanup.says(&ask_for("delete").query("RecordId", "55")), "admitted");
    cleanup.refuses(&[(ask_for("delete").query("RecordId", "56"), "not seen"), (create, "cleanup may not")]);
}

#[test]
fn endpoints_that_one_request_could_be_of_are_refused() {
    for (manifest, from, to) in [
        (DNSPOD, "headers = [\"x-tc-action=CreateRecord\"]", "headers = [\"x-tc-action\"]"),
        (DNSPOD, "headers = [\"x-tc-action=CreateRecord\"]", "headers = [\"x-tc-action=DeleteRecord\"]"),
        (INWX, "fixed = { \"/method\" = \"nameserver.deleteRecord\" }", "also = { \"/method\" = \"text\" }"),
        (INWX, "\"account.unlock\"", "\"nameserver.info\""),
        (ALIDNS, "\"Action=AddDomainRecord\"", "\"Action\""),
        (ALIDNS, "\"Action=AddDomainRecord\"", "\"Action={=access_key_id}\""),
    ] {
        let edited = manifest.replacen(from, to, 1);
        let clash = Manifest::parse(&edited).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(edited != manifest && clash.contains("could be one of"), "{to}: {clash}");
    }
}
