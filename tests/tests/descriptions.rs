//! The vendors' own descriptions that the suite is held to: they are there, they bite, and nothing is excepted in vain.
//! tests/tests/conformance.rs holds each case to them; without `ACMITE_SPECS` it says nothing and these tests do.

use std::ops::Not;

use acmite_tests::conformance::adapters::{self, Adapter};
use acmite_tests::conformance::descriptions::{self, DEVIATIONS, FILES, UNDESCRIBED};
use acmite_tests::conformance::exchange::Exchange;
use acmite_tests::conformance::values;

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
async fn every_deviation_that_is_excepted_is_still_found() {
    if descriptions::folder_or_say().is_none() {
        return;
    }
    for adapter in [adapters::powerdns()] {
        values::two_values_share_one_name(&adapter).await;
        let description = descriptions::description(adapter.plugin).expect("a description");
        let exchanges = adapter.exchanges.all();
        let found: Vec<String> =
            exchanges.iter().flat_map(|one| descriptions::all_broken(adapter.plugin, description, one)).collect();
        for one in DEVIATIONS.iter().filter(|one| one.plugin == adapter.plugin) {
            assert!(
                found.iter().any(|line| line.contains(one.found)),
                "{one:?} is no longer found: except it no longer"
            );
        }
    }
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
    exchange.body.is_empty().not()
}

fn reads(exchange: &Exchange) -> bool {
    exchange.method == "GET"
}

#[tokio::test]
async fn a_wrong_request_and_a_wrong_answer_are_not_as_described() {
    if descriptions::folder_or_say().is_none() {
        return;
    }
    for adapter in [adapters::powerdns(), adapters::digitalocean()] {
        values::two_values_share_one_name(&adapter).await;
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
        let reply = broken(&adapter, writes, |one| one.reply = serde_json::json!("text")).await;
        says(&reply, "reply ");
    }
}
