//! Requests to those who give credentials: no redirects, no proxy, no clear text but to this machine and its link.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use tokio::time::Instant;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::backoff::Backoff;
use crate::causes::chain;

/// The connections to givers of credentials.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: reqwest::Client,
}

/// One request to a giver.
#[derive(Clone)]
pub(super) struct Ask {
    /// What is asked, in the user's words.
    giver: &'static str,
    method: Method,
    url: String,
    headers: Vec<(&'static str, Zeroizing<String>)>,
    body: Option<(&'static str, Zeroizing<String>)>,
    patience: Patience,
}

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It may not be there at all: one short try.
    Guess,
    /// It is there; failures that pass are waited out.
    Known,
}

impl Ask {
    pub(super) fn get(giver: &'static str, url: String) -> Self {
        Self::new(giver, Method::GET, url)
    }

    pub(super) fn put(giver: &'static str, url: String) -> Self {
        Self::new(giver, Method::PUT, url)
    }

    /// A form, as OAuth2 and STS take it.
    pub(super) fn form(giver: &'static str, url: String, pairs: &[(&str, &str)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let body = Zeroizing::new(form.extend_pairs(pairs).finish());
        Self { body: Some((FORM, body)), ..Self::new(giver, Method::POST, url) }
    }

    pub(super) fn json(giver: &'static str, url: String, body: &str) -> Self {
        Self { body: Some((JSON, Zeroizing::new(body.to_owned()))), ..Self::new(giver, Method::POST, url) }
    }

    fn new(giver: &'static str, method: Method, url: String) -> Self {
        Self { giver, method, url, headers: Vec::new(), body: None, patience: Patience::Known }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, Zeroizing::new(value.to_owned())));
        self
    }

    pub(super) fn patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    pub(super) fn body(&self) -> &str {
        self.body.as_ref().map_or("", |(_, body)| body.as_str())
    }

    /// What the giver's answer lacks.
    pub(super) fn lacks(&self, what: &'static str) -> FetchError {
        self.failed(FetchFault::Lacks { what })
    }

    fn failed(&self, fault: FetchFault) -> FetchError {
        FetchError { giver: self.giver, fault }
    }

    fn limit(&self) -> Duration {
        if self.patience == Patience::Guess { GUESS_TIME } else { REQUEST_TIME }
    }

    fn header_map(&self) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        if let Some((kind, _)) = self.body {
            headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        Some(headers)
    }
}

/// The body of a successful answer.
pub(super) struct Answer {
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default().trim()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Fetcher {
    /// With the system's roots.
    pub fn new() -> Result<Self, FetchError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("acmite/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .build()
            .map_err(|error| FetchError { giver: "TLS", fault: FetchFault::Unanswered { why: chain(&error) } })?;
        Ok(Self { client })
    }

    /// Asks until there is an answer that stands, or until it has taken too long.
    pub(super) async fn send(&self, ask: &Ask) -> Result<Answer, FetchError> {
        check_reach(&ask.url).map_err(|fault| ask.failed(fault))?;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, Instant::now() + KNOWN_TIME);
        loop {
            let failed = match tokio::time::timeout(ask.limit(), self.once(ask)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(fault)) => fault,
                Err(_) => FetchFault::Unanswered { why: format!("no answer within {} s", ask.limit().as_secs()) },
            };
            if ask.patience == Patience::Guess || !failed.passes() || !backoff.pause(Duration::ZERO).await {
                return Err(ask.failed(failed));
            }
        }
    }

    async fn once(&self, ask: &Ask) -> Result<Answer, FetchFault> {
        let headers = ask.header_map().ok_or(FetchFault::Lacks { what: "a header that HTTP allows" })?;
        let mut request = self.client.request(ask.method.clone(), &ask.url).headers(headers);
        match &ask.body {
            Some((_, body)) => request = request.body(body.as_bytes().to_vec()),
            // IMDS refuses a PUT without a length.
            None if ask.method == Method::PUT => request = request.header(http::header::CONTENT_LENGTH, "0"),
            None => {}
        }
        let unanswered = |error: reqwest::Error| FetchFault::Unanswered { why: chain(&error.without_url()) };
        let mut response = request.send().await.map_err(unanswered)?;
        let status = response.status().as_u16();
        let mut body = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES));
        while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
            if body.len() + chunk.len() > ANSWER_BYTES {
                return Err(FetchFault::Unanswered { why: format!("the answer is larger than {ANSWER_BYTES} bytes") });
            }
            body.extend_from_slice(&chunk);
        }
        match status {
            200..300 => Ok(Answer { body }),
            _ => Err(FetchFault::Refused { status, said: said(&body) }),
        }
    }
}

/// In clear text only this machine, its link, and the name by which a machine of Google's knows its metadata server.
fn check_reach(url: &str) -> Result<(), FetchFault> {
    let barred = || FetchFault::Barred { url: url.split('?').next().unwrap_or_default().to_owned() };
    let parsed = Url::parse(url).map_err(|_| barred())?;
    let near = match parsed.host() {
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_link_local(),
        Some(Host::Ipv6(address)) => {
            let ec2 = address.segments()[..2] == EC2_IPV6;
            IpAddr::V6(address).is_loopback() || address.is_unicast_link_local() || ec2
        }
        Some(Host::Domain(name)) => NEAR_NAMES.contains(&name),
        None => false,
    };
    match parsed.scheme() {
        "https" => Ok(()),
        "http" if near => Ok(()),
        _ => Err(barred()),
    }
}

/// The giver's own words, in one line: JSON of OAuth2, Entra, Google and AWS, or XML of STS.
fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let words = ["/error_description", "/error/message", "/message", "/Message", "/error"];
    let told = words.iter().find_map(|pointer| json.pointer(pointer)?.as_str().map(str::to_owned));
    let told = told.or_else(|| Some(text.split_once("<Message>")?.1.split_once("</Message>")?.0.to_owned()));
    let line = told.unwrap_or_else(|| text.into_owned());
    line.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(SAID_CHARACTERS).collect()
}

/// A token that others write anew from time to time, so that it is read when it is used.
///
/// It is theirs to protect: Kubernetes mounts it with modes of its own, by links that it swaps.
pub(super) fn token_file(giver: &'static str, path: &Path) -> Result<Zeroizing<String>, FetchError> {
    let failed = |why: String| {
        let path = path.display().to_string();
        FetchError { giver, fault: FetchFault::File { path, why } }
    };
    let mut text = Zeroizing::new(String::with_capacity(ANSWER_BYTES));
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let limit = u64::try_from(ANSWER_BYTES).unwrap_or(u64::MAX);
    file.take(limit).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    match text.trim() {
        "" => Err(failed("it is empty".to_owned())),
        token => Ok(Zeroizing::new(token.to_owned())),
    }
}

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const JSON: &str = "application/json";
const NEAR_NAMES: [&str; 2] = ["localhost", "metadata.google.internal"];
/// fd00:ec2::/32, where EC2's and EKS's services are over IPv6.
const EC2_IPV6: [u16; 2] = [0xfd00, 0x0ec2];
const GUESS_TIME: Duration = Duration::from_secs(2);
const REQUEST_TIME: Duration = Duration::from_secs(10);
const KNOWN_TIME: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const ANSWER_BYTES: usize = 64 * 1024;
const SAID_CHARACTERS: usize = 300;

/// A giver that gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{giver}: {fault}")]
pub struct FetchError {
    /// Who was asked.
    pub giver: &'static str,
    /// What happened.
    pub fault: FetchFault,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchFault {
    /// Clear text would leave the machine's link.
    #[error("{url} is neither https nor on this machine or its link; correct the address")]
    Barred {
        /// Without its query.
        url: String,
    },
    /// There was no answer.
    #[error("{why}")]
    Unanswered {
        /// Why.
        why: String,
    },
    /// It said no.
    #[error("answered {status}: {said}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its words.
        said: String,
    },
    /// The answer is not what it should be.
    #[error("the answer lacks {what}")]
    Lacks {
        /// What is missing.
        what: &'static str,
    },
    /// A file with a token cannot be read.
    #[error("could not read {path}: {why}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        why: String,
    },
}

impl FetchFault {
    /// Whether a later try may go well.
    fn passes(&self) -> bool {
        match self {
            Self::Unanswered { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status == 410 || *status >= 500,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_text_stays_on_the_machine_and_its_link() {
        for url in [
            "https://sts.amazonaws.com/",
            "http://127.0.0.1:80/",
            "http://localhost:40342/metadata",
            "http://[::1]/",
            "http://169.254.169.254/latest/api/token",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::254]/latest",
            "http://metadata.google.internal/computeMetadata/v1",
        ] {
            assert_eq!(check_reach(url), Ok(()), "{url}");
        }
        for url in [
            "http://sts.amazonaws.com/",
            "http://192.0.2.1/",
            "http://10.0.0.1/",
            "http://localhost.example.com/",
            "http://[fd00:ec3::254]/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "no url",
        ] {
            assert!(matches!(check_reach(url), Err(FetchFault::Barred { .. })), "{url}");
        }
    }

    #[test]
    fn the_givers_words_are_one_line() {
        assert_eq!(said(br#"{"error":"invalid_client","error_description":"AADSTS7: no\r\nTrace"}"#), "AADSTS7: no");
        assert_eq!(said(br#"{"error":{"message":"denied"}}"#), "denied");
        assert_eq!(said(b"<E><Code>AccessDenied</Code><Message>not you</Message></E>"), "not you");
        assert_eq!(said(b"plain\x07\nmore"), "plain");
    }
}
