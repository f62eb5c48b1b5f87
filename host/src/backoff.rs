//! Waiting for a condition: at once, then later and later, up to a deadline.

use std::time::Duration;

use tokio::time::Instant;

/// The pauses between the checks of one condition.
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Duration,
    cap: Duration,
    deadline: Instant,
}

impl Backoff {
    /// Pauses that begin with `first`, grow by half each time up to `cap`, and end at `deadline`.
    pub fn new(first: Duration, cap: Duration, deadline: Instant) -> Self {
        Self { next: first, cap, deadline }
    }

    /// Sleeps until the next check is due, at least `at_least` long; false once the deadline has come, without
    /// sleeping past it.
    pub async fn pause(&mut self, at_least: Duration) -> bool {
        let Some(until) = self.next_check(Instant::now(), at_least) else { return false };
        tokio::time::sleep_until(until).await;
        true
    }

    fn next_check(&mut self, now: Instant, at_least: Duration) -> Option<Instant> {
        if now >= self.deadline {
            return None;
        }
        let pause = self.next.max(at_least);
        self.next = (self.next + self.next / 2).min(self.cap);
        Some(now.checked_add(pause).map_or(self.deadline, |then| then.min(self.deadline)))
    }

    /// When the waiting ends.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_cap_and_end_at_the_deadline() {
        let start = Instant::now();
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(2), seconds(4), start + seconds(10));
        let mut checks = Vec::new();
        let mut now = start;
        while let Some(next) = backoff.next_check(now, Duration::ZERO) {
            checks.push((next - start).as_secs());
            now = next;
        }
        assert_eq!(checks, [2, 5, 9, 10]);
    }

    #[test]
    fn a_pause_beyond_all_clocks_ends_at_the_deadline() {
        let start = Instant::now();
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4), start + Duration::from_secs(60));
        assert_eq!(backoff.next_check(start, Duration::MAX), Some(start + Duration::from_secs(60)));
    }

    #[test]
    fn a_longer_pause_that_was_asked_for_is_kept() {
        let start = Instant::now();
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4), start + Duration::from_secs(60));
        assert_eq!(backoff.next_check(start, Duration::from_secs(30)), Some(start + Duration::from_secs(30)));
    }
}
