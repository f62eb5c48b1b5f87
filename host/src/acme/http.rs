//! Requests to the CA: nonces, retries and Retry-After (RFC 8555 section 6).

use std::error::Error as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::time::Instant;
use url::Url;

use super::error::{AcmeError, MAX_REPLY_BYTES};
use super::jws::Signer;
use super::pauses::Pauses;
use super::place;
use super::problem::ProblemKind;
use crate::backoff::Backoff;
use crate::tls;
use crate::words::one_line;

/// How the CA is reached.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// PEM certificates trusted besides the system's.
    pub ca_bundle_pem: Option<Vec<u8>>,
    /// The `User-Agent` (RFC 8555 section 6.1 demands one).
    pub user_agent: String,
    /// For one attempt of one request.
    pub request_timeout: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            ca_bundle_pem: None,
            user_agent: concat!("acmite/", env!("CARGO_PKG_VERSION")).to_owned(),
            request_timeout: Duration::from_secs(30),
        }
    }
}

/// The CA's answer to one request.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, AcmeError> {
        read(&self.body).map_err(|source| AcmeError::NotJson { url: self.url.clone(), source })
    }

    pub(super) fn location(&self) -> Result<String, AcmeError> {
        let text = header_text(&self.headers, header::LOCATION)
            .ok_or_else(|| AcmeError::Malformed { url: self.url.clone(), what: "it has no Location header" })?;
        Ok(text.to_owned())
    }

    /// When it was sent, as the CA's clock has it.
    pub(super) fn date(&self) -> Option<OffsetDateTime> {
        header_date(&self.headers, header::DATE)
    }

    pub(super) fn retry_after(&self) -> Duration {
        retry_after(&self.headers).unwrap_or_default()
    }
}

/// An object whose texts are all of one line, those that an error cites too.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_value(in_lines(serde_json::from_slice(body)?))
}

fn in_lines(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(one_line(&text)),
        Value::Array(all) => all.into_iter().map(in_lines).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (one_line(&name), in_lines(value))).collect(),
        plain => plain,
    }
}

/// The connection pool and nonce pool of one CA.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    directory: Url,
    nonces: Mutex<Vec<String>>,
    pauses: Pauses,
    sent: AtomicU64,
}

impl Http {
    /// For the CA whose directory is at `directory`.
    pub(super) fn new(directory: &Url, options: &HttpOptions) -> Result<Self, AcmeError> {
        place::check_directory(directory).map_err(|source| AcmeError::Astray { url: directory.to_string(), source })?;
        let tls = tls::https(options.ca_bundle_pem.as_deref()).map_err(|_| AcmeError::BadCaBundle)?;
        let client = reqwest::Client::builder()
            .user_agent(&options.user_agent)
            .timeout(options.request_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(tls)
            .build()
            .map_err(|source| AcmeError::NoClient { source })?;
        Ok(Self {
            client,
            directory: directory.clone(),
            nonces: Mutex::default(),
            pauses: Pauses::default(),
            sent: AtomicU64::new(0),
        })
    }

    /// Where the CA's directory is.
    pub(super) fn directory(&self) -> &Url {
        &self.directory
    }

    /// An unsigned GET, for the directory and renewal information.
    pub(super) async fn fetch(&self, url: &str, deadline: Instant) -> Result<Reply, AcmeError> {
        self.read(Method::GET, url, deadline).await
    }

    async fn read(&self, method: Method, url: &str, deadline: Instant) -> Result<Reply, AcmeError> {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, deadline);
        let mut before = None;
        loop {
            self.pauses.wait(url, deadline).await;
            let failed = match self.send(method.clone(), url, None, deadline).await {
                Ok((status, reply)) if status.is_success() => return Ok(reply),
                Ok((status, reply)) => refused(status, &reply),
                Err(error) => error,
            };
            before = Some(retry_or(failed, before, &mut backoff, Repeat::Safe).await?);
        }
    }

    /// A signed POST; `payload` is `None` for POST-as-GET.
    pub(super) async fn post(
        &self,
        new_nonce: &str,
        signer: Signer<'_>,
        url: &str,
        payload: Option<&Value>,
        deadline: Instant,
    ) -> Result<Reply, AcmeError> {
        let repeat = if payload.is_none() { Repeat::Safe } else { Repeat::IfUnsent };
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, deadline);
        let (mut bad_nonces, mut before) = (0, None);
        loop {
            self.pauses.wait(url, deadline).await;
            let failed = match self.post_once(new_nonce, signer, url, payload, deadline).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            if failed.problem().is_some_and(|p| p.kind() == ProblemKind::BadNonce) && bad_nonces < MOST_BAD_NONCES {
                bad_nonces += 1;
                continue;
            }
            before = Some(retry_or(failed, before, &mut backoff, repeat).await?);
        }
    }

    async fn post_once(
        &self,
        new_nonce: &str,
        signer: Signer<'_>,
        url: &str,
        payload: Option<&Value>,
        deadline: Instant,
    ) -> Result<Reply, AcmeError> {
        let nonce = self.nonce(new_nonce, deadline).await?;
        let body = signer.body(url, &nonce, payload).map_err(AcmeError::Key)?;
        let (status, reply) = self.send(Method::POST, url, Some(body), deadline).await?;
        if status.is_success() { Ok(reply) } else { Err(refused(status, &reply)) }
    }

    async fn nonce(&self, new_nonce: &str, deadline: Instant) -> Result<String, AcmeError> {
        if let Some(nonce) = self.pooled_nonce() {
            return Ok(nonce);
        }
        let reply = self.read(Method::HEAD, new_nonce, deadline).await?;
        // Not through the pool: a request running beside this one could take it.
        replay_nonce(&reply.headers).map(str::to_owned).ok_or_else(|| AcmeError::Malformed {
            url: new_nonce.to_owned(),
            what: "it has no Replay-Nonce header in base64url",
        })
    }

    fn pooled_nonce(&self) -> Option<String> {
        self.nonces.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop()
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<Vec<u8>>,
        deadline: Instant,
    ) -> Result<(StatusCode, Reply), AcmeError> {
        place::check_link(&self.directory, url).map_err(|source| AcmeError::Astray { url: url.to_owned(), source })?;
        let number = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        let started = Instant::now();
        let mut request = self.client.request(method.clone(), url);
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/jose+json").body(body);
        }
        let exchange = async {
            let response = request.send().await.map_err(|source| unreachable_ca(url, source))?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok((status, headers, body_of(response, url).await?))
        };
        // The process and the number find it in a log that several runs wrote.
        let request = format!("{}-{number}", std::process::id());
        tracing::trace!(request, %method, url, "ACME request begins");
        let done = tokio::time::timeout_at(deadline, exchange).await;
        let answer = done
            .map_err(|_| AcmeError::Deadline { url: url.to_owned(), waiting_for: "an answer" })
            .and_then(|answer| answer);
        let took = started.elapsed();
        let (status, headers, body) = answer.inspect_err(|error| {
            tracing::debug!(request, %method, url, %error, ?took, "ACME request failed");
        })?;
        tracing::debug!(request, %method, url, status = status.as_u16(), ?took, "ACME request");
        let reply = Reply { url: url.to_owned(), headers, body };
        if is_limit(status)
            && let Some(period) = retry_after(&reply.headers)
        {
            self.pauses.note(url, period);
        }
        if method != Method::HEAD
            && let Some(nonce) = replay_nonce(&reply.headers)
        {
            self.nonces.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(nonce.to_owned());
        }
        Ok((status, reply))
    }
}

/// What the reply holds, no more than [`MAX_REPLY_BYTES`] of it.
async fn body_of(mut response: reqwest::Response, url: &str) -> Result<Bytes, AcmeError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|source| unreachable_ca(url, source))? {
        if body.len() + chunk.len() > MAX_REPLY_BYTES {
            return Err(AcmeError::TooLarge { url: url.to_owned() });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The nonce for another request; one that is not base64url is to be ignored (RFC 8555 section 6.5.1).
fn replay_nonce(headers: &HeaderMap) -> Option<&str> {
    let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    header_text(headers, REPLAY_NONCE).filter(|nonce| !nonce.is_empty() && nonce.bytes().all(in_alphabet))
}

const REPLAY_NONCE: header::HeaderName = header::HeaderName::from_static("replay-nonce");
/// At 50% bad nonces one request in 2^30 fails.
const MOST_BAD_NONCES: u32 = 30;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Safe,
    IfUnsent,
}

/// Sleeps and gives `failed`, when trying again makes sense; else hands it back as the error. An attempt that only ran
/// out of time says less than what failed `before` it.
async fn retry_or(
    failed: AcmeError,
    before: Option<AcmeError>,
    backoff: &mut Backoff,
    repeat: Repeat,
) -> Result<AcmeError, AcmeError> {
    let failed = match (failed, before) {
        (AcmeError::Deadline { .. }, Some(before)) => return Err(before),
        (failed, _) => failed,
    };
    let at_least = match &failed {
        AcmeError::Unreachable { source, .. } if repeat == Repeat::Safe || source.is_connect() => Duration::ZERO,
        AcmeError::Refused { status: 429 | 503, retry_after: Some(after), .. } => *after,
        AcmeError::Refused { status: 500..=504, .. } if repeat == Repeat::Safe => Duration::ZERO,
        _ => return Err(failed),
    };
    // No clock reaches as far as some CA may ask to wait.
    let is_too_late = Instant::now().checked_add(at_least).is_none_or(|then| then >= backoff.deadline());
    if is_too_late || !backoff.pause(at_least).await {
        return Err(failed);
    }
    Ok(failed)
}

/// RFC 8555 section 6.6 and RFC 9110 section 15.6.4.
fn is_limit(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

fn refused(status: StatusCode, reply: &Reply) -> AcmeError {
    let problem = read(&reply.body).unwrap_or_default();
    AcmeError::Refused {
        url: reply.url.clone(),
        status: status.as_u16(),
        problem: Box::new(problem),
        retry_after: retry_after(&reply.headers),
    }
}

fn unreachable_ca(url: &str, source: reqwest::Error) -> AcmeError {
    let (url, source) = (url.to_owned(), source.without_url());
    if is_trust_failure(&source) {
        AcmeError::Untrusted { url, source }
    } else {
        AcmeError::Unreachable { url, source }
    }
}

fn is_trust_failure(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if matches!(tls_error(cause), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        next = cause.source();
    }
    false
}

/// The TLS error that an error is or, as one of I/O, wraps at any depth; the source of such an error skips what it wraps.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = || tls_error(error.downcast_ref::<std::io::Error>()?.get_ref()?);
    error.downcast_ref().or_else(wrapped)
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn header_date(headers: &HeaderMap, name: header::HeaderName) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(header_text(headers, name)?.trim(), &Rfc2822).ok()
}

/// Both forms of RFC 9110 section 10.2.3; a date is counted from the reply's own `Date`, so that clocks may differ.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = header_text(headers, header::RETRY_AFTER)?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = header_date(headers, header::DATE).unwrap_or_else(OffsetDateTime::now_utc);
    Some((header_date(headers, header::RETRY_AFTER)? - now).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::jws::{AccountKey, AccountKeyType};
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, "120".parse().expect("a value"));
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(120)));
        headers.insert(header::DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().expect("a value"));
        headers.insert(header::RETRY_AFTER, "Sun, 06 Nov 1994 08:50:37 GMT".parse().expect("a value"));
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(60)));
    }

    #[test]
    fn a_nonce_that_is_not_base64url_is_ignored() {
        for (text, taken) in
            [("oFvnlFP1wIhRlYS2jTaXbA_-", true), ("a b", false), ("a=", false), ("\"", false), ("", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(REPLAY_NONCE, text.parse().expect("a value"));
            assert_eq!(replay_nonce(&headers).is_some(), taken, "{text:?}");
        }
    }

    fn client(directory: &str) -> Http {
        Http::new(&directory.parse().expect("a URL"), &HttpOptions::default()).expect("a client")
    }

    /// Takes only the nonce of its last reply, and refuses the first `refusals` POSTs.
    async fn ca_that_refuses_nonces(listener: TcpListener, refusals: usize) {
        let mut posts = 0;
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = vec![0; 16384];
            let mut have = 0;
            while !complete(&request[..have]) {
                have += stream.read(&mut request[have..]).await.expect("a request");
            }
            let text = String::from_utf8_lossy(&request[..have]).into_owned();
            let is_post = text.starts_with("POST");
            let expected = format!("nonce{posts}");
            posts += usize::from(is_post);
            let good = is_post && posts > refusals && nonce_of(&text) == expected;
            let (status, body) = match (is_post, good) {
                (true, false) => ("400 Bad", r#"{"type":"urn:ietf:params:acme:error:badNonce","detail":"no"}"#),
                (true, true) => ("200 OK", "{}"),
                (false, _) => ("200 OK", ""),
            };
            let reply = format!(
                "HTTP/1.1 {status}\r\nreplay-nonce: nonce{posts}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(reply.as_bytes()).await.expect("sent");
        }
    }

    fn complete(request: &[u8]) -> bool {
        let text = String::from_utf8_lossy(request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
        let length = head.to_lowercase().lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
        body.len() >= length.unwrap_or(0)
    }

    fn nonce_of(request: &str) -> String {
        let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
        let protected = body["protected"].as_str().expect("a header").as_bytes();
        let protected = data_encoding::BASE64URL_NOPAD.decode(protected).expect("base64url");
        let protected: Value = serde_json::from_slice(&protected).expect("JSON");
        protected["nonce"].as_str().expect("a nonce").to_owned()
    }

    #[tokio::test]
    async fn a_bad_nonce_is_retried_with_the_one_the_refusal_brought() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(ca_that_refuses_nonces(listener, 12));
        let http = client(&base);
        let key = AccountKey::generate(AccountKeyType::P256).expect("a key");
        let deadline = Instant::now() + Duration::from_secs(20);
        let reply = http.post(&format!("{base}/nonce"), Signer::Key(&key), &format!("{base}/x"), None, deadline).await;
        assert!(reply.is_ok(), "{reply:?}");
        assert_eq!(http.sent.load(Ordering::Relaxed), 14);
    }

    #[tokio::test]
    async fn what_failed_before_the_time_was_up_is_what_is_told() {
        let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
        let url = format!("http://{closed}/dir");
        let http = client(&url);
        let told = http.fetch(&url, Instant::now() + Duration::from_millis(700)).await;
        assert!(matches!(told, Err(AcmeError::Unreachable { .. })), "{told:?}");
        assert!(http.sent.load(Ordering::Relaxed) > 1, "it tried again");
    }
}
