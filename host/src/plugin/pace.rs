//! How often one origin is asked: never more in a second than its manifest allows, and without a pause before that.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// So many requests within any stretch of a length.
#[derive(Debug)]
pub(super) struct Pace {
    most: usize,
    within: Duration,
    /// When the last `most` requests were or are to be sent, the oldest first.
    turns: Mutex<VecDeque<Instant>>,
}

impl Pace {
    /// For a rate that is not a whole number, or below one, the stretch is other than a second.
    pub(super) fn new(rate_per_second: f64) -> Self {
        let most = rate_per_second.floor().max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the manifest's limits are 0.05 and 1000"
        )]
        let turns = most as usize;
        Self { most: turns, within: Duration::from_secs_f64(most / rate_per_second), turns: Mutex::default() }
    }

    /// Waits until one more request may be sent.
    pub(super) async fn wait_for_turn(&self) {
        sleep_until(self.next_turn(Instant::now())).await;
    }

    fn next_turn(&self, now: Instant) -> Instant {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = if turns.len() == self.most { turns.pop_front() } else { None };
        let turn = oldest.map_or(now, |oldest| now.max(oldest + self.within));
        turns.push_back(turn);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(rate: f64, asked_at_ms: &[u64]) -> Vec<u128> {
        let (pace, begin) = (Pace::new(rate), Instant::now());
        let turn = |at: &u64| (pace.next_turn(begin + Duration::from_millis(*at)) - begin).as_millis();
        asked_at_ms.iter().map(turn).collect()
    }

    #[test]
    fn what_a_second_allows_goes_at_once_and_the_rest_when_that_is_a_second_old() {
        assert_eq!(turns(3.0, &[0, 0, 100, 200, 200, 300, 300]), [0, 0, 100, 1000, 1000, 1100, 2000]);
        assert_eq!(turns(3.0, &[0, 0, 0, 1500, 1500]), [0, 0, 0, 1500, 1500]);
    }

    #[test]
    fn a_rate_below_one_or_between_two_numbers_is_kept_as_well() {
        assert_eq!(turns(0.05, &[0, 0, 5_000]), [0, 20_000, 40_000]);
        assert_eq!(turns(2.5, &[0, 0, 0, 0]), [0, 0, 800, 800]);
    }

    #[test]
    fn no_second_holds_more_than_the_rate() {
        let asked: Vec<u64> = (0..500).map(|number| number * number / 100).collect();
        let sent = turns(40.0, &asked);
        assert!(sent.windows(41).all(|some| some[40] - some[0] >= 999), "{sent:?}");
    }
}
