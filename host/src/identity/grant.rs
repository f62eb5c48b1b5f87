//! What a party gave, and until when.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

/// A token, as the endpoint `token` of a provider that fetches its own captures it.
pub const ACCESS_TOKEN: &str = "token.access_token";

/// Values under the names of a provider's fields or captures.
#[derive(Clone)]
pub struct Grant {
    /// Name and value.
    pub values: Vec<(&'static str, Zeroizing<String>)>,
    /// Unix seconds at which they end; `None` if they do not.
    pub expires: Option<u64>,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl Grant {
    /// Whether it can serve a call that begins at `now` (Unix seconds).
    pub fn serves(&self, now: u64) -> bool {
        self.expires.is_none_or(|end| end > now.saturating_add(MARGIN_SECONDS))
    }

    /// The value of that name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// A call takes minutes at most. The AWS SDKs too begin to ask anew five minutes before the end.
const MARGIN_SECONDS: u64 = 300;

/// "2026-11-28T03:00:00Z" in Unix seconds.
pub(super) fn unix_seconds(text: &str) -> Option<u64> {
    OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_renewed_five_minutes_before_its_end_and_is_not_shown() {
        let values = vec![("session_token", Zeroizing::new("hidden".to_owned()))];
        let grant = Grant { values, expires: unix_seconds("1970-01-01T00:16:40Z") };
        assert_eq!(grant.expires, Some(1000));
        assert!(grant.serves(699));
        assert!(!grant.serves(700));
        assert!(!format!("{grant:?}").contains("hidden"));
        assert!(Grant { expires: None, ..grant }.serves(u64::MAX));
        assert_eq!(unix_seconds("tomorrow"), None);
    }
}
