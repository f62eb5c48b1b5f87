//! What is kept of a certificate: whether it is due, expired, held up, or owed a hook.

use time::OffsetDateTime;
use url::Url;

use super::condition::Condition;
use crate::causes::chain;
use crate::flow::due::{Verdict, holds};
use crate::flow::standing::Standing;
use crate::store::StateDir;
use crate::store::account::{AccountError, AccountStore};
use crate::store::certificate::{CertificateStore, StoreError};
use crate::store::renewal_state::HoldBy;

/// What its standing tells; `staging` knows the directories for trials.
pub fn standing(standing: &Standing, now: OffsetDateTime, staging: fn(&Url) -> Option<Url>) -> Vec<Condition> {
    let mut found: Vec<Condition> = validity(standing, now).into_iter().collect();
    if standing.renewal.is_none() {
        found.push(Condition::RenewalUnknown);
    }
    found.extend(held_up(standing, now, staging));
    if !standing.state.owed_hooks.is_empty() {
        found.push(Condition::HookFailing { hooks: standing.state.owed_hooks.clone() });
    }
    found
}

fn validity(standing: &Standing, now: OffsetDateTime) -> Option<Condition> {
    let Some(leaf) = &standing.leaf else { return Some(Condition::CertificateMissing) };
    if standing.is_revoked() {
        return Some(Condition::CertificateRevoked);
    }
    if leaf.not_after <= now {
        return Some(Condition::CertificateExpired { expired: leaf.not_after });
    }
    let margin = MARGIN.min((leaf.not_after - leaf.not_before) / SHORT_PART);
    let is_due = |at| !matches!(standing.verdict(at, std::time::Duration::ZERO), Verdict::Later { .. });
    is_due(now - margin).then_some(Condition::CertificateOverdue { due: now - margin, expires: leaf.not_after })
}

/// Two runs of the timer that `acmite timer` makes.
const MARGIN: time::Duration = time::Duration::hours(24);
/// Of the lifetime of a certificate that is short-lived.
const SHORT_PART: i32 = 8;

fn held_up(standing: &Standing, now: OffsetDateTime, staging: fn(&Url) -> Option<Url>) -> Option<Condition> {
    let state = &standing.state;
    let hold = state.hold.as_ref().filter(|hold| holds(hold, now));
    let last_error = state.last_error.clone();
    match hold {
        Some(hold) if hold.by == HoldBy::RateLimit => {
            let staging = standing.renewal.as_ref().and_then(|renewal| staging(&renewal.server));
            Some(Condition::RateLimited { until: hold.until, staging, last_error })
        }
        _ if state.failures > 0 => Some(Condition::AttemptsFailed {
            failures: state.failures,
            last_error: last_error.unwrap_or_default(),
            next_attempt: hold.map(|hold| hold.until),
        }),
        _ => None,
    }
}

/// Whether the certificate's key is its owner's alone.
pub fn key(state: &StateDir, name: &str) -> Option<Condition> {
    match CertificateStore::new(state, name).current() {
        Ok(_) => None,
        Err(StoreError::Key(why)) => Some(Condition::KeyUnprotected { owner: name.to_owned(), why: why.to_string() }),
        Err(error) => Some(Condition::CertificateUnreadable { why: chain(&error) }),
    }
}

/// Whether the accounts can be read, and by nobody else.
pub fn accounts(state: &StateDir) -> Vec<Condition> {
    match AccountStore::all(state) {
        Ok(stores) => stores.iter().filter_map(|store| Some(unreadable(Some(store), &store.load().err()?))).collect(),
        Err(error) => vec![unreadable(None, &error)],
    }
}

fn unreadable(store: Option<&AccountStore>, error: &AccountError) -> Condition {
    let server = store.map(|store| store.server().clone());
    match error {
        AccountError::Read(why) => {
            let owner = server.map_or_else(|| "an account".to_owned(), |server| format!("the account at {server}"));
            Condition::KeyUnprotected { owner, why: why.to_string() }
        }
        error => Condition::AccountUnreadable { server, why: chain(error) },
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::store::renewal_state::{Hold, RenewalState};

    const NOW: OffsetDateTime = datetime!(2026-03-01 00:00 UTC);

    fn renewal() -> crate::store::renewal::Renewal {
        let text = "version = 1\nnames = [\"a.example\"]\nserver = \"https://ca.example/dir\"\nkey_type = \"p256\"\n\
            [challenge]\nmethods = [\"standalone\"]\n[challenge.dns]\nplugins = []\npropagation_check = \"all\"\n\
            propagation_timeout_seconds = 300\nttl = 60\n";
        toml::from_str(text).expect("a renewal")
    }

    fn held(by: HoldBy, until: OffsetDateTime) -> Vec<Condition> {
        let (hold, last_error) = (Some(Hold { until, by, server: None }), Some("no".to_owned()));
        let state = RenewalState { failures: 2, hold, last_error, ..RenewalState::default() };
        let standing = Standing { name: "a".to_owned(), renewal: Some(renewal()), state, leaf: None };
        super::standing(&standing, NOW, |_| Url::parse("https://staging.example/dir").ok())
    }

    #[test]
    fn a_rate_limit_is_told_with_the_directory_for_trials_until_it_ends() {
        let until = NOW + time::Duration::hours(5);
        let found = held(HoldBy::RateLimit, until);
        let told = found[1].to_string();
        assert!(
            told.contains("2026-03-01T05:00:00Z; its directory for trials is https://staging.example/dir"),
            "{told}"
        );
        let failed =
            |next_attempt| Condition::AttemptsFailed { failures: 2, last_error: "no".to_owned(), next_attempt };
        assert_eq!(held(HoldBy::RateLimit, NOW)[1], failed(None));
        assert_eq!(held(HoldBy::BackOff, until)[1], failed(Some(until)));
    }
}
