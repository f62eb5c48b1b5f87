//! Whether a certificate is due, by nothing but what it is told.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use time::OffsetDateTime;

use crate::store::renewal_state::{Hold, HoldBy, Suggestion};

/// What is known when it is decided.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The time.
    pub now: OffsetDateTime,
    /// When it will be decided again: what is due before that is due now (RFC 9773 section 4.2).
    pub next_run: OffsetDateTime,
    /// The certificate is valid from here.
    pub not_before: OffsetDateTime,
    /// To here.
    pub not_after: OffsetDateTime,
    /// What the CA suggests for this certificate.
    pub suggestion: Option<&'a Suggestion>,
    /// Until when no attempt is made.
    pub hold: Option<&'a Hold>,
}

/// The decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To be renewed now.
    Due(Why),
    /// To be renewed at a time to come.
    Later {
        /// When.
        at: OffsetDateTime,
        /// Why then.
        why: Why,
    },
    /// It is due, and an attempt must wait.
    Held {
        /// Until when.
        until: OffsetDateTime,
        /// Whose wish it is.
        by: HoldBy,
    },
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The CA's window.
    Suggested,
    /// The part of the lifetime that is left.
    Lifetime,
    /// The end is near, whatever the CA suggests.
    NearExpiry,
    /// The certificate is revoked.
    Revoked,
    /// The certificate is missing.
    Missing,
    /// It is not as it is described.
    Described,
    /// The user asked for it.
    Forced,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Suggested => "the CA suggests it",
            Self::Lifetime => "little of its lifetime is left",
            Self::NearExpiry => "it expires soon",
            Self::Revoked => "it is revoked",
            Self::Missing => "there is none yet",
            Self::Described => "it is not as it is described",
            Self::Forced => "it was asked for",
        })
    }
}

/// Decides.
pub fn verdict(facts: &Facts<'_>) -> Verdict {
    let (at, why) = point(facts);
    let wake = if why == Why::Suggested { facts.next_run.max(facts.now) } else { facts.now };
    if at > wake {
        return Verdict::Later { at, why };
    }
    match facts.hold {
        Some(hold) if holds(hold, facts.now) => Verdict::Held { until: hold.until, by: hold.by },
        _ => Verdict::Due(why),
    }
}

/// Whether it is still to be waited. A wait longer than any that is written was written by a clock that was wrong.
pub(super) fn holds(hold: &Hold, now: OffsetDateTime) -> bool {
    now < hold.until && hold.until <= now + LONGEST_RETRY_AFTER
}

/// The moment to renew at.
fn point(facts: &Facts<'_>) -> (OffsetDateTime, Why) {
    let lifetime = facts.not_after - facts.not_before;
    let last_resort = facts.not_after - lifetime / LAST_PART;
    let Some(suggestion) = facts.suggestion else {
        let part = if lifetime < SHORT_LIVED { SHORT_LIVED_PART } else { USUAL_PART };
        return (facts.not_after - lifetime / part, Why::Lifetime);
    };
    let chosen = chosen_in(suggestion);
    if chosen <= last_resort { (chosen, Why::Suggested) } else { (last_resort, Why::NearExpiry) }
}

/// A point of the window that is the same each time it is looked for, and another one for another certificate.
fn chosen_in(suggestion: &Suggestion) -> OffsetDateTime {
    let Suggestion { id, start, end, .. } = suggestion;
    let seed = format!("{id} {} {}", start.unix_timestamp(), end.unix_timestamp());
    let hash = digest(&SHA256, seed.as_bytes());
    let random = u64::from_be_bytes(hash.as_ref()[..8].try_into().expect("SHA-256 gives 32 bytes"));
    let seconds = u64::try_from((*end - *start).whole_seconds()).unwrap_or_default();
    *start + Duration::from_secs(if seconds == 0 { 0 } else { random % seconds })
}

const LAST_PART: i32 = 10;
const USUAL_PART: i32 = 3;
const SHORT_LIVED_PART: i32 = 2;
const SHORT_LIVED: time::Duration = time::Duration::days(10);

/// How long to wait after so many failures on end.
pub fn hold_after(now: OffsetDateTime, failures: u32, not_after: Option<OffsetDateTime>) -> Hold {
    // Near the end every hour counts more than the CA's comfort.
    let cap = match not_after {
        Some(end) if end - now < NEAR_END => LONGEST_HOLD_NEAR_END,
        _ => LONGEST_HOLD,
    };
    let doubled = FIRST_HOLD.saturating_mul(1 << failures.saturating_sub(1).min(MOST_DOUBLINGS));
    Hold { until: now + doubled.min(cap), by: HoldBy::BackOff, server: None }
}

const HOUR: Duration = Duration::from_secs(3600);
const FIRST_HOLD: Duration = HOUR;
const LONGEST_HOLD: Duration = HOUR.saturating_mul(24);
const LONGEST_HOLD_NEAR_END: Duration = HOUR.saturating_mul(4);
const NEAR_END: time::Duration = time::Duration::days(3);
const MOST_DOUBLINGS: u32 = 8;
/// Let's Encrypt's longest limit is a week.
pub(super) const LONGEST_RETRY_AFTER: Duration = HOUR.saturating_mul(24 * 8);

/// When to ask the CA for its suggestion again, within the limits of RFC 9773 section 4.3.1.
pub fn ask_again(now: OffsetDateTime, retry_after: Option<Duration>) -> OffsetDateTime {
    now + retry_after.unwrap_or(USUAL_ASKING).clamp(SOONEST_ASKING, LATEST_ASKING)
}

const USUAL_ASKING: Duration = HOUR.saturating_mul(6);
const SOONEST_ASKING: Duration = Duration::from_secs(60);
pub(super) const LATEST_ASKING: Duration = HOUR.saturating_mul(24);

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const ISSUED: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

    fn day(number: f64) -> OffsetDateTime {
        ISSUED + time::Duration::seconds_f64(number * 86400.0)
    }

    fn window(start: f64, end: f64) -> Suggestion {
        Suggestion { id: "a.b".to_owned(), start: day(start), end: day(end), explanation_url: None }
    }

    fn decide(lifetime: f64, now: f64, suggestion: Option<&Suggestion>, hold: Option<&Hold>) -> Verdict {
        let (not_before, not_after) = (ISSUED, day(lifetime));
        verdict(&Facts { now: day(now), next_run: day(now), not_before, not_after, suggestion, hold })
    }

    #[test]
    fn without_a_suggestion_a_third_of_the_lifetime_or_half_of_a_short_one_decides() {
        for (lifetime, due) in [(90.0, 60.0), (10.0, 20.0 / 3.0), (6.0, 3.0), (9.9, 4.95)] {
            let later = Verdict::Later { at: day(due), why: Why::Lifetime };
            assert_eq!(decide(lifetime, due - 0.01, None, None), later, "{lifetime} days");
            assert_eq!(decide(lifetime, due, None, None), Verdict::Due(Why::Lifetime), "{lifetime} days");
            assert_eq!(decide(lifetime, lifetime + 5.0, None, None), Verdict::Due(Why::Lifetime), "expired");
        }
    }

    #[test]
    fn the_cas_window_decides_sooner_and_later_than_the_lifetime() {
        // (window, a time before it, a time after it)
        for (start, end, before, after) in [(10.0, 12.0, 9.9, 12.0), (70.0, 72.0, 69.0, 72.0), (-3.0, -1.0, -4.0, 0.0)]
        {
            let window = window(start, end);
            let Verdict::Later { at, why } = decide(90.0, before, Some(&window), None) else {
                panic!("due at {before}")
            };
            assert!(window.start <= at && at < window.end, "{at} is not in the window");
            assert_eq!(why, Why::Suggested);
            assert_eq!(decide(90.0, after, Some(&window), None), Verdict::Due(Why::Suggested));
        }
    }

    #[test]
    fn a_window_too_near_the_end_is_overridden() {
        let late = window(88.0, 200.0);
        assert_eq!(decide(90.0, 80.9, Some(&late), None), Verdict::Later { at: day(81.0), why: Why::NearExpiry });
        assert_eq!(decide(90.0, 81.0, Some(&late), None), Verdict::Due(Why::NearExpiry));
    }

    #[test]
    fn the_point_in_the_window_is_stable_and_differs_between_certificates() {
        let points: Vec<OffsetDateTime> = (0..50)
            .map(|n| {
                let suggestion = Suggestion { id: format!("a.{n}"), ..window(10.0, 12.0) };
                assert_eq!(chosen_in(&suggestion), chosen_in(&suggestion));
                chosen_in(&suggestion)
            })
            .collect();
        let (first, last) = (points.iter().min().expect("some"), points.iter().max().expect("some"));
        assert!(*last - *first > time::Duration::days(1), "from {first} to {last}");
    }

    #[test]
    fn what_the_ca_suggests_before_the_next_run_is_due_now() {
        let window = window(30.0, 30.5);
        let facts = |next| Facts {
            now: day(29.9),
            next_run: day(next),
            not_before: ISSUED,
            not_after: day(90.0),
            suggestion: Some(&window),
            hold: None,
        };
        assert!(matches!(verdict(&facts(29.95)), Verdict::Later { .. }));
        assert_eq!(verdict(&facts(30.5)), Verdict::Due(Why::Suggested));
    }

    #[test]
    fn a_hold_delays_what_is_due_and_nothing_else() {
        let hold = Hold { until: day(61.0), by: HoldBy::RateLimit, server: None };
        assert!(matches!(decide(90.0, 10.0, None, Some(&hold)), Verdict::Later { .. }));
        let held = Verdict::Held { until: day(61.0), by: HoldBy::RateLimit };
        assert_eq!(decide(90.0, 60.5, None, Some(&hold)), held);
        assert_eq!(decide(90.0, 61.0, None, Some(&hold)), Verdict::Due(Why::Lifetime));
    }

    #[test]
    fn pauses_after_failures_double_up_to_a_day_and_to_less_near_the_end() {
        let hours = |failures, days_left| {
            let hold = hold_after(ISSUED, failures, Some(day(days_left)));
            assert_eq!(hold.by, HoldBy::BackOff);
            (hold.until - ISSUED).whole_hours()
        };
        for (failures, expected) in [(1, 1), (2, 2), (3, 4), (5, 16), (6, 24), (4_000_000, 24)] {
            assert_eq!(hours(failures, 30.0), expected, "{failures} failures");
        }
        assert_eq!((hours(2, 2.0), hours(9, 2.0), hours(9, -1.0)), (2, 4, 4));
    }

    #[test]
    fn the_ca_is_asked_again_when_it_says_within_a_minute_and_a_day() {
        for (said, kept) in [(None, 21600), (Some(7200), 7200), (Some(1), 60), (Some(999_999), 86400)] {
            let at = ask_again(ISSUED, said.map(Duration::from_secs));
            assert_eq!((at - ISSUED).whole_seconds(), kept, "{said:?}");
        }
    }
}
