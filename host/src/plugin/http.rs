//! A provider's only way out: requests that its manifest lists, with the secrets put in by the host.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::ClientConfig;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::plugin::address::{self, FilteredResolver, Origin, OriginError};
use crate::plugin::guard::{Admitted, CapturePlace, Fill, Guard, SinkPlace};
use crate::plugin::manifest::{FillError, Manifest};
use crate::plugin::overrides::OriginOverrides;
use crate::plugin::pace::Pace;
use crate::plugin::secret::{Class, Secrets};
use crate::plugin::tree::{self, Format};
use crate::plugin::wire::{GuestRequest, UNRESERVED};
use crate::tls::{self, BadRoots};

/// The connections of one provider instance, shared by its calls.
#[derive(Debug)]
pub struct Wire {
    client: reqwest::Client,
    gates: BTreeMap<String, Gate>,
    sent: AtomicU64,
}

#[derive(Debug)]
struct Gate {
    origin: Origin,
    concurrency: Semaphore,
    /// `None` where a mock stands in for the API: it has no limit to keep to.
    pace: Option<Mutex<Pace>>,
}

impl Wire {
    /// Checks the origins of the manifest with the user's settings and prepares their connections.
    pub fn new(
        manifest: &Manifest,
        settings: &[(String, String)],
        roots_pem: Option<&[u8]>,
        overrides: &OriginOverrides,
    ) -> Result<Self, WireError> {
        let mut gates = BTreeMap::new();
        let mut user_typed_hosts = HashSet::new();
        for (id, spec) in &manifest.origins {
            let url = spec.filled(settings).map_err(|source| WireError::Setting { id: id.clone(), source })?;
            let mut origin = address::parse_origin(&url, spec.user_typed)
                .map_err(|source| WireError::Origin { id: id.clone(), source })?;
            let mut pace = Some(Mutex::new(Pace::new(spec.rate_per_second, spec.burst)));
            if let Some(mock) = overrides.replaced(&manifest.id, id, &origin.url) {
                tracing::warn!(plugin = manifest.id, origin = id, %mock, "requests go to a mock instead of {url}");
                origin = Origin { host: mock.host_str().unwrap_or_default().to_owned(), url: mock };
                pace = None;
            }
            if spec.user_typed {
                user_typed_hosts.insert(origin.host.clone());
            }
            gates.insert(id.clone(), Gate { origin, concurrency: Semaphore::new(spec.concurrency), pace });
        }
        let tls = tls::https(roots_pem).map_err(WireError::Roots)?;
        let client = client(user_typed_hosts, tls).map_err(|source| WireError::Client { source })?;
        Ok(Self { client, gates, sent: AtomicU64::new(0) })
    }

    /// Each origin by id, as "https://host[:port]".
    pub fn origins(&self) -> Vec<(String, String)> {
        self.gates.iter().map(|(id, gate)| (id.clone(), gate.origin.url.origin().ascii_serialization())).collect()
    }

    /// How many requests were sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    async fn perform(
        &self,
        prepared: Prepared,
        allowance: Allowance,
        bytes_left: &AtomicUsize,
    ) -> Result<RawReply, SendError> {
        let Some(gate) = self.gates.get(&prepared.origin) else {
            return Err(SendError::Refused(format!("the manifest has no origin {:?}", prepared.origin)));
        };
        let turn = tokio::time::timeout_at(allowance.deadline, gate.turn()).await;
        let Ok(_permit) = turn else {
            return Err(SendError::Unsent(
                "its turn, at the manifest's rate, did not come within the call's time".into(),
            ));
        };
        self.sent.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let until = allowance.deadline.min(started + allowance.request_time);
        match tokio::time::timeout_at(until, exchange(&self.client, prepared, bytes_left)).await {
            Ok(result) => result,
            Err(_) => Err(SendError::Unanswered(format!("no whole reply within {} s", started.elapsed().as_secs()))),
        }
    }

    fn url(&self, admitted: &Admitted, query: &str) -> Option<String> {
        let gate = self.gates.get(&admitted.origin)?;
        let base = gate.origin.url.as_str().trim_end_matches('/');
        let separator = if query.is_empty() { "" } else { "?" };
        Some(format!("{base}{}{separator}{query}", admitted.path))
    }
}

impl Gate {
    /// Waits until the next request may be sent; the place among those that are under way is kept until it is dropped.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        let permit = self.concurrency.acquire().await.ok();
        if let Some(pace) = &self.pace {
            let turn = pace.lock().await.turn(Instant::now());
            tokio::time::sleep_until(turn).await;
        }
        permit
    }
}

fn client(user_typed_hosts: HashSet<String>, tls: ClientConfig) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("acmite/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIME)
        .http2_max_header_list_size(u32::try_from(HEADER_BLOCK_BYTES).unwrap_or(u32::MAX))
        .dns_resolver(Arc::new(FilteredResolver::new(user_typed_hosts)))
        .tls_backend_preconfigured(tls)
        .build()
}

/// Replaces `{name}` by the setting of that name.
pub(super) fn fill_settings(template: &str, settings: &[(String, String)]) -> String {
    settings.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// What the requests of one host call may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    pub(super) deadline: Instant,
    pub(super) request_time: Duration,
    /// Bytes of all replies together: they are held until the last has come.
    pub(super) reply_bytes: usize,
}

/// Admits, sends and reads the requests of one host call, all side by side.
pub(super) async fn send_all(
    wire: &Wire,
    guard: &mut Guard,
    secrets: &mut Secrets,
    requests: &[GuestRequest],
    allowance: Allowance,
) -> Vec<Result<Reply, SendError>> {
    let (admitted, prepared) = match prepare_all(wire, guard, secrets, requests) {
        Ok(both) => both,
        Err((refused, error)) => return refused_batch(requests.len(), refused, &error),
    };
    let bytes_left = AtomicUsize::new(allowance.reply_bytes);
    let replies = join_all(prepared.into_iter().map(|one| wire.perform(one, allowance, &bytes_left))).await;
    admitted
        .iter()
        .zip(replies)
        .map(|(admitted, reply)| {
            if admitted.writes() && may_be_done(&reply) {
                guard.note_write();
            }
            receive(guard, secrets, admitted, reply?)
        })
        .collect()
}

/// Whether what was asked for may have been done: not by who does not know or allow the credential (RFC 9110 sections
/// 15.5.2 and 15.5.4).
fn may_be_done(reply: &Result<RawReply, SendError>) -> bool {
    match reply {
        Ok(reply) => reply.status != UNAUTHORIZED && reply.status != FORBIDDEN,
        Err(SendError::Unanswered(_)) => true,
        Err(SendError::Refused(_) | SendError::Unsent(_)) => false,
    }
}

fn refused_batch(count: usize, refused: usize, error: &str) -> Vec<Result<Reply, SendError>> {
    (0..count)
        .map(|index| match index == refused {
            true => Err(SendError::Refused(error.to_owned())),
            false => Err(SendError::Unsent("another request of the same batch was refused".into())),
        })
        .collect()
}

fn prepare_all(
    wire: &Wire,
    guard: &Guard,
    secrets: &mut Secrets,
    requests: &[GuestRequest],
) -> Result<(Vec<Admitted>, Vec<Prepared>), (usize, String)> {
    let admitted = guard.admit_all(requests).map_err(|(index, refusal)| (index, refusal.to_string()))?;
    let prepared = admitted
        .iter()
        .enumerate()
        .map(|(index, one)| prepare(wire, secrets, one).map_err(|error| (index, error)))
        .collect::<Result<_, _>>()?;
    Ok((admitted, prepared))
}

struct Prepared {
    origin: String,
    method: reqwest::Method,
    url: Zeroizing<String>,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    reply_limit: usize,
}

fn prepare(wire: &Wire, secrets: &mut Secrets, admitted: &Admitted) -> Result<Prepared, String> {
    let mut query = admitted.query.clone();
    let mut headers = plain_headers(admitted)?;
    let mut body = admitted.body.clone();
    for sink in &admitted.sinks {
        if sink.optional && secrets.has_none_of(&sink.fill.names()) {
            continue;
        }
        let value = fill(secrets, admitted, &sink.text, &sink.fill)?;
        match &sink.place {
            SinkPlace::Header(name) => insert_header(&mut headers, name, &value)?,
            SinkPlace::Cookie(name) => {
                insert_cookie(&mut headers, name, &value)?;
            }
            SinkPlace::Query(name) => query.push((name.clone(), text_of(&value, &sink.text)?.to_owned())),
            SinkPlace::Body(path) => {
                let text = text_of(&value, &sink.text)?;
                let whole = body.take().unwrap_or_default();
                let written = tree::insert(&whole, admitted.body_format, path, text)
                    .map_err(|error| format!("{} cannot be put into the body: {error}", sink.text))?;
                body = Some(written);
            }
        }
    }
    if body.as_ref().is_some_and(|body| body.len() > REQUEST_BODY_BYTES) {
        return Err(format!("the body is larger than {REQUEST_BODY_BYTES} bytes"));
    }
    if let (Some(content_type), Some(_)) = (content_type(admitted.body_format), &body) {
        headers.insert(reqwest::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    let url = wire.url(admitted, &encode_query(&query)).ok_or("the manifest lacks the origin")?;
    let method = reqwest::Method::from_bytes(admitted.method.as_bytes()).map_err(|_| "the method is not valid")?;
    let (origin, url, reply_limit) = (admitted.origin.clone(), Zeroizing::new(url), admitted.reply_limit);
    Ok(Prepared { origin, method, url, headers, body, reply_limit })
}

fn plain_headers(admitted: &Admitted) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &admitted.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is not a header name"))?;
        let value = HeaderValue::from_str(value).map_err(|_| format!("the value of header {name} is not valid"))?;
        headers.insert(name, value);
    }
    headers.insert(reqwest::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}

/// A signature may cover it, so it is always exactly this.
fn content_type(format: Format) -> Option<&'static str> {
    match format {
        Format::Json => Some("application/json"),
        Format::Xml => Some("application/xml"),
        Format::Form => Some("application/x-www-form-urlencoded"),
        Format::Text => None,
    }
}

fn fill(secrets: &mut Secrets, admitted: &Admitted, sink: &str, fill: &Fill) -> Result<Zeroizing<Vec<u8>>, String> {
    match fill {
        Fill::Template(template) => secrets.template(template).map_err(|error| format!("{sink}: {error}")),
        Fill::Classes(classes) => {
            let classes: Vec<Class> = classes
                .iter()
                .map(|class| class.parse().map_err(|_| format!("{sink}: {class:?} is not a class of secrets")))
                .collect::<Result<_, _>>()?;
            let parts = admitted.inject.iter().find(|(place, _)| place.eq_ignore_ascii_case(sink));
            let (_, parts) = parts.ok_or_else(|| format!("{sink} must be injected and was not"))?;
            secrets.place(parts, &classes).map_err(|error| format!("{sink} {error}"))
        }
    }
}

fn insert_header(headers: &mut HeaderMap, name: &str, value: &[u8]) -> Result<(), String> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is not a header name"))?;
    let mut value = HeaderValue::from_bytes(value)
        .map_err(|_| format!("the secret for header {name} has bytes no header takes"))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

fn insert_cookie(headers: &mut HeaderMap, name: &str, value: &[u8]) -> Result<(), String> {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b';' | b',' | b'"' | b'\\');
    if !value.iter().all(plain) {
        return Err(format!("the secret for cookie {name} has bytes no cookie takes"));
    }
    let earlier = headers.get("cookie").map(|line| [line.as_bytes(), b"; "].concat()).unwrap_or_default();
    let line = Zeroizing::new([earlier.as_slice(), name.as_bytes(), b"=", value].concat());
    insert_header(headers, "cookie", &line)
}

fn text_of<'a>(value: &'a [u8], sink: &str) -> Result<&'a str, String> {
    std::str::from_utf8(value).map_err(|_| format!("the secret for {sink} is not text"))
}

fn encode_query(query: &[(String, String)]) -> String {
    let encode = |text| percent_encoding::utf8_percent_encode(text, UNRESERVED).to_string();
    query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

struct RawReply {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn exchange(
    client: &reqwest::Client,
    prepared: Prepared,
    bytes_left: &AtomicUsize,
) -> Result<RawReply, SendError> {
    let limit = prepared.reply_limit;
    let mut builder = client.request(prepared.method, prepared.url.as_str()).headers(prepared.headers);
    if let Some(body) = prepared.body {
        builder = builder.body(body);
    }
    let response = builder.send().await.map_err(|error| transport_error(&error))?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    check_headers(&headers)?;
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| SendError::Unanswered(causes(&error.without_url())))?;
        if body.len() + chunk.len() > limit {
            return Err(SendError::Unanswered(format!("the reply is larger than {limit} bytes")));
        }
        let taken = bytes_left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(chunk.len()));
        if taken.is_err() {
            return Err(SendError::Unanswered("the replies to one batch are too large together".into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(RawReply { status, headers, body })
}

fn check_headers(headers: &HeaderMap) -> Result<(), SendError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > HEADER_BLOCK_BYTES {
        return Err(SendError::Unanswered(format!("the reply's headers are larger than {HEADER_BLOCK_BYTES} bytes")));
    }
    let encoding = headers.get(reqwest::header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
    match encoding {
        None | Some(b"identity") => Ok(()),
        Some(_) => Err(SendError::Unanswered("the reply is compressed though identity was asked for".into())),
    }
}

fn transport_error(error: &reqwest::Error) -> SendError {
    match error.is_connect() || error.is_builder() {
        true => SendError::Unsent(causes(error)),
        false => SendError::Unanswered(causes(error)),
    }
}

/// The causes of an error without the URL, in which a secret may stand.
fn causes(error: &dyn std::error::Error) -> String {
    let mut texts = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    if texts.is_empty() { "the connection failed".into() } else { texts.join(": ") }
}

fn receive(guard: &mut Guard, secrets: &mut Secrets, admitted: &Admitted, reply: RawReply) -> Result<Reply, SendError> {
    if reply.status == UNAUTHORIZED {
        reject_captures(secrets, admitted);
    }
    let mut body = reply.body;
    let mut hidden_headers: Vec<String> = HIDDEN_HEADERS.iter().map(|&name| name.to_owned()).collect();
    for capture in &admitted.captures {
        let value = cut_capture(&capture.place, &reply.headers, &mut body, admitted, &mut hidden_headers);
        match value {
            Some(value) => secrets.capture(&capture.name, value, capture.for_run),
            // The guest sees no cookie at all, so that a refused login, which sets none, may be told.
            None if (200..300).contains(&reply.status) && !matches!(capture.place, CapturePlace::Cookie(_)) => {
                return Err(SendError::Unanswered(format!("the reply is withheld: it lacks {}", capture.name)));
            }
            None => {}
        }
    }
    guard
        .observe(admitted, reply.status, &body)
        .map_err(|withheld| SendError::Unanswered(format!("the reply is withheld: {withheld}")))?;
    let scrubber = secrets.scrubber();
    let headers = reply
        .headers
        .iter()
        .filter(|(name, _)| !hidden_headers.iter().any(|hidden| hidden == name.as_str()))
        .map(|(name, value)| (name.to_string(), scrubber.text(&String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    Ok(Reply { status: reply.status, headers, body: as_text(&scrubber.bytes(&body)) })
}

/// The body as text: bytes that are none, and NUL, become U+FFFD.
///
/// A secret within a compressed or otherwise binary reply cannot be found there, so it must not come through whole.
fn as_text(body: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(body).replace('\0', "\u{fffd}").into_bytes()
}

/// A token kept for the run may have ended; the guest sees that it has none and asks for another.
fn reject_captures(secrets: &mut Secrets, admitted: &Admitted) {
    for sink in &admitted.sinks {
        if let Fill::Template(template) = &sink.fill {
            secrets.reject(template);
        }
    }
}

fn cut_capture(
    place: &CapturePlace,
    headers: &HeaderMap,
    body: &mut Vec<u8>,
    admitted: &Admitted,
    hidden_headers: &mut Vec<String>,
) -> Option<Zeroizing<Vec<u8>>> {
    match place {
        CapturePlace::Body(path) => {
            let (rest, value) = tree::cut(body, admitted.reply_format, path).ok()?;
            *body = rest;
            Some(Zeroizing::new(value.into_bytes()))
        }
        CapturePlace::Header(name) => {
            hidden_headers.push(name.clone());
            headers.get(name.as_str()).map(|value| Zeroizing::new(value.as_bytes().to_vec()))
        }
        CapturePlace::Cookie(name) => headers.get_all("set-cookie").iter().find_map(|line| cookie_value(line, name)),
    }
}

fn cookie_value(line: &HeaderValue, name: &str) -> Option<Zeroizing<Vec<u8>>> {
    let pair = line.as_bytes().split(|&b| b == b';').next()?;
    let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
    Some(Zeroizing::new(value.to_vec()))
}

const HIDDEN_HEADERS: [&str; 8] =
    ["set-cookie", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-authenticate"];
const UNAUTHORIZED: u16 = 401;
const FORBIDDEN: u16 = 403;
const CONNECT_TIME: Duration = Duration::from_secs(10);
const HEADER_BLOCK_BYTES: usize = 32 * 1024;
const REQUEST_BODY_BYTES: usize = 1024 * 1024;

/// A reply as the guest may see it.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Why there is no reply.
#[derive(Clone, Debug)]
pub(super) enum SendError {
    /// A rule forbids the request.
    Refused(String),
    /// There was no connection.
    Unsent(String),
    /// It was sent, and no reply may be shown.
    Unanswered(String),
}

/// Why the connections of a provider could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// An origin is not one that may be asked.
    #[error("the origin {id:?} cannot be used")]
    Origin {
        /// Its id in the manifest.
        id: String,
        /// Why not.
        source: OriginError,
    },
    /// An origin lacks a setting, or a setting reaches beyond its place.
    #[error("the origin {id:?} is not complete")]
    Setting {
        /// Its id in the manifest.
        id: String,
        /// What is wrong.
        source: FillError,
    },
    /// The roots to trust besides the system's.
    #[error("the certificates to trust cannot be used")]
    Roots(#[source] BadRoots),
    /// The HTTP client could not be set up.
    #[error("could not set up the HTTP client")]
    Client {
        /// What it said.
        source: reqwest::Error,
    },
}

#[cfg(test)]
mod tests;
