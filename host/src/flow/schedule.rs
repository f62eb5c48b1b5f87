//! When a service that runs on looks at its certificates again.

use std::time::Duration;

use time::OffsetDateTime;

use super::due::Verdict;
use super::standing::Standing;

/// The moment at which there may be something to do for one of them, after all were looked at just now.
pub fn next_look(standings: &[Standing], now: OffsetDateTime) -> OffsetDateTime {
    let moments = standings.iter().filter_map(|standing| next_of(standing, now));
    moments.min().unwrap_or(now + LONGEST).clamp(now + SHORTEST, now + LONGEST)
}

fn next_of(standing: &Standing, now: OffsetDateTime) -> Option<OffsetDateTime> {
    if standing.renewal.is_none() && standing.state.hold.is_none() {
        return None;
    }
    let decided = match standing.verdict(now, Duration::ZERO) {
        // It was tried just now, and is another process's or cannot be kept.
        Verdict::Due(_) => now + AGAIN,
        Verdict::Later { at, .. } => at,
        Verdict::Held { until, .. } => until,
    };
    let asked = standing.state.ask_again.filter(|_| standing.leaf.is_some());
    let owed = (!standing.state.owed_hooks.is_empty()).then_some(now + OWED_HOOKS);
    [Some(decided), asked, owed].into_iter().flatten().min()
}

const SHORTEST: Duration = Duration::from_secs(1);
/// Also after the clock was set or the machine slept: what was missed is seen within this time.
pub const LONGEST: Duration = Duration::from_secs(12 * 3600);
const AGAIN: Duration = Duration::from_secs(600);
const OWED_HOOKS: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::pki::Leaf;
    use crate::store::renewal::Renewal;
    use crate::store::renewal_state::{Hold, HoldBy, RenewalState};

    const NOW: OffsetDateTime = datetime!(2026-03-01 00:00 UTC);

    fn renewal() -> Renewal {
        toml::from_str(
            "version = 1\nnames = [\"a.example\"]\nserver = \"https://ca.example/dir\"\nkey_type = \"p256\"\n\
             [challenge]\nmethods = [\"standalone\"]\n[challenge.dns]\nplugins = []\npropagation_check = \"all\"\n\
             propagation_timeout_seconds = 300\nttl = 60\n",
        )
        .expect("a renewal")
    }

    /// A certificate of 90 days, to be renewed `hours` from now.
    fn due_in(hours: i64) -> Standing {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(["a.example".to_owned()]).expect("parameters");
        params.not_before = NOW + time::Duration::hours(hours) - time::Duration::days(60);
        params.not_after = params.not_before + time::Duration::days(90);
        let leaf = Leaf::from_pem(&params.self_signed(&key).expect("a certificate").pem()).expect("a certificate");
        let (name, state) = ("a".to_owned(), RenewalState::default());
        Standing { name, renewal: Some(renewal()), state, leaf: Some(leaf) }
    }

    fn hours(number: i64) -> OffsetDateTime {
        NOW + time::Duration::hours(number)
    }

    #[test]
    fn the_first_that_is_due_decides_and_twice_a_day_it_is_looked_anyway() {
        assert_eq!(next_look(&[due_in(9), due_in(3)], NOW), hours(3));
        assert_eq!(next_look(&[due_in(100)], NOW), hours(12));
        assert_eq!(next_look(&[], NOW), hours(12));
    }

    #[test]
    fn a_ca_that_wishes_to_be_asked_a_failure_and_an_owed_hook_come_before_that() {
        let mut asked = due_in(100);
        asked.state.ask_again = Some(hours(6));
        assert_eq!(next_look(&[asked], NOW), hours(6));
        let mut failed = due_in(-1);
        failed.state.hold = Some(Hold { until: hours(2), by: HoldBy::BackOff, server: None });
        assert_eq!(next_look(&[failed], NOW), hours(2));
        let mut owed = due_in(100);
        owed.state.owed_hooks = vec!["x".to_owned()];
        assert_eq!(next_look(&[owed], NOW), hours(1));
    }

    #[test]
    fn one_that_was_never_got_waits_for_its_hold_and_what_cannot_be_renewed_for_nothing() {
        let mut missing = Standing { leaf: None, renewal: None, ..due_in(0) };
        assert_eq!(next_look(std::slice::from_ref(&missing), NOW), hours(12));
        missing.state.hold = Some(Hold { until: hours(1), by: HoldBy::BackOff, server: None });
        assert_eq!(next_look(&[missing], NOW), hours(1));
    }

    #[test]
    fn what_is_still_due_right_after_a_look_does_not_make_it_spin() {
        assert_eq!(next_look(&[due_in(-5)], NOW), NOW + AGAIN);
    }
}
