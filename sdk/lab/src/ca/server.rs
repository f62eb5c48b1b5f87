//! The running CA: what every request goes through before and after its resource.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::directory::{Target, directory, target};
use super::fault::{Endpoint, Fault, RequestLog};
use super::issuer::Issuer;
use super::jws::{Header, Jwk, Jws};
use super::options::CaOptions;
use super::problem::Problem;
use super::state::{Answer, AnswerBody, Reply, Shared, Signed};
use super::tls::ListenerTls;
use super::validation::Validator;
use super::{account, authorization, certificate, key_change, order, renewal};
use crate::serve::{self, Connections, Cut, Port, Serving};

/// A running CA; it stops when dropped.
pub struct Ca {
    shared: Arc<Shared>,
    tls_root_pem: String,
    serving: Serving,
}

/// A certificate the CA made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IssuedCertificate {
    /// DNS names, in order.
    pub names: Vec<String>,
    /// `base64url(AKI).base64url(serial)`, RFC 9773 section 4.1.
    pub renewal_id: String,
    /// The leaf.
    pub pem: String,
    /// RFC 5280 section 5.3.1, if it was revoked.
    pub revocation_reason: Option<u8>,
}

/// Why the CA did not start.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// No loopback port.
    #[error("could not listen on 127.0.0.1 for the CA; allow loopback sockets")]
    Listen(#[source] std::io::Error),
    /// A root, intermediate or listener certificate was not made.
    #[error("could not make the CA's own certificates; the system may be short of randomness")]
    Certificate(#[from] rcgen::Error),
    /// The listener's certificate was not taken.
    #[error("could not set up TLS for the CA")]
    Tls(#[from] rustls::Error),
}

impl Ca {
    /// Starts a CA that validates by asking all of `nameservers`: the lab's own, or any other that serve the names.
    pub async fn start(options: CaOptions, nameservers: Vec<SocketAddr>) -> Result<Self, CaError> {
        let port = Port::bind().await.map_err(CaError::Listen)?;
        let ListenerTls { acceptor, root_pem } = ListenerTls::generate()?;
        let base = format!("https://{}", port.address);
        let shared = Arc::new(Shared::new(base, options, Issuer::generate()?, Validator { servers: nameservers }));
        let handler = Arc::clone(&shared);
        let serving = port.serve(Some(acceptor), move |request| handle(Arc::clone(&handler), request));
        Ok(Self { shared, tls_root_pem: root_pem, serving })
    }

    /// `https://127.0.0.1:PORT/directory`; `localhost` serves as well.
    pub fn directory_url(&self) -> String {
        self.shared.url("directory")
    }

    /// The root of the listener's certificate, for the client's CA bundle.
    pub fn tls_root_pem(&self) -> &str {
        &self.tls_root_pem
    }

    /// The root of the default chain.
    pub fn root_pem(&self) -> &str {
        &self.shared.issuer.root_pem
    }

    /// The root of the alternate chain; common name "acmite lab root X2".
    pub fn alternate_root_pem(&self) -> &str {
        &self.shared.issuer.alternate_root_pem
    }

    /// Each of the next `count` requests, to `endpoint` or to any, meets `fault`, after those already queued.
    pub fn fail_next(&self, count: usize, endpoint: Option<Endpoint>, fault: &Fault) {
        self.shared.state().faults.add(count, endpoint, fault);
    }

    /// The request number `number` from now, counted from 1, meets `fault`, whatever it is for.
    pub fn fail_at(&self, number: usize, fault: Fault) {
        self.shared.state().faults.add_at(number, fault);
    }

    /// Forgets the faults that no request has met.
    pub fn forget_faults(&self) {
        self.shared.state().faults.clear();
    }

    /// Every reply from now on passes `change` before it is sent; for a CA that says what none should.
    pub fn rewrite_replies(&self, change: impl Fn(Endpoint, &mut Reply) + Send + Sync + 'static) {
        self.shared.state().rewrite = Some(Arc::new(change));
    }

    /// Makes renewal information say of every certificate that it is to be renewed now.
    pub fn renew_everything_now(&self) {
        self.shared.state().renewal_window = Some(renewal::past_window(OffsetDateTime::now_utc()));
    }

    /// Every request so far, oldest first.
    pub fn requests(&self) -> Vec<RequestLog> {
        self.shared.state().log.clone()
    }

    /// The connections so far.
    pub fn connections(&self) -> Connections {
        self.serving.connections()
    }

    /// Every certificate made so far, in no order.
    pub fn certificates(&self) -> Vec<IssuedCertificate> {
        let state = self.shared.state();
        let issued = state.certificates.values().map(|certificate| IssuedCertificate {
            names: certificate.names.clone(),
            renewal_id: certificate.renewal_id.clone(),
            pem: certificate.pem(),
            revocation_reason: certificate.revoked,
        });
        issued.collect()
    }
}

impl Drop for Ca {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

async fn handle(ca: Arc<Shared>, incoming: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let at = SystemTime::now();
    let (parts, body) = incoming.into_parts();
    let target = target(parts.uri.path());
    let fault = ca.state().faults.take(target.endpoint);
    let outcome = match &fault {
        Some(Fault::Status { status, retry_after }) => Err(failing(*status, *retry_after)),
        Some(Fault::Drop | Fault::Hang) => Err(Problem::internal("cut")),
        _ => {
            if let Some(Fault::Slow(delay)) = &fault {
                tokio::time::sleep(*delay).await;
            }
            let body = serve::body(body).await.unwrap_or_default();
            execute(&ca, &parts.method, &parts.headers, target, &body, fault.as_ref())
        }
    };
    let hangs = matches!(fault, Some(Fault::Hang | Fault::HangAfter));
    let cut = hangs || matches!(fault, Some(Fault::Drop | Fault::DropAfter));
    let (status, problem) = match &outcome {
        _ if cut => (0, None),
        Ok(answer) => (answer.status, None),
        Err(problem) => (problem.status, Some(problem.kind)),
    };
    let (method, url) = (parts.method.to_string(), parts.uri.to_string());
    ca.state().log.push(RequestLog { endpoint: target.endpoint, method, url, status, problem, at });
    if hangs {
        // Until the client closes the connection.
        std::future::pending::<()>().await;
    }
    if cut {
        return Err(Cut);
    }
    let mut reply = reply(&ca, &parts.method, outcome);
    let rewrite = ca.state().rewrite.clone();
    if let Some(change) = rewrite {
        change(target.endpoint, &mut reply);
    }
    Ok(respond(&parts.method, reply, fault.as_ref()))
}

fn failing(status: u16, retry_after: Option<u32>) -> Problem {
    let kind = if status == 429 { "rateLimited" } else { "serverInternal" };
    let mut problem = Problem::new(status, kind, "the lab was told to fail");
    problem.headers.extend(retry_after.map(|seconds| (header::RETRY_AFTER, seconds.to_string())));
    problem
}

fn execute(
    ca: &Arc<Shared>,
    method: &Method,
    headers: &HeaderMap,
    target: Target<'_>,
    body: &[u8],
    fault: Option<&Fault>,
) -> Result<Answer, Problem> {
    match (method, target.endpoint) {
        (_, Endpoint::Unknown) => Err(Problem::not_found("resource")),
        (&Method::GET, Endpoint::Directory) => Ok(directory(ca)),
        (&Method::HEAD, Endpoint::NewNonce) => Ok(Answer::empty(200)),
        (&Method::GET, Endpoint::NewNonce) => Ok(Answer::empty(204)),
        (&Method::GET, Endpoint::RenewalInfo) => renewal::info(ca, target.id),
        (&Method::POST, endpoint) if endpoint != Endpoint::RenewalInfo => {
            if fault == Some(&Fault::BadNonce) {
                return Err(Problem::bad_nonce("the lab was told to refuse the nonce"));
            }
            signed(ca, &verify(ca, headers, target, body)?, target)
        }
        _ => Err(Problem::new(405, "malformed", format!("the resource does not know {method}"))),
    }
}

fn signed(ca: &Arc<Shared>, request: &Signed, target: Target<'_>) -> Result<Answer, Problem> {
    match target.endpoint {
        Endpoint::Directory => request.without_payload().map(|()| directory(ca)),
        Endpoint::NewNonce => request.without_payload().map(|()| Answer::empty(204)),
        Endpoint::NewAccount => account::create(ca, request),
        Endpoint::Account => account::update(ca, target.id, request),
        Endpoint::Orders => account::orders(ca, target.id, request),
        Endpoint::KeyChange => key_change::change(ca, request),
        Endpoint::NewOrder => order::create(ca, request),
        Endpoint::Order => order::read(ca, target.id, request),
        Endpoint::Finalize => order::finalize(ca, target.id, request),
        Endpoint::Authorization => authorization::read(ca, target.id, request),
        Endpoint::Challenge => authorization::challenge(ca, target.id, request),
        Endpoint::Certificate => certificate::download(ca, target.id, target.alternate, request),
        Endpoint::RevokeCert => certificate::revoke(ca, request),
        Endpoint::RenewalInfo | Endpoint::Unknown => Err(Problem::not_found("resource")),
    }
}

/// RFC 8555 section 6: content type, nonce, URL, key, signature.
fn verify(ca: &Shared, headers: &HeaderMap, target: Target<'_>, body: &[u8]) -> Result<Signed, Problem> {
    if headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes) != Some(b"application/jose+json") {
        return Err(Problem::new(415, "malformed", "the Content-Type is not application/jose+json"));
    }
    let jws = Jws::parse(body)?;
    let header = jws.header()?;
    let nonce = header.nonce.as_deref().ok_or_else(|| Problem::bad_nonce("the request has no nonce"))?;
    ca.state().nonces.spend(nonce)?;
    let url = header.url.clone().ok_or_else(|| Problem::malformed("the protected header has no url"))?;
    let here = url.strip_prefix(&ca.base).or_else(|| url.strip_prefix(&ca.base.replacen("127.0.0.1", "localhost", 1)));
    if here != Some(target.path) {
        return Err(Problem::unauthorized(format!("the url that was signed, {url}, is not that of the request")));
    }
    let (key, account) = signer(ca, &header, target.endpoint)?;
    jws.verify(&header.alg, &key)?;
    let payload = jws.payload()?;
    Ok(Signed { key, account, url, payload })
}

/// `jwk` where the key itself speaks, `kid` anywhere else (section 6.2).
fn signer(ca: &Shared, header: &Header, endpoint: Endpoint) -> Result<(Jwk, Option<String>), Problem> {
    match (&header.jwk, &header.kid) {
        (Some(jwk), None) if matches!(endpoint, Endpoint::NewAccount | Endpoint::RevokeCert) => {
            Ok((Jwk::parse(jwk)?, None))
        }
        (None, Some(kid)) if endpoint != Endpoint::NewAccount => {
            let state = ca.state();
            let id = ca.id_of("account", kid).filter(|id| state.accounts.contains_key(*id));
            let id =
                id.ok_or_else(|| Problem::new(400, "accountDoesNotExist", format!("there is no account {kid}")))?;
            match &state.accounts[id] {
                known if known.deactivated => Err(account::deactivated()),
                known => Ok((known.key.clone(), Some(id.to_owned()))),
            }
        }
        (Some(_), Some(_)) => Err(Problem::malformed("jwk and kid exclude each other")),
        (None, None) => Err(Problem::malformed("the protected header has neither jwk nor kid")),
        (Some(_), None) => Err(Problem::malformed("the request needs a kid, the account's URL, in place of a jwk")),
        (None, Some(_)) => Err(Problem::malformed("a new account needs a jwk in place of a kid")),
    }
}

fn reply(ca: &Shared, method: &Method, outcome: Result<Answer, Problem>) -> Reply {
    let mut headers = HeaderMap::new();
    let mut put = |name: header::HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(name, value);
        }
    };
    let (status, kind, body) = match outcome {
        Ok(answer) => {
            answer.links.iter().for_each(|link| put(header::LINK, link));
            answer.location.iter().for_each(|url| put(header::LOCATION, url));
            answer.retry_after.iter().for_each(|seconds| put(header::RETRY_AFTER, &seconds.to_string()));
            let (kind, body) = match answer.body {
                AnswerBody::Empty => (None, String::new()),
                AnswerBody::Json(value) => (Some("application/json"), value.to_string()),
                AnswerBody::Chain(pem) => (Some("application/pem-certificate-chain"), pem),
            };
            (answer.status, kind, body)
        }
        Err(problem) => {
            problem.headers.iter().for_each(|(name, value)| put(name.clone(), value));
            (problem.status, Some("application/problem+json"), problem.json().to_string())
        }
    };
    kind.iter().for_each(|kind| put(header::CONTENT_TYPE, kind));
    put(header::LINK, &format!("<{}>;rel=\"index\"", ca.url("directory")));
    put(header::CACHE_CONTROL, "no-store");
    if let Some(date) = date(ca.options.ahead) {
        put(header::DATE, &date);
    }
    if method != Method::GET || status == 204 {
        put(header::HeaderName::from_static("replay-nonce"), &ca.state().nonces.issue());
    }
    Reply { status, headers, body: body.into_bytes() }
}

fn respond(method: &Method, reply: Reply, fault: Option<&Fault>) -> Response<Body> {
    let mut response = Response::new(match fault {
        _ if method == Method::HEAD => Body::empty(),
        Some(Fault::Malformed) => Body::from("{\"status\": "),
        Some(Fault::Truncated) => half(reply.body),
        _ => Body::from(reply.body),
    });
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = reply.headers;
    response
}

/// A body that breaks off.
fn half(mut body: Vec<u8>) -> Body {
    body.truncate(body.len() / 2);
    let parts = [Ok(body), Err(Cut)];
    Body::from_stream(futures_util::stream::iter(parts))
}

/// What a clock that is ahead says, as RFC 9110 section 5.6.7 writes it; the server's own header serves for one that is not.
fn date(ahead: Duration) -> Option<String> {
    let text = (OffsetDateTime::now_utc() + ahead).format(&Rfc2822).ok()?;
    (!ahead.is_zero()).then(|| text.replace("+0000", "GMT"))
}
