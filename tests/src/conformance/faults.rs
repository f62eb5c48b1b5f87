//! What goes wrong at the API becomes the right kind of error, and a later call sets it right.
#![expect(missing_docs, reason = "the name of a case says what it holds a provider to")]

use std::time::Duration;

use acmite::plugin::limits::Limits;
use acmite::plugin::provider::Published;
use acmite::plugin::told::ErrorKind;
use acmite::plugin::wire::TxtRecord;
use acmite_lab::api::Fault;

use crate::conformance::adapters::Adapter;
use crate::conformance::bench::{Bench, record, told, zone};

fn ours() -> [TxtRecord; 2] {
    [record("_acme-challenge.example.test", "apex"), record("_acme-challenge.www.example.test", "www")]
}

fn status(status: u16) -> Fault {
    Fault::Status { status, retry_after: None }
}

/// Statuses and the kinds of error that they stand for.
pub const KINDS: [(u16, ErrorKind); 8] = [
    (401, ErrorKind::Denied),
    (403, ErrorKind::Forbidden),
    (404, ErrorKind::ZoneNotFound),
    (409, ErrorKind::Conflict),
    (429, ErrorKind::RateLimited),
    (500, ErrorKind::Transient),
    (502, ErrorKind::Transient),
    (503, ErrorKind::Transient),
];

pub async fn each_status_becomes_its_kind_of_error(adapter: &Adapter) {
    let bench = Bench::start(adapter).await.expect("a mock");
    let before = bench.records("example.test");
    for (code, kind) in KINDS {
        bench.api().fail_next(1, &status(code));
        let told = told(bench.present(&ours()).await);
        assert_eq!((told.kind, told.status), (kind, Some(code)), "{told}");
    }
    assert_eq!(bench.records("example.test"), before);
}

pub async fn a_status_on_a_write_becomes_its_kind_of_error(adapter: &Adapter) {
    let bench = Bench::start(adapter).await.expect("a mock");
    for (code, kind) in KINDS {
        bench.fail_next_write(&status(code));
        let before = bench.records("example.test");
        let failed = bench.present(&ours()).await;
        let knows = failed.as_ref().is_err_and(|error| error.has_written);
        assert!(knows || bench.records("example.test") == before, "{code}: what was written would stay");
        let told = told(failed);
        assert_eq!((told.kind, told.status), (kind, Some(code)), "{told}");
        bench.cleanup(&ours(), &Published::default()).await.expect("removed");
    }
}

pub async fn a_rate_limit_says_how_long_to_wait(adapter: &Adapter) {
    let bench = Bench::start(adapter).await.expect("a mock");
    bench.api().fail_next(1, &Fault::Status { status: 429, retry_after: Some(17) });
    let told = told(bench.present(&ours()).await);
    assert_eq!((told.kind, told.retry_after), (ErrorKind::RateLimited, Some(Duration::from_secs(17))), "{told}");
}

pub async fn a_malformed_reply_is_the_apis_fault(adapter: &Adapter) {
    let bench = Bench::start(adapter).await.expect("a mock");
    // A login is over then; the host withholds its reply if it is malformed.
    bench.provider.check(None).await.expect("a credential that works");
    bench.api().fail_next(1, &Fault::Malformed);
    let told = told(bench.present(&ours()).await);
    assert_eq!(told.kind, ErrorKind::Upstream, "{told}");
}

pub async fn a_slow_reply_is_waited_for(adapter: &Adapter) {
    let bench = Bench::start(adapter).await.expect("a mock");
    bench.api().fail_next(1, &Fault::Slow(Duration::from_millis(300)));
    bench.present(&ours()).await.expect("published");
}

pub async fn a_reply_that_breaks_off_is_a_passing_fault(adapter: &Adapter) {
    let bench = Bench::start(adapter).await.expect("a mock");
    let before = bench.records("example.test");
    bench.fail_next_write(&Fault::BreaksOff);
    let failed = bench.present(&ours()).await;
    assert!(failed.as_ref().is_err_and(|error| error.has_written), "what was written would stay");
    let told = told(failed);
    assert_eq!((told.kind, told.status), (ErrorKind::Transient, None), "{told}");
    bench.cleanup(&ours(), &Published::default()).await.expect("removed");
    assert_eq!(bench.records("example.test"), before);
}

/// The host's limit is the same for every provider, and it takes its time: one provider is enough.
pub async fn a_reply_that_does_not_come_is_a_passing_fault(adapter: &Adapter) {
    let bench = Bench::start(adapter).await.expect("a mock");
    bench.api().fail_next(1, &Fault::Slow(2 * Limits::default().request_time));
    let told = told(bench.present(&ours()).await);
    assert_eq!(told.kind, ErrorKind::Transient, "{told}");
}

pub async fn an_api_that_is_away_is_a_passing_fault(adapter: &Adapter) {
    let provider = Bench::start(adapter).await.expect("a mock").without_peer();
    let told = told(provider.present(&zone("example.test"), &ours(), 60).await);
    assert_eq!(told.kind, ErrorKind::Transient, "{told}");
}

/// The write was done and the answer says it failed: the client cannot know.
pub async fn a_publication_that_seemed_to_fail_is_completed_by_the_next(adapter: &Adapter) {
    let bench = Bench::start(adapter).await.expect("a mock");
    let before = bench.records("example.test");
    bench.fail_next_write(&Fault::FailsAfter { status: 500 });
    let told = told(bench.present(&ours()).await);
    assert_eq!(told.kind, ErrorKind::Transient, "{told}");
    let published = bench.present(&ours()).await.expect("published");
    assert_eq!(bench.records("example.test").len(), before.len() + 2);
    bench.cleanup(&ours(), &published).await.expect("removed");
    assert_eq!(bench.records("example.test"), before);
}

pub async fn a_removal_that_seemed_to_fail_is_completed_by_the_next(adapter: &Adapter) {
    let bench = Bench::start(adapter).await.expect("a mock");
    let before = bench.records("example.test");
    let published = bench.present(&ours()).await.expect("published");
    bench.fail_next_write(&Fault::FailsAfter { status: 503 });
    let told = told(bench.cleanup(&ours(), &published).await);
    assert_eq!(told.kind, ErrorKind::Transient, "{told}");
    bench.cleanup(&ours(), &published).await.expect("removed");
    assert_eq!(bench.records("example.test"), before);
}

/// What was published before the failure is removed though no state came back.
pub async fn a_failed_publication_is_removed_without_state(adapter: &Adapter) {
    let bench = Bench::start(adapter).await.expect("a mock");
    let before = bench.records("example.test");
    bench.fail_next_write(&Fault::FailsAfter { status: 500 });
    let error = bench.present(&ours()).await.expect_err("an error");
    assert!(error.has_written, "what was written would stay");
    assert!(bench.records("example.test").len() > before.len());
    bench.cleanup(&ours(), &Published::default()).await.expect("removed");
    assert_eq!(bench.records("example.test"), before);
}
