//! How fast an API is asked: a token bucket.

use std::time::Duration;

use tokio::time::Instant;

/// A bucket that holds `burst` tokens, is full at first and gains one in each interval; a request takes one.
///
/// It is kept as the time at which the bucket would be full again (the generic cell rate algorithm of ITU-T I.371), so
/// that nothing has to tick.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    interval: Duration,
    /// What a full bucket is worth, less one token.
    tolerance: Duration,
    full_again: Option<Instant>,
}

impl Pace {
    /// `rate` tokens a second, above zero; at least one in the bucket.
    pub(super) fn new(rate: f64, burst: u32) -> Self {
        let interval = Duration::from_secs_f64(1.0 / rate);
        Self { interval, tolerance: interval * burst.saturating_sub(1), full_again: None }
    }

    /// When the next request may be sent: `now` while there are tokens. The token is taken.
    pub(super) fn turn(&mut self, now: Instant) -> Instant {
        let full_again = self.full_again.map_or(now, |full| full.max(now));
        self.full_again = Some(full_again + self.interval);
        full_again.checked_sub(self.tolerance).map_or(now, |turn| turn.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds after the first request at which the next ones, all asked for at `at`, may be sent.
    fn turns(pace: &mut Pace, start: Instant, at: u64, count: usize) -> Vec<u128> {
        let now = start + Duration::from_millis(at);
        (0..count).map(|_| pace.turn(now).duration_since(start).as_millis()).collect()
    }

    #[test]
    fn a_full_bucket_is_spent_at_once_and_then_the_rate_holds() {
        let mut pace = Pace::new(10.0, 3);
        assert_eq!(turns(&mut pace, Instant::now(), 0, 6), [0, 0, 0, 100, 200, 300]);
    }

    #[test]
    fn what_was_not_asked_for_is_saved_up_to_the_burst_and_no_further() {
        let (mut pace, start) = (Pace::new(10.0, 3), Instant::now());
        turns(&mut pace, start, 0, 3);
        assert_eq!(turns(&mut pace, start, 200, 3), [200, 200, 300]);
        assert_eq!(turns(&mut pace, start, 60_000, 5), [60_000, 60_000, 60_000, 60_100, 60_200]);
    }

    #[test]
    fn a_burst_of_one_spaces_every_request() {
        assert_eq!(turns(&mut Pace::new(4.0, 1), Instant::now(), 0, 3), [0, 250, 500]);
    }

    #[test]
    fn no_window_sees_more_than_the_burst_and_what_the_rate_adds() {
        let (rate, burst, start) = (7.0, 20, Instant::now());
        let mut pace = Pace::new(rate, burst);
        let mut sent: Vec<Duration> = Vec::new();
        for at in (0..20_000).step_by(37) {
            let now = start + Duration::from_millis(at);
            sent.extend((0..at % 3).map(|_| pace.turn(now).duration_since(start)));
        }
        let window = Duration::from_secs(5);
        let most =
            sent.iter().map(|from| sent.iter().filter(|at| **at >= *from && **at < *from + window).count()).max();
        let most = most.expect("requests");
        assert!((50..=20 + 35).contains(&most), "{most}, and it may be the burst and 7 a second for 5 s");
    }
}
