//! Where requests go, as the manifest writes it and with the user's settings.

use std::collections::BTreeMap;

use crate::plugin::manifest::checked::{checked_sinks, rule, template};
use crate::plugin::manifest::raw::RawOrigin;
use crate::plugin::manifest::{ManifestError, Sink};
use crate::plugin::template::Template;

/// An origin as the manifest writes it.
#[derive(Clone, Debug)]
pub struct OriginSpec {
    /// URL; a `{setting}` fills all of its beginning, a label of its host or a segment of its path.
    pub url: String,
    /// The plain field by whose value another URL counts, and these.
    pub by: Option<(String, BTreeMap<String, String>)>,
    /// Whether all of host and scheme are the user's setting.
    pub user_typed: bool,
    /// The headers a guest may set, in lower case, with the value where it is fixed.
    pub headers: Vec<(String, Option<Template>)>,
    /// Sink to what fills it.
    pub sinks: Vec<Sink>,
    /// Requests a second, in the long run.
    pub rate_per_second: f64,
    /// Requests that may be sent at once after a while without any.
    pub burst: u32,
    /// What the API's own limits are, in words, with the page and the date; empty where none is known.
    pub limits: String,
    /// Requests at a time.
    pub concurrency: usize,
}

impl OriginSpec {
    /// The URL with the user's settings in it; none but one that the whole URL begins with reaches beyond its place.
    pub fn filled(&self, settings: &[(String, String)]) -> Result<String, FillError> {
        let mut url = String::new();
        let value_of = |name: &str| settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let other = self.by.as_ref().and_then(|(name, urls)| urls.get(value_of(name)?));
        let mut rest = other.unwrap_or(&self.url).as_str();
        while let Some((literal, setting, after)) = placeholder(rest) {
            let value = value_of(setting).ok_or_else(|| FillError::Missing { setting: setting.to_owned() })?;
            let is_whole = url.is_empty() && literal.is_empty();
            url.push_str(literal);
            let fits = is_whole || is_label(value) || (is_in_path(&url) && is_segment(value));
            if !fits {
                return Err(FillError::TooMuch { setting: setting.to_owned() });
            }
            url.push_str(if is_whole { value.trim_end_matches('/') } else { value });
            rest = after;
        }
        Ok(url + rest)
    }

    /// Every URL that it may be, as the manifest writes them.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        let others = self.by.iter().flat_map(|(_, urls)| urls.values());
        std::iter::once(&self.url).chain(others).map(String::as_str)
    }

    /// The settings it takes.
    pub fn settings(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.by.iter().map(|(name, _)| name.as_str()).collect();
        let mut rest = self.url.as_str();
        while let Some((_, setting, after)) = placeholder(rest) {
            names.push(setting);
            rest = after;
        }
        names
    }
}

/// What is before the first `{setting}`, the setting, and what is after it.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (literal, rest) = text.split_once('{')?;
    let (setting, after) = rest.split_once('}')?;
    Some((literal, setting, after))
}

fn is_label(value: &str) -> bool {
    let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain && !value.is_empty() && value.len() <= 63 && !value.starts_with('-') && !value.ends_with('-')
}

fn is_in_path(url: &str) -> bool {
    url.strip_prefix("https://").is_none_or(|rest| rest.contains('/'))
}

fn is_segment(value: &str) -> bool {
    let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
    plain && !value.is_empty() && value != "." && value != ".."
}

impl RawOrigin {
    pub(super) fn checked(self, id: &str) -> Result<OriginSpec, ManifestError> {
        let key = format!("origin.{id}");
        let rate_per_second = self.rate_per_second.unwrap_or(DEFAULT_RATE);
        if !(MIN_RATE..=1000.0).contains(&rate_per_second) {
            return Err(rule(&key, &format!("rate_per_second is at least {MIN_RATE} and at most 1000")));
        }
        let user_typed = self.url.starts_with('{');
        match self.url.split_once('}') {
            Some((_, rest)) if user_typed && !(rest.is_empty() || rest.starts_with('/')) => {
                return Err(rule(&key, "after the setting that is the whole host comes a path or nothing"));
            }
            _ if user_typed => {}
            _ => check_host(&key, &self.url)?,
        }
        for url in self.by.values().flat_map(BTreeMap::values) {
            check_host(&key, url)?;
            if url.contains('{') {
                return Err(rule(&key, "the URLs under `by` hold no settings"));
            }
        }
        if self.by.len() > 1 || (user_typed && !self.by.is_empty()) {
            return Err(rule(&key, "`by` names one plain field, for an origin that the user does not type"));
        }
        Ok(OriginSpec {
            by: self.by.into_iter().next(),
            user_typed,
            url: self.url,
            headers: checked_headers(&key, &self.headers)?,
            sinks: checked_sinks(&key, self.secrets)?,
            rate_per_second,
            burst: checked_burst(&key, self.burst, rate_per_second)?,
            limits: self.limits,
            concurrency: self.concurrency.unwrap_or(DEFAULT_CONCURRENCY).clamp(1, 64),
        })
    }
}

/// What the rate gives in a second, unless the manifest says otherwise.
fn checked_burst(key: &str, burst: Option<u32>, rate_per_second: f64) -> Result<u32, ManifestError> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the rate is in its checked range")]
    let burst = burst.unwrap_or_else(|| rate_per_second.max(1.0) as u32);
    match (1..=MAX_BURST).contains(&burst) {
        true => Ok(burst),
        false => Err(rule(key, &format!("burst is at least 1 and at most {MAX_BURST}"))),
    }
}

/// Who gets the request is the manifest's to say: the end of the host, which one party owns, is not a setting.
fn check_host(key: &str, url: &str) -> Result<(), ManifestError> {
    let rest =
        url.strip_prefix("https://").ok_or_else(|| rule(key, "url begins with https:// or is the user's setting"))?;
    let host = rest.split('/').next().unwrap_or_default();
    let ends_literally = host.rsplit('.').take(2).filter(|label| !label.contains(['{', '}'])).count() == 2;
    match ends_literally || !host.contains('{') {
        true => Ok(()),
        false => Err(rule(key, "a setting within url fills one label of the host, and none of the last two")),
    }
}

pub(super) fn checked_headers(key: &str, headers: &[String]) -> Result<Vec<(String, Option<Template>)>, ManifestError> {
    headers
        .iter()
        .map(|text| {
            let (name, value) = text.split_once('=').map_or((text.as_str(), None), |(name, value)| (name, Some(value)));
            let name = name.to_ascii_lowercase();
            if BARRED_HEADERS.contains(&name.as_str()) || name.starts_with("proxy-") || name.contains("method") {
                let message = format!("the header {name:?} is the host's own or changes what a request does");
                return Err(rule(key, &message));
            }
            Ok((name, value.map(|value| template(key, value)).transpose()?))
        })
        .collect()
}

const BARRED_HEADERS: [&str; 13] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "te",
    "upgrade",
    "cookie",
    "accept-encoding",
    "user-agent",
    "expect",
    "range",
    "if-range",
];
const DEFAULT_RATE: f64 = 20.0;
/// A lower one would be no rate but a stop: a request waits no longer than its call may take.
const MIN_RATE: f64 = 0.05;
const MAX_BURST: u32 = 10_000;
const DEFAULT_CONCURRENCY: usize = 4;

/// Why an origin's URL is not complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// There is no value.
    #[error("the setting {setting:?} has no value; give one")]
    Missing {
        /// The setting.
        setting: String,
    },
    /// The value would change more than its place.
    #[error("the setting {setting:?} must be letters, digits and '-' alone, since it stands within a URL")]
    TooMuch {
        /// The setting.
        setting: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(url: &str, value: &str) -> Result<String, FillError> {
        let spec = OriginSpec {
            url: url.to_owned(),
            by: Some(("x".to_owned(), [("elsewhere".to_owned(), "https://api.example.net/v1".to_owned())].into())),
            user_typed: url.starts_with('{'),
            headers: Vec::new(),
            sinks: Vec::new(),
            rate_per_second: 1.0,
            burst: 1,
            limits: String::new(),
            concurrency: 1,
        };
        spec.filled(&[("x".to_owned(), value.to_owned())])
    }

    #[test]
    fn a_setting_fills_one_label_or_segment() {
        assert_eq!(filled("https://dns.{x}.example.com/v1", "eu-1").as_deref(), Ok("https://dns.eu-1.example.com/v1"));
        assert_eq!(filled("https://api-{x}.example.com", "ch").as_deref(), Ok("https://api-ch.example.com"));
        assert_eq!(filled("https://example.com/{x}/v1", "a.b").as_deref(), Ok("https://example.com/a.b/v1"));
        assert_eq!(filled("{x}/api", "https://dns.lan:8443/").as_deref(), Ok("https://dns.lan:8443/api"));
        assert_eq!(filled("https://{x}.example.com", "elsewhere").as_deref(), Ok("https://api.example.net/v1"));
        assert!(matches!(filled("https://{y}.example.com", "a"), Err(FillError::Missing { .. })));
    }

    #[test]
    fn a_setting_does_not_reach_beyond_its_place() {
        for value in ["", "evil.com/", "a.b", "a/b", "a@b", "a:1", "a?b", "a#b", "-a", "a-", "\u{e9}", "{x}", "a\\b"] {
            assert!(filled("https://{x}.example.com", value).is_err(), "{value:?} in the host");
        }
        for value in ["", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "{x}"] {
            assert!(filled("https://example.com/{x}/v1", value).is_err(), "{value:?} in the path");
        }
    }

    #[test]
    fn the_end_of_the_host_is_the_manifests() {
        for url in ["https://{x}", "https://a.{x}", "https://{x}.com", "https://a.{x}.com/{x}", "ftp://example.com"] {
            assert!(check_host("origin.api", url).is_err(), "{url} was taken");
        }
        for url in ["https://example.com", "https://localhost/{x}", "https://{x}.{y}.example.com"] {
            assert!(check_host("origin.api", url).is_ok(), "{url} was refused");
        }
    }
}
