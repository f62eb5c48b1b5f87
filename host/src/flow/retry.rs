//! Calls of a provider, made again while their fault is a passing one.

use std::time::Duration;

use tokio::time::Instant;

use super::cancel::Cancel;
use crate::backoff::Backoff;
use crate::plugin::provider::{CallError, CallFault};

/// Makes the call until it succeeds, fails for good, or `deadline` has come; waits as long as the API asks to.
/// A wish to stop, where one is heeded, ends the waiting between calls, and never a call.
pub(super) async fn until_settled<T, F>(
    cancel: Option<&Cancel>,
    deadline: Instant,
    on_failure: impl Fn(&CallError),
    call: impl Fn() -> F,
) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, deadline);
    loop {
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let Some(at_least) = pause_for(&error) else { return Err(error) };
        if Instant::now() + at_least >= deadline {
            return Err(error);
        }
        on_failure(&error);
        let goes_on = tokio::select! {
            goes_on = backoff.pause(at_least) => goes_on,
            () = stop(cancel) => false,
        };
        if !goes_on || Instant::now() >= deadline {
            return Err(error);
        }
    }
}

async fn stop(cancel: Option<&Cancel>) {
    match cancel {
        Some(cancel) => cancel.requested().await,
        None => std::future::pending().await,
    }
}

/// How long to wait at least; none if trying again makes no sense.
fn pause_for(error: &CallError) -> Option<Duration> {
    match &error.fault {
        CallFault::Told(told) if told.kind.is_passing() => Some(told.retry_after.unwrap_or_default()),
        _ => None,
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::plugin::told::{ErrorKind, Told};
    use crate::plugin::wire::Phase;

    fn failure(kind: ErrorKind, retry_after: Option<Duration>) -> CallError {
        let told = Told { kind, code: String::new(), message: "no".into(), status: None, retry_after, hint: None };
        CallError {
            plugin: "quill".into(),
            phase: Phase::Present,
            fault: CallFault::Told(Box::new(told)),
            has_written: false,
        }
    }

    #[test]
    fn only_a_passing_fault_is_worth_another_call() {
        assert_eq!(pause_for(&failure(ErrorKind::Transient, None)), Some(Duration::ZERO));
        let asked = Some(Duration::from_secs(20));
        assert_eq!(pause_for(&failure(ErrorKind::RateLimited, asked)), asked);
        assert_eq!(pause_for(&failure(ErrorKind::Denied, asked)), None);
    }

    #[tokio::test]
    async fn a_lasting_fault_and_a_wait_beyond_the_deadline_end_it_at_once() {
        for (kind, after) in [(ErrorKind::Denied, None), (ErrorKind::RateLimited, Some(Duration::from_secs(600)))] {
            let calls = AtomicU32::new(0);
            let deadline = Instant::now() + Duration::from_secs(60);
            let call = || async {
                calls.fetch_add(1, Ordering::SeqCst);
                Err::<(), _>(failure(kind, after))
            };
            assert!(until_settled(None, deadline, |_| {}, call).await.is_err());
            assert_eq!(calls.load(Ordering::SeqCst), 1);
        }
    }

    #[tokio::test]
    async fn a_wish_to_stop_ends_the_waiting_and_no_call() {
        let (canceller, cancel) = crate::flow::cancellation();
        canceller.cancel();
        let calls = AtomicU32::new(0);
        let call = || async {
            calls.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(failure(ErrorKind::RateLimited, Some(Duration::from_secs(600))))
        };
        let deadline = Instant::now() + Duration::from_secs(3600);
        assert!(until_settled(Some(&cancel), deadline, |_| {}, call).await.is_err());
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_call_that_succeeds_the_second_time_gives_its_value_and_tells_of_the_first() {
        let calls = AtomicU32::new(0);
        let told = AtomicU32::new(0);
        let call = || async {
            match calls.fetch_add(1, Ordering::SeqCst) {
                0 => Err(failure(ErrorKind::Transient, None)),
                _ => Ok(7),
            }
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        let count = |_: &CallError| {
            told.fetch_add(1, Ordering::SeqCst);
        };
        assert_eq!(until_settled(None, deadline, count, call).await.ok(), Some(7));
        assert_eq!(told.load(Ordering::SeqCst), 1);
    }
}
