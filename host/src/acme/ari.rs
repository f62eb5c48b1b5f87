//! When a CA suggests to renew a certificate (RFC 9773).

use std::time::Duration;

use serde::Deserialize;
use time::OffsetDateTime;

use super::error::AcmeError;
use super::http::Reply;

/// What the CA suggests for one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewalInfo {
    /// Start of the window.
    pub start: OffsetDateTime,
    /// End of the window, after its start.
    pub end: OffsetDateTime,
    /// A page that says why.
    pub explanation_url: Option<String>,
    /// After what time to ask again, as the CA put it.
    pub retry_after: Option<Duration>,
}

impl RenewalInfo {
    pub(super) fn from_reply(reply: &Reply) -> Result<Self, AcmeError> {
        let Body { suggested_window: Window { start, end }, explanation_url } = reply.json()?;
        if end <= start {
            return Err(AcmeError::Malformed { url: reply.url.clone(), what: "its window ends before it starts" });
        }
        let retry_after = Some(reply.retry_after()).filter(|after| !after.is_zero());
        Ok(Self { start, end, explanation_url, retry_after })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    suggested_window: Window,
    #[serde(default, rename = "explanationURL")]
    explanation_url: Option<String>,
}

#[derive(Deserialize)]
struct Window {
    #[serde(with = "time::serde::rfc3339")]
    start: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    end: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header};
    use time::macros::datetime;

    use super::*;

    fn read(body: &'static str) -> Result<RenewalInfo, AcmeError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, "21600".parse().expect("a value"));
        RenewalInfo::from_reply(&Reply { url: "https://ca/x".to_owned(), headers, body: body.into() })
    }

    #[test]
    fn the_example_of_rfc_9773_section_4_2_is_read() {
        let info = read(
            r#"{"suggestedWindow": {"start": "2025-01-02T04:00:00Z", "end": "2025-01-03T04:00:00Z"},
                "explanationURL": "https://acme.example.com/docs/ari"}"#,
        );
        let expected = RenewalInfo {
            start: datetime!(2025-01-02 04:00 UTC),
            end: datetime!(2025-01-03 04:00 UTC),
            explanation_url: Some("https://acme.example.com/docs/ari".to_owned()),
            retry_after: Some(Duration::from_secs(21600)),
        };
        assert_eq!(info.expect("a window"), expected);
    }

    #[test]
    fn a_window_that_ends_before_it_starts_is_no_window() {
        let backwards = r#"{"suggestedWindow": {"start": "2025-01-03T04:00:00Z", "end": "2025-01-02T04:00:00Z"}}"#;
        assert!(matches!(read(backwards), Err(AcmeError::Malformed { .. })));
    }
}
