//! A provider that makes and removes records by id in one request.

use super::kit::{NAME, ask_for, call, cleanup_after, only_reads_may_check};
use super::*;

const CLOUDFLARE: &str = include_str!("../../../../../plugins/cloudflare/plugin.toml");

fn cloudflare(phase: Phase) -> Guard {
    let mut guard = call(CLOUDFLARE, phase);
    guard.sent(&ask_for("zones"), 200, r#"{"result":[{"id":"z1","name":"example.com"}]}"#);
    let list = format!(
        r#"{{"result":[
            {{"id":"1","type":"A","name":"example.com","content":"192.0.2.1"}},
            {{"id":"2","type":"TXT","name":"{NAME}","content":"foreign"}},
            {{"id":"3","type":"TXT","name":"{NAME}","content":"ours"}}]}}"#
    );
    guard.sent(&ask_for("records").path("zone", "z1"), 200, &list);
    guard
}

fn batch(body: &str) -> GuestRequest {
    ask_for("batch").path("zone", "z1").body(body)
}

fn posts() -> GuestRequest {
    batch(&format!(r#"{{"posts":[{{"type":"TXT","name":"{NAME}","content":"ours","ttl":60}}]}}"#))
}

#[test]
fn a_batch_posts_values_of_the_call_alone() {
    let guard = cloudflare(Phase::Present);
    assert_eq!(guard.says(&posts()), "admitted");
    guard.refuses(&[
        (posts().with("ours", "theirs"), "not one of this call"),
        (posts().with(NAME, "www.example.com"), "not one of this call"),
        (posts().with("TXT", "A"), "not TXT"),
        (posts().with("60", "86400"), "TTL"),
        (posts().with(r#""ttl":60"#, r#""proxied":true"#), "not listed"),
        (posts().with(r#"{"posts""#, r#"{"patches":[{"id":"1","content":"192.0.2.9"}],"posts""#), "not listed"),
        (posts().with(r#"{"posts""#, r#"{"puts":[{"id":"1"}],"posts""#), "not listed"),
        (posts().with(r#"{"posts""#, r#"{"deletes":[{"id":"2"}],"posts""#), "may not"),
        (posts().with("]}", r#"],"Posts":[]}"#), "twice"),
    ]);
    cloudflare(Phase::Cleanup).refuses(&[(posts(), "cleanup may not")]);
    only_reads_may_check(cloudflare, &posts());
}

#[test]
fn a_batch_deletes_by_ids_that_were_shown_for_our_value() {
    let delete = batch(r#"{"deletes":[{"id":"3"}]}"#);
    let guard = cloudflare(Phase::Cleanup);
    assert_eq!(guard.says(&delete), "admitted");
    guard.refuses(&[
        (delete.with("3", "2"), "not one of this call"),
        (delete.with("3", "1"), "not TXT"),
        (delete.with("3", "9"), "not seen"),
        (delete.with(r#"{"id":"3"}"#, r#"{"id":"3"},{"id":"2"}"#), "not one of this call"),
        (delete.with(r#"{"id":"3"}"#, r#"{"id":"3","ID":"2"}"#), "twice"),
        (delete.with(r#"{"id":"3"}"#, r#"{"id":["3","2"]}"#), "not listed"),
        (delete.with(r#"{"id":"3"}"#, r#""2""#), "not listed"),
        (delete.with(r#"{"id":"3"}"#, "{}"), "not listed"),
        (delete.with(r#"[{"id":"3"}]"#, "[]"), "nothing at the places"),
        (batch("{}"), "nothing at the places"),
    ]);
    cloudflare(Phase::Present).refuses(&[(delete.clone(), "present may not")]);
    only_reads_may_check(cloudflare, &delete);
}

#[test]
fn what_a_batch_made_its_cleanup_removes_by_a_batch() {
    let mut present = cloudflare(Phase::Present);
    let made = format!(r#"{{"result":{{"posts":[{{"id":"4","type":"TXT","name":"{NAME}","content":"ours"}}]}}}}"#);
    present.sent(&posts(), 200, &made);
    let cleanup = cleanup_after(&present);
    assert_eq!(cleanup.says(&batch(r#"{"deletes":[{"id":"4"}]}"#)), "admitted");
    cleanup.refuses(&[(batch(r#"{"deletes":[{"id":"4"},{"id":"5"}]}"#), "not seen")]);
}
