//! The vendors' own descriptions that the suite is held to: they are there, they bite, and nothing is excepted in vain.
//! tests/tests/conformance.rs holds each case to them; without `ACMITE_SPECS` it says nothing and these tests do.

use std::ops::Not;

use acmite_tests::conformance::adapters::{self, Adapter};
use acmite_tests::conformance::corrections::CORRECTIONS;
use acmite_tests::conformance::descriptions::{self, FILES, UNDESCRIBED};
use acmite_tests::conformance::exchange::Exchange;
use acmite_tests::conformance::{check, rights, values, zones};
use serde_json::{Value, json};

/// Those that have a description.
const ADAPTERS: [fn() -> Adapter; 5] =
    [adapters::cloudflare, adapters::digitalocean, adapters::hetzner, adapters::linode, adapters::powerdns];

#[test]
fn all_can_be_read_and_still_lack_what_is_excepted() {
    if descriptions::folder_or_say().is_none() {
        return;
    }
    for (plugin, file) in FILES {
        assert!(descriptions::description(plugin).is_some(), "{file}");
    }
    for one in UNDESCRIBED {
        let description = descriptions::description(one.plugin).expect("a description");
        let (method, example) = (one.method, one.example);
        assert!(description.has(method, example).not(), "{method} {example} is described now: except it no longer");
    }
}

#[tokio::test]
async fn every_correction_is_still_needed() {
    if descriptions::folder_or_say().is_none() {
        return;
    }
    for adapter in ADAPTERS.map(|adapter| adapter()) {
        values::two_values_share_one_name(&adapter).await;
        values::names_cost_as_many_requests_as_is_documented(&adapter).await;
        values::a_repeated_present_changes_nothing(&adapter).await;
        zones::a_zone_that_is_the_name_itself_is_written(&adapter).await;
        check::a_wrong_credential_is_denied_and_changes_nothing(&adapter).await;
        // A key of PowerDNS has every right.
        if adapter.plugin != "powerdns" {
            rights::a_missing_right_to_write_is_told_at_the_first_write(&adapter).await;
        }
        descriptions::hold(&adapter);
        for one in CORRECTIONS.iter().filter(|one| one.plugin == adapter.plugin) {
            let description = descriptions::description_without(one).expect("a description");
            let breaks = |exchange| !descriptions::broken(adapter.plugin, &description, exchange).is_empty();
            assert!(adapter.exchanges.all().iter().any(breaks), "{one:?} is needed no longer");
        }
    }
}

#[tokio::test]
async fn a_set_of_powerdns_has_a_ttl_unless_it_is_deleted() {
    if descriptions::folder_or_say().is_none() {
        return;
    }
    let adapter = adapters::powerdns();
    values::names_cost_as_many_requests_as_is_documented(&adapter).await;
    let replaces = |one: &Exchange| one.body.contains("REPLACE");
    let without = |one: &mut Exchange| one.body = one.body.replacen("\"ttl\":", "\"modified_at\":", 1);
    says(&broken(&adapter, replaces, without).await, "\"ttl\" is a required property");
    let deletes = |one: &Exchange| one.body.contains("DELETE");
    let with = |one: &mut Exchange| one.body = one.body.replacen("\"records\":", "\"ttl\":60,\"records\":", 1);
    says(&broken(&adapter, deletes, with).await, "/ttl");
}

/// What the first exchange of this kind breaks once it is tampered with.
async fn broken(adapter: &Adapter, is_it: fn(&Exchange) -> bool, tamper: fn(&mut Exchange)) -> Vec<String> {
    let description = descriptions::description(adapter.plugin).expect("a description");
    let mut exchange = adapter.exchanges.all().into_iter().find(is_it).expect("such a request");
    assert_eq!(descriptions::broken(adapter.plugin, description, &exchange), Vec::<String>::new());
    tamper(&mut exchange);
    descriptions::broken(adapter.plugin, description, &exchange)
}

#[track_caller]
fn says(found: &[String], what: &str) {
    assert!(found.iter().any(|line| line.contains(what)), "{what}: {found:#?}");
}

fn writes(exchange: &Exchange) -> bool {
    let excepted = UNDESCRIBED.iter().any(|one| exchange.path.ends_with(one.path_end));
    exchange.body.is_empty().not() && excepted.not()
}

fn reads(exchange: &Exchange) -> bool {
    exchange.method == "GET"
}

#[tokio::test]
async fn a_wrong_request_and_a_wrong_answer_are_not_as_described() {
    if descriptions::folder_or_say().is_none() {
        return;
    }
    for adapter in ADAPTERS.map(|adapter| adapter()) {
        values::names_cost_as_many_requests_as_is_documented(&adapter).await;
        let path = broken(&adapter, reads, |one| one.path.push_str("/elsewhere")).await;
        says(&path, "is not described");
        let query = broken(&adapter, reads, |one| one.query = "invented=1".into()).await;
        says(&query, "query parameter invented is not described");
        let kind = broken(&adapter, writes, |one| {
            one.headers.insert("content-type".into(), "text/plain".into());
        });
        says(&kind.await, "content type \"text/plain\" is not described");
        let more = broken(&adapter, writes, |one| one.body = one.body.replacen('{', "{\"invented\":1,", 1)).await;
        says(&more, "invented");
        let reply = broken(&adapter, writes, |one| one.reply = mistyped(&one.reply)).await;
        says(&reply, "reply ");
    }
}

/// Each member is of another type; what is no object is text.
fn mistyped(reply: &Value) -> Value {
    let mistyped = |value: &Value| if value.is_number() { json!("text") } else { json!(1) };
    match reply.as_object() {
        Some(members) => members.iter().map(|(name, value)| (name.clone(), mistyped(value))).collect(),
        None => json!("text"),
    }
}
