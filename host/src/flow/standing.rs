//! How a certificate stands: what is live, what is remembered, what is to come.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use time::OffsetDateTime;

use super::due::{self, Facts, Verdict, Why};
use crate::pki::{Leaf, LeafError};
use crate::store::StateDir;
use crate::store::certificate::{CertificateStore, StoreError};
use crate::store::quiet::{Mark, Quiet};
use crate::store::renewal::{Renewal, RenewalError, RenewalStore};
use crate::store::renewal_state::{Hold, HoldBy, RenewalState};

/// What is known of one certificate.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its name in the state folder.
    pub name: String,
    /// How it was made; `None` if that was not remembered.
    pub renewal: Option<Renewal>,
    /// How its renewal stands.
    pub state: RenewalState,
    /// What is live; `None` if nothing is.
    pub leaf: Option<Leaf>,
}

impl Standing {
    /// Reads it.
    pub fn read(dir: &StateDir, name: &str) -> Result<Self, StandingError> {
        let pem = CertificateStore::new(dir, name).leaf_pem()?;
        let leaf = pem.map(|pem| Leaf::from_pem(&pem)).transpose();
        Ok(Self {
            name: name.to_owned(),
            renewal: RenewalStore::new(dir, name).load()?,
            state: RenewalState::load(dir, name),
            leaf: leaf.map_err(|source| StandingError::Leaf { name: name.to_owned(), source })?,
        })
    }

    /// Whether it is due, where the next look will be `next_run` from now.
    pub fn verdict(&self, now: OffsetDateTime, next_run: Duration) -> Verdict {
        let hold = self.hold();
        let due_for = |why| match hold {
            Some(hold) if due::holds(hold, now) => Verdict::Held { until: hold.until, by: hold.by },
            _ => Verdict::Due(why),
        };
        let Some(leaf) = &self.leaf else { return due_for(Why::Missing) };
        if self.is_revoked() {
            return due_for(Why::Revoked);
        }
        let suggestion = self.state.suggestion.as_ref().filter(|one| Some(&one.id) == leaf.renewal_id.as_ref());
        let (not_before, not_after) = (leaf.not_before, leaf.not_after);
        due::verdict(&Facts { now, next_run: now + next_run, not_before, not_after, suggestion, hold })
    }

    /// Whether what is live was revoked by `acmite revoke`.
    pub fn is_revoked(&self) -> bool {
        let serial = self.leaf.as_ref().map(|leaf| HEXLOWER.encode(&leaf.serial));
        serial.is_some() && serial == self.state.revoked
    }

    /// The wait that is for the CA it is got from.
    fn hold(&self) -> Option<&Hold> {
        let is_for = |hold: &&Hold| self.renewal.as_ref().is_none_or(|renewal| hold.is_for(&renewal.server));
        self.state.hold.as_ref().filter(is_for)
    }

    /// Until when its CA asked to be left alone, if that is still to come.
    pub(super) fn rate_limit(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let hold = self.hold().filter(|hold| hold.by == HoldBy::RateLimit && due::holds(hold, now))?;
        Some(hold.until)
    }

    /// The id that an order names the live certificate by.
    pub(super) fn replaceable(&self) -> Option<String> {
        self.leaf.as_ref()?.renewal_id.clone()
    }

    /// Whether the CA is to be asked for a suggestion.
    pub fn asks(&self, now: OffsetDateTime) -> bool {
        let has_id = self.leaf.as_ref().is_some_and(|leaf| leaf.renewal_id.is_some());
        let waits = |at| is_ahead(at, now, due::LATEST_ASKING);
        has_id && self.renewal.is_some() && self.rate_limit(now).is_none() && !self.state.ask_again.is_some_and(waits)
    }

    /// Until when there is nothing to decide about what is live.
    pub(super) fn quiet_until(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let at = match self.verdict(now, Duration::ZERO) {
            Verdict::Later { at, .. } => at - LONGEST_TIME_BETWEEN_RUNS,
            Verdict::Held { until, .. } => until,
            Verdict::Due(_) => return None,
        };
        let next_look = now + SHORTEST_QUIET + spread(&self.name);
        let until = self.state.ask_again.map_or(at, |ask| ask.min(at)).min(next_look);
        (until > now && self.state.owed_hooks.is_empty()).then_some(until)
    }
}

/// What the next run could take for due already must be looked at in this one.
const LONGEST_TIME_BETWEEN_RUNS: Duration = Duration::from_secs(24 * 3600);

/// So that ten thousand certificates are not all looked at in the same run.
fn spread(name: &str) -> Duration {
    let hash = digest(&SHA256, name.as_bytes());
    let random = u32::from_be_bytes(hash.as_ref()[..4].try_into().expect("SHA-256 gives 32 bytes"));
    Duration::from_secs(u64::from(random) % (LONGEST_QUIET - SHORTEST_QUIET).as_secs())
}

/// Whether a time is to come. One that is further ahead than any that is written was written by a clock that was wrong.
fn is_ahead(at: OffsetDateTime, now: OffsetDateTime, longest: Duration) -> bool {
    now < at && at <= now + longest
}

/// Also the longest time between two questions to a CA.
const SHORTEST_QUIET: Duration = due::LATEST_ASKING;
const LONGEST_QUIET: Duration = SHORTEST_QUIET.saturating_mul(8);

/// Whether what was found of a certificate still holds; reads nothing of it.
pub(super) fn is_quiet(dir: &StateDir, name: &str, found: Option<&Quiet>, now: OffsetDateTime) -> bool {
    found.is_some_and(|found| is_ahead(found.until, now, LONGEST_QUIET) && Mark::of(dir, name) == Some(found.mark))
}

/// Why it is not known how a certificate stands.
#[derive(Debug, thiserror::Error)]
pub enum StandingError {
    /// What it remembers cannot be read.
    #[error(transparent)]
    Renewal(#[from] RenewalError),
    /// What is live cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is live is damaged.
    #[error("the live certificate of {name} cannot be read")]
    Leaf {
        /// Its name.
        name: String,
        /// Why.
        source: LeafError,
    },
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::store::renewal_state::{Hold, HoldBy};

    const NOW: OffsetDateTime = datetime!(2026-03-01 00:00 UTC);

    /// What is noted of a certificate that needs nothing.
    fn noted(dir: &StateDir, name: &str) -> Option<Quiet> {
        let mark = Mark::of(dir, name)?;
        let until = Standing::read(dir, name).expect("readable").quiet_until(NOW)?;
        Some(Quiet { mark, until })
    }

    fn state_dir(folder: &tempfile::TempDir) -> StateDir {
        StateDir::open(&folder.path().join("state")).expect("opened")
    }

    /// A certificate of 90 days that is so many days old.
    fn with_certificate(dir: &StateDir, name: &str, age_days: i64) -> Standing {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).expect("parameters");
        params.not_before = NOW - time::Duration::days(age_days);
        params.not_after = params.not_before + time::Duration::days(90);
        let leaf = params.self_signed(&key).expect("a certificate").pem();
        CertificateStore::new(dir, name).store(&leaf, "", &key.serialize_pem()).expect("stored");
        Standing::read(dir, name).expect("readable")
    }

    #[test]
    fn a_quiet_certificate_is_not_looked_at_until_its_time_or_a_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = state_dir(&folder);
        let names = ["a.example", "b.example", "c.example"];
        names.iter().for_each(|name| _ = with_certificate(&dir, name, 10));
        let found = names.map(|name| noted(&dir, name));
        let quiet_at = |now| [0, 1, 2].map(|one| is_quiet(&dir, names[one], found[one].as_ref(), now));
        assert_eq!(quiet_at(NOW), [true; 3]);
        with_certificate(&dir, "b.example", 10);
        RenewalState::default().save(&dir, "c.example").expect("kept");
        assert_eq!(quiet_at(NOW), [true, false, false], "what leads to it and its state are others now");
        assert_eq!(quiet_at(NOW + time::Duration::days(8)), [false; 3], "a week later");
        assert!(!is_quiet(&dir, "a.example", None, NOW));
    }

    #[test]
    fn many_certificates_are_looked_at_again_on_different_days() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = state_dir(&folder);
        let mut days: Vec<i64> = Vec::new();
        for number in 0..30 {
            let standing = with_certificate(&dir, &format!("host{number}.example"), 10);
            let until = standing.quiet_until(NOW).expect("nothing to do");
            days.push((until - NOW).whole_days());
        }
        days.sort_unstable();
        assert_eq!((days[0], days[29]), (1, 7), "{days:?}");
    }

    #[test]
    fn what_a_clock_that_was_ahead_has_written_keeps_nothing_quiet() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = state_dir(&folder);
        let mut standing = with_certificate(&dir, "a.example", 10);
        let wrong = NOW + time::Duration::days(1000);
        let found = noted(&dir, "a.example").map(|found| Quiet { until: wrong, ..found });
        assert!(!is_quiet(&dir, "a.example", found.as_ref(), NOW));
        standing.leaf = None;
        standing.state.hold = Some(Hold { until: wrong, by: HoldBy::RateLimit, server: None });
        assert_eq!(standing.verdict(NOW, Duration::ZERO), Verdict::Due(Why::Missing));
    }

    #[test]
    fn what_is_due_or_owed_a_hook_is_never_quiet_and_what_must_wait_is_until_then() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = state_dir(&folder);
        let mut standing = with_certificate(&dir, "a.example", 70);
        assert_eq!(standing.quiet_until(NOW), None);
        let until = NOW + time::Duration::hours(2);
        standing.state.hold = Some(Hold { until, by: HoldBy::BackOff, server: None });
        assert_eq!(standing.quiet_until(NOW), Some(until));
        standing.state.owed_hooks = vec!["x".to_owned()];
        assert_eq!(standing.quiet_until(NOW), None);
    }

    #[test]
    fn a_certificate_that_is_missing_is_due_unless_an_attempt_must_wait() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut standing = Standing::read(&state_dir(&folder), "none.example").expect("readable");
        assert_eq!(standing.verdict(NOW, Duration::ZERO), Verdict::Due(Why::Missing));
        let until = NOW + time::Duration::hours(1);
        standing.state.hold = Some(Hold { until, by: HoldBy::RateLimit, server: None });
        assert_eq!(standing.verdict(NOW, Duration::ZERO), Verdict::Held { until, by: HoldBy::RateLimit });
    }
}
