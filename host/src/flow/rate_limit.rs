//! A CA that asks to wait (RFC 8555 section 6.6, Retry-After): kept with the certificate, so that the next run waits too.

use std::time::Duration;

use time::OffsetDateTime;
use url::Url;

use super::due;
use crate::store::StateDir;
use crate::store::renewal_state::{Hold, HoldBy, RenewalState, RenewalStateError};

/// Until when the CA at `server` asked to be left alone about a certificate; `None` if that is over.
pub fn asked_to_wait(dir: &StateDir, name: &str, server: &Url, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let hold = RenewalState::load(dir, name).hold?;
    is_in_force(&hold, server, now).then_some(hold.until)
}

pub(super) fn is_in_force(hold: &Hold, server: &Url, now: OffsetDateTime) -> bool {
    hold.by == HoldBy::RateLimit && hold.is_for(server) && due::holds(hold, now)
}

/// Keeps that the CA at `server` asks to wait for so long, and why; gives until when.
pub fn note_wait(
    dir: &StateDir,
    name: &str,
    server: &Url,
    (after, why): (Duration, String),
) -> Result<OffsetDateTime, RenewalStateError> {
    let mut state = RenewalState::load(dir, name);
    let now = OffsetDateTime::now_utc();
    let hold = hold(now, after, server);
    let until = hold.until;
    state.last_attempt = Some(now);
    state.last_error = Some(why);
    state.hold = Some(hold);
    state.save(dir, name)?;
    Ok(until)
}

pub(super) fn hold(now: OffsetDateTime, after: Duration, server: &Url) -> Hold {
    let until = now + after.min(due::LONGEST_RETRY_AFTER);
    Hold { until, by: HoldBy::RateLimit, server: Some(server.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_for_the_ca_that_asked_for_it_and_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = StateDir::open(&folder.path().join("state")).expect("opened");
        let [ca, other] =
            ["https://ca.example/dir", "https://other.example/dir"].map(|url| Url::parse(url).expect(url));
        let hour = Duration::from_secs(3600);
        let until = note_wait(&dir, "a", &ca, (hour, "too many".to_owned())).expect("kept");
        let at = |ca, now| asked_to_wait(&dir, "a", ca, now);
        assert_eq!(at(&ca, until - hour), Some(until));
        assert_eq!((at(&ca, until), at(&other, until - hour)), (None, None));
        assert_eq!(asked_to_wait(&dir, "b", &ca, until - hour), None);
    }

    #[test]
    fn no_wait_is_longer_than_the_longest_limit_that_is_known() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let ca = Url::parse("https://ca.example/dir").expect("a URL");
        assert_eq!(hold(now, Duration::MAX, &ca).until, now + due::LONGEST_RETRY_AFTER);
    }
}
