//! What the CA asked all of this process's requests to wait for, not only the one that it refused.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Until when the CA asked not to be asked again, by URL (the Retry-After of RFC 8555 section 6.6): a limit on new orders
/// says nothing of orders that are under way.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    until: Mutex<BTreeMap<String, Instant>>,
}

impl Pauses {
    /// Notes that `url` is not to be asked for `period` from now.
    pub(super) fn note(&self, url: &str, period: Duration) {
        let now = Instant::now();
        // Beyond all clocks is beyond all deadlines.
        let until = now.checked_add(period).unwrap_or_else(|| now + FOR_EVER);
        let mut all = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, until| *until > Instant::now());
        let known = all.entry(url.to_owned()).or_insert(until);
        *known = until.max(*known);
    }

    /// Waits until `url` may be asked. Where that is after `deadline` it returns at once: the limit may be one of the
    /// names in the request that met it, and only the CA can say whether it holds for others.
    pub(super) async fn wait(&self, url: &str, deadline: Instant) {
        while let Some(until) = self.of(url).filter(|until| *until < deadline) {
            tokio::time::sleep_until(until).await;
        }
    }

    fn of(&self, url: &str) -> Option<Instant> {
        let all = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(url).copied().filter(|until| *until > Instant::now())
    }
}

const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_pause_holds_for_its_url_as_long_as_the_longest_that_was_asked_for() {
        let pauses = Pauses::default();
        let start = Instant::now();
        pauses.note("a", Duration::from_millis(80));
        pauses.note("a", Duration::from_millis(20));
        pauses.wait("b", start + HOUR).await;
        assert!(pauses.of("a").is_some_and(|until| until >= start + Duration::from_millis(80)));
        pauses.wait("a", start + HOUR).await;
        assert!(pauses.of("a").is_none(), "it was not waited for");
    }

    #[tokio::test]
    async fn a_pause_beyond_the_deadline_is_not_waited_for() {
        let pauses = Pauses::default();
        pauses.note("a", HOUR);
        pauses.wait("a", Instant::now() + Duration::from_secs(60)).await;
        assert!(pauses.of("a").is_some(), "an hour has passed");
    }
}
