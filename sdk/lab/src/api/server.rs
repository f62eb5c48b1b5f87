//! One HTTP server for any mock: the log and the faults are here, the vendor's rules are a function.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Query;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::Value;

use crate::serve::{self, Connections, Cut, Port, Serving};

/// A request as a mock sees it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Decoded parameters.
    pub query: BTreeMap<String, String>,
    /// The same as sent, without the question mark.
    pub query_text: String,
    /// The names in lower case.
    pub headers: BTreeMap<String, String>,
    /// UTF-8, or empty.
    pub body: String,
}

impl Request {
    /// The JSON body, if the content type says it is one.
    pub fn json(&self) -> Option<Value> {
        let kind = self.headers.get("content-type")?;
        kind.starts_with("application/json").then(|| serde_json::from_str(&self.body).ok())?
    }

    /// The fields of the body, if the content type says it is a form and none is given twice.
    pub fn form(&self) -> Option<BTreeMap<String, String>> {
        let kind = self.headers.get("content-type")?;
        let pairs: Vec<(String, String)> = form_urlencoded::parse(self.body.as_bytes()).into_owned().collect();
        let count = pairs.len();
        let fields: BTreeMap<_, _> = pairs.into_iter().collect();
        (kind.starts_with("application/x-www-form-urlencoded") && fields.len() == count).then_some(fields)
    }
}

/// A mock's reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body; `Null` is none, a string is XML or other text as it stands. An object's member `set-cookie` is sent as
    /// that header in its place.
    pub body: Value,
}

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status, nothing executed; with 429 a Retry-After in seconds.
    Status {
        /// HTTP status.
        status: u16,
        /// Seconds for the Retry-After header.
        retry_after: Option<u32>,
    },
    /// Executed, then answered with a body that is not JSON.
    Malformed,
    /// Executed, then answered with this status: the client cannot know it took effect.
    FailsAfter {
        /// HTTP status.
        status: u16,
    },
    /// Executed, then the answer breaks off and the connection with it.
    BreaksOff,
    /// Executed this much later.
    Slow(Duration),
}

/// One request and its answer. Headers are left out: they hold the token.
#[derive(Clone, Debug, Serialize)]
pub struct RequestLog {
    /// Upper case.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Decoded parameters.
    pub query: BTreeMap<String, String>,
    /// As sent.
    pub body: String,
    /// The answer's status.
    pub status: u16,
}

type Rules = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

struct Shared {
    rules: Rules,
    faults: Mutex<VecDeque<(Fault, Which)>>,
    log: Mutex<Vec<RequestLog>>,
    received: AtomicUsize,
}

/// Which requests a fault is for.
type Which = fn(&Request) -> bool;

/// A running mock; it stops when dropped.
pub struct MockApi {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: Serving,
}

impl MockApi {
    /// Serves `rules` on a loopback port the system chooses.
    pub async fn start(rules: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> std::io::Result<Self> {
        let port = Port::bind().await?;
        let address = port.address;
        let shared = Arc::new(Shared {
            rules: Box::new(rules),
            faults: Mutex::default(),
            log: Mutex::default(),
            received: AtomicUsize::default(),
        });
        let handler = Arc::clone(&shared);
        let serving = port.serve(None, move |request| handle(Arc::clone(&handler), request));
        Ok(Self { address, shared, serving })
    }

    /// `http://127.0.0.1:PORT`, without final slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Each of the next `count` requests meets `fault`, after those already queued.
    pub fn fail_next(&self, count: usize, fault: &Fault) {
        self.fail_next_that(|_| true, count, fault);
    }

    /// Each of the next `count` requests of a kind, as those that write, meets `fault`.
    pub fn fail_next_that(&self, which: Which, count: usize, fault: &Fault) {
        let mut faults = self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.extend(std::iter::repeat_n((fault.clone(), which), count));
    }

    /// How many requests have come in, answered or not.
    pub fn received(&self) -> usize {
        self.shared.received.load(Ordering::SeqCst)
    }

    /// The connections so far.
    pub fn connections(&self) -> Connections {
        self.serving.connections()
    }

    /// Every request so far, oldest first.
    pub fn requests(&self) -> Vec<RequestLog> {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn next_fault(&self, request: &Request) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let position = faults.iter().position(|(_, which)| which(request))?;
        faults.remove(position).map(|(fault, _)| fault)
    }
}

async fn handle(shared: Arc<Shared>, incoming: http::Request<Incoming>) -> Result<Response<Body>, Cut> {
    let Some(request) = read(incoming).await else { return Ok(respond(413, None, JSON, Body::empty())) };
    shared.received.fetch_add(1, Ordering::SeqCst);
    let fault = shared.next_fault(&request);
    let breaks_off = fault == Some(Fault::BreaksOff);
    let Executed { status, retry_after, cookie, body } = execute(&shared.rules, &request, fault).await;
    let Request { method, path, query, body: sent, .. } = request;
    let entry = RequestLog { method, path, query, body: sent, status };
    shared.log.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    Ok(match breaks_off {
        // A 204 has no body that could break off.
        true => respond(200, None, JSON, broken_body()),
        false => {
            let kind = if body.starts_with('<') { "text/xml" } else { JSON };
            let mut response = respond(status, retry_after, kind, Body::from(body));
            if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
                response.headers_mut().insert("set-cookie", cookie);
            }
            response
        }
    })
}

/// A body that begins and never ends well.
fn broken_body() -> Body {
    let broken = Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    Body::from_stream(futures_util::stream::iter([Ok(bytes::Bytes::from_static(b"{")), broken]))
}

/// What a request comes to.
#[derive(Default)]
struct Executed {
    status: u16,
    retry_after: Option<u32>,
    cookie: Option<String>,
    body: String,
}

async fn execute(rules: &Rules, request: &Request, fault: Option<Fault>) -> Executed {
    if let Some(Fault::Status { status, retry_after }) = fault {
        return Executed { status, retry_after, body: "{}".to_owned(), ..Executed::default() };
    }
    if let Some(Fault::Slow(delay)) = fault {
        tokio::time::sleep(delay).await;
    }
    let Reply { status, mut body } = rules(request);
    let cookie = body.as_object_mut().and_then(|body| body.remove("set-cookie"));
    let cookie = cookie.and_then(|cookie| cookie.as_str().map(str::to_owned));
    match fault {
        Some(Fault::Malformed) => Executed { status, body: "{\"result\": [".to_owned(), ..Executed::default() },
        Some(Fault::FailsAfter { status }) => Executed { status, body: "{}".to_owned(), ..Executed::default() },
        _ => Executed { status, cookie, body: written(body), retry_after: None },
    }
}

fn written(body: Value) -> String {
    match body {
        Value::Null => String::new(),
        Value::String(xml) => xml,
        json => json.to_string(),
    }
}

async fn read(incoming: http::Request<Incoming>) -> Option<Request> {
    let (parts, body) = incoming.into_parts();
    let bytes = serve::body(body).await?;
    let query = Query::<BTreeMap<String, String>>::try_from_uri(&parts.uri).ok()?;
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Some(Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: query.0,
        query_text: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.iter().map(text).collect(),
        body: String::from_utf8(bytes.to_vec()).unwrap_or_default(),
    })
}

const JSON: &str = "application/json";

fn respond(status: u16, retry_after: Option<u32>, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(kind));
    if let Some(seconds) = retry_after {
        headers.insert("retry-after", seconds.into());
    }
    response
}
