//! How the renewal of a certificate stands, kept between runs: `renewal/NAME.json`.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;

use super::layout::StateDir;
use crate::secure_file::{SecureReadError, SecureWriteError, read_own, remove_durably, write_whole, write_whole_soon};

/// What happened so far and what is to come. Losing it costs a back-off, never a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RenewalState {
    /// When it was tried last.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub last_attempt: Option<OffsetDateTime>,
    /// When a certificate was stored last.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub last_success: Option<OffsetDateTime>,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Attempts that failed since the last success.
    pub failures: u32,
    /// Until when no attempt is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// What the CA suggests (RFC 9773).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<Suggestion>,
    /// When the CA is to be asked for a suggestion again.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub ask_again: Option<OffsetDateTime>,
    /// An order whose CSR was handed in and whose certificate was not stored yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OpenOrder>,
    /// Deploy hooks that failed and are owed to the live certificate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owed_hooks: Vec<String>,
    /// Id of a key, or where that is elsewhere of its public half, that was given up, and that no other certificate may be for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compromised_key: Option<String>,
    /// Serial number of the last certificate that was revoked, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
}

/// A time before which no attempt is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The end of it.
    #[serde(with = "time::serde::rfc3339")]
    pub until: OffsetDateTime,
    /// Whose wish it is.
    pub by: HoldBy,
    /// The directory of the CA that wishes it; others need not be waited for. `None` where it is acmite's own wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

impl Hold {
    /// Whether it is for certificates of the CA whose directory is at `server`.
    pub fn is_for(&self, server: &Url) -> bool {
        self.server.as_ref().is_none_or(|own| own == server.as_str())
    }
}

/// Whose wish it is to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldBy {
    /// acmite's own, growing with the failures.
    BackOff,
    /// The CA's, by Retry-After.
    RateLimit,
}

/// A time to renew in, as the CA suggested it for one certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The certificate's id in renewal information.
    pub id: String,
    /// Start of the window.
    #[serde(with = "time::serde::rfc3339")]
    pub start: OffsetDateTime,
    /// End of the window.
    #[serde(with = "time::serde::rfc3339")]
    pub end: OffsetDateTime,
    /// A page that says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation_url: Option<String>,
}

/// An order that waits for its certificate; the key is among the pending ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// Its URL.
    pub url: String,
    /// The CA's directory.
    pub server: String,
    /// What it is for, in the order's order.
    pub names: Vec<String>,
    /// Type of the key.
    pub key_type: String,
    /// The CA's profile.
    pub profile: Option<String>,
    /// Which pending key it is for.
    pub key: String,
    /// When the CSR was handed in.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

impl RenewalState {
    /// How it stands; a state that is missing or damaged counts as a new one.
    pub fn load(state: &StateDir, name: &str) -> Self {
        let path = state.renewal_state(name);
        // Hooks that are owed stand in it.
        let bytes = match read_own(&path) {
            Ok(bytes) => bytes,
            Err(SecureReadError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Self::default();
            }
            Err(error) => {
                told_of_damage(&path, &error);
                return Self::default();
            }
        };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            told_of_damage(&path, &error);
            Self::default()
        })
    }

    /// Keeps it, whole or not at all.
    pub fn save(&self, state: &StateDir, name: &str) -> Result<(), RenewalStateError> {
        let json = serde_json::to_vec_pretty(self).map_err(|_| RenewalStateError::Unwritable)?;
        let path = state.renewal_state(name);
        // Ten thousand certificates that need nothing must not wait for the disk ten thousand times.
        if self.can_be_lost() {
            write_whole_soon(&path, &json, 0o600)?
        } else {
            write_whole(&path, &json, 0o600)?
        }
        Ok(())
    }

    /// Whether nothing would be missed but what the next run finds out again.
    fn can_be_lost(&self) -> bool {
        let Self { failures, hold, order, owed_hooks, compromised_key, .. } = self;
        *failures == 0 && hold.is_none() && order.is_none() && owed_hooks.is_empty() && compromised_key.is_none()
    }

    /// Forgets it.
    pub fn remove(state: &StateDir, name: &str) -> Result<(), RenewalStateError> {
        Ok(remove_durably(&state.renewal_state(name))?)
    }
}

fn told_of_damage(path: &Path, error: &dyn std::error::Error) {
    tracing::warn!(path = %path.display(), %error, "the state of a renewal cannot be read; it counts as a new one");
}

/// Why it could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum RenewalStateError {
    /// A time in it is beyond the year 9999, or a path no text.
    #[error("how the renewal stands cannot be written down; check the system's clock")]
    Unwritable,
    /// The file cannot be written.
    #[error("how the renewal stands cannot be kept")]
    Write(#[from] SecureWriteError),
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use std::fs;

    use super::*;

    fn state() -> RenewalState {
        let until = datetime!(2026-03-04 05:06:07 UTC);
        RenewalState {
            last_attempt: Some(until),
            last_error: Some("no".to_owned()),
            failures: 3,
            hold: Some(Hold { until, by: HoldBy::RateLimit, server: None }),
            suggestion: Some(Suggestion { id: "a.b".to_owned(), start: until, end: until, explanation_url: None }),
            order: Some(OpenOrder {
                url: "https://ca.example/order/1".to_owned(),
                server: "https://ca.example/dir".to_owned(),
                names: vec!["example.com".to_owned()],
                key_type: "p256".to_owned(),
                profile: None,
                key: "0123".to_owned(),
                since: until,
            }),
            ..RenewalState::default()
        }
    }

    #[test]
    fn a_state_is_found_again_and_a_damaged_one_counts_as_new() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = StateDir::open(&folder.path().join("state")).expect("opened");
        assert_eq!(RenewalState::load(&dir, "example.com"), RenewalState::default());
        state().save(&dir, "example.com").expect("kept");
        assert_eq!(RenewalState::load(&dir, "example.com"), state());
        fs::write(dir.renewal_state("example.com"), "{\"failures\":").expect("written");
        assert_eq!(RenewalState::load(&dir, "example.com"), RenewalState::default());
    }

    #[test]
    fn an_order_a_hold_a_failure_an_owed_hook_and_a_key_that_was_given_up_are_not_to_be_lost() {
        assert!(RenewalState { suggestion: state().suggestion, ..RenewalState::default() }.can_be_lost());
        for kept in [
            RenewalState { failures: 1, ..RenewalState::default() },
            RenewalState { hold: state().hold, ..RenewalState::default() },
            RenewalState { order: state().order, ..RenewalState::default() },
            RenewalState { owed_hooks: vec!["x".to_owned()], ..RenewalState::default() },
            RenewalState { compromised_key: Some("0123".to_owned()), ..RenewalState::default() },
        ] {
            assert!(!kept.can_be_lost(), "{kept:?}");
        }
    }

    #[test]
    fn a_state_of_a_later_acmite_with_more_in_it_is_read() {
        let read: RenewalState = serde_json::from_str(r#"{"failures": 2, "mood": "good"}"#).expect("a state");
        assert_eq!(read.failures, 2);
    }
}
