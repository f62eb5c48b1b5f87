//! How a certificate is shown by `list` and `show`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::exit::{Exit, Failure};
use crate::flow::Standing;
use crate::flow::due::Verdict;
use crate::name::CertName;
use crate::store::renewal;
use crate::store::{StateDir, certificate, certificate_name};

/// The names of all certificates, live or remembered.
pub(super) struct AllNames {
    /// Those that were found, sorted.
    pub(super) found: Vec<String>,
    /// Why there may be more.
    pub(super) unread: Vec<Failure>,
}

/// Looks at both folders; one that cannot be read hides nothing of the other.
pub(super) fn all_names(state: &StateDir) -> AllNames {
    let live = certificate::list(state).map_err(|error| Failure::of(Exit::State, &error));
    let remembered = renewal::list(state).map_err(|error| Failure::of(Exit::State, &error));
    let (mut found, mut unread) = (BTreeSet::new(), Vec::new());
    for names in [live, remembered] {
        match names {
            Ok(names) => found.extend(names),
            Err(failure) => unread.push(failure),
        }
    }
    AllNames { found: found.into_iter().collect(), unread }
}

/// What the certificate that is meant is called; refuses one that is not there.
pub(super) fn known(state: &StateDir, name: &str) -> Result<String, Failure> {
    let AllNames { found, unread } = all_names(state);
    if let Some(known) = meant(&found, name) {
        return Ok(known.to_owned());
    }
    let message = format!("there is no certificate {name:?}; `acmite list` shows those there are");
    Err(unread.into_iter().next().unwrap_or_else(|| Failure::new(Exit::Usage, message)))
}

/// The certificate of this very name, else of the one that it has for a name as `acmite issue` takes it.
pub(super) fn meant<'a>(known: &'a [String], name: &str) -> Option<&'a str> {
    let called = |name: &str| known.iter().find(|known| *known == name).map(String::as_str);
    called(name).or_else(|| called(&certificate_name(CertName::parse(name).ok()?.base())))
}

/// Its names.
pub(super) fn names(standing: &Standing) -> Vec<String> {
    match (&standing.leaf, &standing.renewal) {
        (Some(leaf), _) => leaf.names.clone(),
        (None, Some(renewal)) => renewal.names.iter().map(ToString::to_string).collect(),
        (None, None) => Vec::new(),
    }
}

/// How its names are proven.
pub(super) fn provider(standing: &Standing) -> Option<String> {
    let challenge = &standing.renewal.as_ref()?.challenge;
    let methods = challenge.methods.iter().chain(challenge.by_name.values()).cloned();
    let by = |method: String| if method == DNS_01 { challenge.dns.plugins.join(", ") } else { method };
    Some(methods.map(by).collect::<Vec<_>>().join(", "))
}

const DNS_01: &str = "dns-01";

/// Whole days until it expires; negative when it has.
pub(super) fn days_left(standing: &Standing, now: OffsetDateTime) -> Option<i64> {
    standing.leaf.as_ref().map(|leaf| (leaf.not_after - now).whole_seconds().div_euclid(86400))
}

/// When it is renewed next.
pub(super) fn next(standing: &Standing, now: OffsetDateTime) -> Option<OffsetDateTime> {
    standing.renewal.as_ref()?;
    Some(match standing.verdict(now, std::time::Duration::ZERO) {
        Verdict::Due(_) => now,
        Verdict::Later { at, .. } => at,
        Verdict::Held { until, .. } => until,
    })
}

/// How the last attempt ended.
pub(super) fn last_result(standing: &Standing) -> &'static str {
    let state = &standing.state;
    match (state.last_attempt, state.failures) {
        (_, 1..) => "failed",
        _ if !state.owed_hooks.is_empty() => "hook failed",
        (Some(_), 0) => "ok",
        (None, 0) => "-",
    }
}

/// The same for programs.
pub(super) fn json(standing: &Standing, now: OffsetDateTime) -> Value {
    let Standing { name, renewal, state, leaf } = standing;
    json!({
        "name": name,
        "names": names(standing),
        "issuer": leaf.as_ref().map(|leaf| &leaf.issuer),
        "not_before": leaf.as_ref().map(|leaf| moment(leaf.not_before)),
        "not_after": leaf.as_ref().map(|leaf| moment(leaf.not_after)),
        "revoked": standing.is_revoked(),
        "days_left": days_left(standing, now),
        "next_renewal": next(standing, now).map(moment),
        "server": renewal.as_ref().map(|renewal| renewal.server.as_str()),
        "provider": provider(standing),
        "last_result": last_result(standing),
        "last_error": state.last_error,
    })
}

/// A time in whole seconds, RFC 3339.
pub(super) fn moment(at: OffsetDateTime) -> String {
    at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).unwrap_or_default()
}
