//! When to renew (RFC 9773).

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::problem::Problem;
use super::state::{Answer, Shared, State, timestamp, whole_seconds};

/// Section 4.2. A revoked certificate's window lies in the past, which means now.
pub(super) fn info(ca: &Shared, id: &str) -> Result<Answer, Problem> {
    let state = ca.state();
    let known = state.certificates.values().find(|known| known.renewal_id == id);
    let certificate = known.ok_or_else(|| Problem::not_found("certificate"))?;
    let lifetime = certificate.not_after - certificate.not_before;
    let (start, end) = match (certificate.revoked, state.renewal_window) {
        (Some(_), _) => (certificate.not_before, certificate.not_before + lifetime / 100),
        (None, Some(window)) => window,
        (None, None) => {
            let start = certificate.not_before + lifetime * 2 / 3;
            (start, start + lifetime / 50)
        }
    };
    let value = json!({"suggestedWindow": {"start": timestamp(start), "end": timestamp(end)}});
    Ok(Answer::json(200, value).after(whole_seconds(ca.options.renewal_info_retry_after)))
}

/// The certificate an order says it replaces (section 5).
pub(super) fn replaces(state: &State, account: &str, payload: &Value) -> Result<Option<String>, Problem> {
    let Some(given) = payload.get("replaces") else { return Ok(None) };
    let known = state.certificates.values().find(|known| given == known.renewal_id.as_str());
    let known = known.ok_or_else(|| Problem::malformed("replaces names no certificate of this CA"))?;
    if known.account != account {
        return Err(Problem::unauthorized("replaces names another account's certificate"));
    }
    if known.replaced {
        return Err(Problem::new(409, "alreadyReplaced", "the certificate was replaced before"));
    }
    Ok(Some(known.renewal_id.clone()))
}

pub(super) fn mark_replaced(state: &mut State, id: &str) {
    if let Some(certificate) = state.certificates.values_mut().find(|known| known.renewal_id == id) {
        certificate.replaced = true;
    }
}

/// A window that is over at `now`, which means to renew at once (section 4.2).
pub(super) fn past_window(now: OffsetDateTime) -> (OffsetDateTime, OffsetDateTime) {
    (now - time::Duration::days(2), now - time::Duration::days(1))
}
