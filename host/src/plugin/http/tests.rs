//! Requests to a server that is written byte by byte.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::plugin::secret::{CredentialSet, RunCaptures};
use crate::plugin::wire::{Phase, Scope};

const MANIFEST: &str = r#"
id = "raw"
name = "Raw"
version = "0.1.0"
contract = "0.1"
homepage = "https://example.com"
license = "MIT"
docs = "https://example.com"
privilege = "none"

[field.server_url]
help = "where"

[field.user]
help = "who"

[field.password]
secret = true
help = "what"

[origin.login]
url = "{server_url}"

[origin.api]
url = "{server_url}/v1"
secrets = { "cookie:a" = "{login.first}", "cookie:b" = "{login.second}", "header:authorization" = "Basic {base64:user:password}" }

[origin.bearer]
url = "{server_url}/v2"
secrets = { "header:authorization" = "Bearer {token.access}" }

[endpoint.login]
origin = "login"
request = "POST /login"
body = "form"
reads = true
fixed = { "/user" = "{=user}" }
secrets = { "body:/password" = "{password}" }
capture = { first = "{cookie:a}", second = "{cookie:b}" }

[endpoint.token]
origin = "login"
request = "POST /token"
body = "xml"
reply = "xml"
reads = true
fixed = { "/login/@user" = "{=user}" }
secrets = { "body:/login/password" = "{password}" }
capture = { access = "{body:/reply/token}" }
capture_for_run = true

[endpoint.get]
request = "GET /"
reply = "text"
reply_limit_bytes = 1000

[endpoint.bearer]
origin = "bearer"
request = "GET /"
reply = "text"
"#;

/// What passes between a guest and a server, with the secrets of one call.
struct Setup {
    wire: Wire,
    guard: Guard,
    secrets: Secrets,
    listener: TcpListener,
}

impl Setup {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let settings = [("server_url".to_owned(), format!("http://{address}")), ("user".to_owned(), "me".to_owned())];
        let manifest = Manifest::parse(MANIFEST).expect("a valid manifest");
        let wire = Wire::new(&manifest, &settings, None, &OriginOverrides::default()).expect("a wire");
        let scope = Scope { phase: Phase::Check, zone: None, records: Vec::new(), max_ttl: 60 };
        let guard = Guard::new(Arc::new(manifest), &settings, scope, &[]).expect("a guard");
        let password = ("password".to_owned(), Zeroizing::new(b"open & sesame".to_vec()));
        let credentials = CredentialSet::new(vec![password]).with_settings(&settings);
        let secrets = Secrets::new(Arc::new(credentials), RunCaptures::default(), 0);
        Self { wire, guard, secrets, listener }
    }

    /// Sends one request to a server that answers with these bytes and then closes the connection.
    async fn exchange(
        &mut self,
        endpoint: &str,
        body: Option<&str>,
        answer: &[u8],
    ) -> (String, Result<Reply, SendError>) {
        let served = async {
            let (mut stream, _) = self.listener.accept().await.expect("a connection");
            let request = read_request(&mut stream).await;
            // The client may have hung up already.
            let _ = stream.write_all(answer).await;
            request
        };
        let request = [request(endpoint, body)];
        let sent = send_all(&self.wire, &mut self.guard, &mut self.secrets, &request, later(10));
        let (seen, mut replies) = tokio::join!(served, sent);
        (seen, replies.pop().expect("a result"))
    }

    /// Sends one request to a server that goes on as `serve` does, with this many milliseconds until the deadline.
    async fn against<F: Future<Output = ()>>(
        &mut self,
        serve: impl FnOnce(TcpStream) -> F,
        deadline: u64,
    ) -> SendError {
        let served = async {
            let (stream, _) = self.listener.accept().await.expect("a connection");
            serve(stream).await;
        };
        let request = [request("get", None)];
        let until = Allowance { deadline: Instant::now() + Duration::from_millis(deadline), ..later(10) };
        let sent = send_all(&self.wire, &mut self.guard, &mut self.secrets, &request, until);
        let mut replies = tokio::select! { replies = sent => replies, () = served => panic!("the server ended first") };
        replies.pop().expect("a result").expect_err("no reply")
    }
}

fn later(seconds: u64) -> Allowance {
    let time = Duration::from_secs(seconds);
    Allowance { deadline: Instant::now() + time, request_time: time, reply_bytes: 1 << 26 }
}

fn request(endpoint: &str, body: Option<&str>) -> GuestRequest {
    let (path, query, headers, inject) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    GuestRequest { endpoint: endpoint.into(), path, query, headers, body: body.map(|b| b.as_bytes().to_vec()), inject }
}

/// Everything until the head, and the body that it announces, have come.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.expect("readable");
        seen.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&seen).into_owned();
        let announced = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let whole = text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.len() >= announced.unwrap_or(0));
        if whole || read == 0 {
            return text;
        }
    }
}

fn unanswered(error: &SendError) -> &str {
    if let SendError::Unanswered(text) = error { text } else { panic!("{error:?}") }
}

const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn secrets_go_into_forms_cookies_and_basic_authentication() {
    let mut setup = Setup::new().await;
    let answer = b"HTTP/1.1 200 OK\r\nset-cookie: a=one-session; Path=/\r\nset-cookie: b=two-session\r\n\
        content-length: 2\r\n\r\n{}";
    let (seen, reply) = setup.exchange("login", Some("user=me"), answer).await;
    assert!(seen.ends_with("\r\n\r\nuser=me&password=open%20%26%20sesame"), "{seen}");
    assert!(seen.contains("content-type: application/x-www-form-urlencoded\r\n"), "{seen}");
    assert!(reply.expect("a reply").headers.iter().all(|(name, _)| name != "set-cookie"));
    let echo = b"HTTP/1.1 200 OK\r\ncontent-length: 24\r\n\r\ntwo-session, one-session";
    let (seen, reply) = setup.exchange("get", None, echo).await;
    assert!(seen.starts_with("GET /v1/ HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("cookie: a=one-session; b=two-session\r\n"), "{seen}");
    assert!(seen.contains("authorization: Basic bWU6b3BlbiAmIHNlc2FtZQ==\r\n"), "{seen}");
    assert_eq!(reply.expect("a reply").body, b"[login.second], [login.first]");
}

#[tokio::test]
async fn a_token_is_cut_out_of_xml_and_dropped_once_it_is_refused() {
    let mut setup = Setup::new().await;
    let answer =
        b"HTTP/1.1 200 OK\r\ncontent-length: 55\r\n\r\n<reply><token>t0ken-value</token><ends>60</ends></reply";
    let (_, reply) = setup.exchange("token", Some("<login user='me'/>"), answer).await;
    assert!(unanswered(&reply.expect_err("malformed")).contains("lacks token.access"));
    let answer =
        b"HTTP/1.1 200 OK\r\ncontent-length: 56\r\n\r\n<reply><token>t0ken-value</token><ends>60</ends></reply>";
    let (seen, reply) = setup.exchange("token", Some("<login user='me'/>"), answer).await;
    assert!(seen.ends_with("<login user=\"me\"><password>open &amp; sesame</password></login>"), "{seen}");
    let body = String::from_utf8(reply.expect("a reply").body).expect("text");
    assert!(body.ends_with("<reply><token></token><ends>60</ends></reply>"), "{body}");
    let refused = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    let (seen, reply) = setup.exchange("bearer", None, refused).await;
    assert!(seen.contains("authorization: Bearer t0ken-value\r\n"), "{seen}");
    assert_eq!(reply.expect("a reply").status, 401);
    let again = [request("bearer", None)];
    let replies = send_all(&setup.wire, &mut setup.guard, &mut setup.secrets, &again, later(10)).await;
    assert!(matches!(&replies[0], Err(SendError::Refused(text)) if text.contains("no value yet")), "{replies:?}");
}

#[tokio::test]
async fn a_reply_larger_than_the_endpoints_limit_is_cut_off() {
    let mut setup = Setup::new().await;
    for head in ["content-length: 1001", "transfer-encoding: chunked"] {
        let chunk = if head.starts_with('t') { "3e9\r\n" } else { "" };
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{chunk}{}", "x".repeat(1001));
        prepare_cookies(&mut setup);
        let (_, reply) = setup.exchange("get", None, answer.as_bytes()).await;
        assert!(unanswered(&reply.expect_err("too large")).contains("larger than 1000 bytes"), "{head}");
    }
}

fn prepare_cookies(setup: &mut Setup) {
    for name in ["login.first", "login.second"] {
        setup.secrets.capture(name, Zeroizing::new(b"session".to_vec()), false);
    }
}

#[tokio::test]
async fn an_endless_reply_ends_at_the_limit() {
    let mut setup = Setup::new().await;
    prepare_cookies(&mut setup);
    let endless = |mut stream: TcpStream| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        std::future::pending().await
    };
    assert!(unanswered(&setup.against(endless, 10_000).await).contains("larger than 1000 bytes"));
}

#[tokio::test]
async fn endless_headers_end_at_a_limit() {
    for line in ["x: y\r\n", "x"] {
        let mut setup = Setup::new().await;
        prepare_cookies(&mut setup);
        let endless = |mut stream: TcpStream| async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
            while stream.write_all(line.repeat(1024).as_bytes()).await.is_ok() {}
            std::future::pending().await
        };
        let started = Instant::now();
        let error = setup.against(endless, 10_000).await;
        assert!(!unanswered(&error).contains("no whole reply"), "{line:?}: {error:?}");
        assert!(started.elapsed() < Duration::from_secs(10), "{line:?}");
    }
}

#[tokio::test]
async fn a_header_block_above_the_limit_is_no_reply() {
    let mut setup = Setup::new().await;
    prepare_cookies(&mut setup);
    let answer = format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n", "y".repeat(HEADER_BLOCK_BYTES));
    let (_, reply) = setup.exchange("get", None, answer.as_bytes()).await;
    assert!(unanswered(&reply.expect_err("too large")).contains("headers are larger"));
}

#[tokio::test]
async fn a_server_that_drips_is_left_at_the_deadline() {
    let mut setup = Setup::new().await;
    prepare_cookies(&mut setup);
    let dripping = |mut stream: TcpStream| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n").await;
        let mut drops = tokio::time::interval(Duration::from_millis(20));
        loop {
            drops.tick().await;
            let _ = stream.write_all(b"x").await;
        }
    };
    assert!(unanswered(&setup.against(dripping, 200).await).contains("no whole reply"));
}

#[tokio::test]
async fn a_compressed_reply_is_refused_since_none_was_asked_for() {
    let mut setup = Setup::new().await;
    prepare_cookies(&mut setup);
    for encoding in ["gzip", "br", "identity, gzip"] {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: 2\r\n\r\nxx");
        let (seen, reply) = setup.exchange("get", None, answer.as_bytes()).await;
        assert!(seen.contains("accept-encoding: identity\r\n"), "{seen}");
        assert!(unanswered(&reply.expect_err("compressed")).contains("compressed"), "{encoding}");
    }
}

#[tokio::test]
async fn a_redirect_is_a_reply_and_is_not_followed() {
    let mut setup = Setup::new().await;
    prepare_cookies(&mut setup);
    let answer = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let (_, reply) = setup.exchange("get", None, answer).await;
    assert_eq!(reply.expect("a reply").status, 302);
}

#[tokio::test]
async fn a_session_with_bytes_no_cookie_takes_is_not_sent() {
    let mut setup = Setup::new().await;
    for value in ["a; b=c", "a b", "a,b", "a\r\nx: y", "\u{e9}"] {
        prepare_cookies(&mut setup);
        setup.secrets.capture("login.first", Zeroizing::new(value.as_bytes().to_vec()), false);
        let again = [request("get", None)];
        let replies = send_all(&setup.wire, &mut setup.guard, &mut setup.secrets, &again, later(10)).await;
        assert!(matches!(&replies[0], Err(SendError::Refused(_))), "{value:?}: {replies:?}");
    }
    prepare_cookies(&mut setup);
    assert!(setup.exchange("get", None, EMPTY).await.1.is_ok());
}

/// At how many of `requests` an origin that is asked at one time makes a request wait, with this in its manifest.
async fn made_to_wait(pace: &str, overrides: &OriginOverrides, requests: usize) -> usize {
    let text = MANIFEST.replace("url = \"{server_url}\"\n", "url = \"https://api.example.com\"\n");
    let text = text.replace("[origin.login]\n", &format!("[origin.login]\n{pace}\n"));
    let manifest = Manifest::parse(&text).expect("a valid manifest");
    let settings = [("server_url".to_owned(), "https://api.example.com".to_owned())];
    let wire = Wire::new(&manifest, &settings, None, overrides).expect("a wire");
    let (now, mut waits) = (Instant::now(), 0);
    if let Some(pace) = &wire.gates["login"].pace {
        let mut pace = pace.lock().await;
        waits = (0..requests).filter(|_| pace.turn(now) > now).count();
    }
    waits
}

#[tokio::test]
async fn an_origin_is_asked_at_the_pace_of_its_manifest_and_a_mock_at_none() {
    let none = OriginOverrides::default();
    assert_eq!(made_to_wait("", &none, 50).await, 30, "20 are what a second gives unless the manifest says otherwise");
    assert_eq!(made_to_wait("rate_per_second = 7.5", &none, 50).await, 43);
    assert_eq!(made_to_wait("rate_per_second = 0.1", &none, 50).await, 49);
    assert_eq!(made_to_wait("rate_per_second = 7.5\nburst = 40", &none, 50).await, 10);
    let mock = OriginOverrides::parse("raw.login=http://127.0.0.1:1").expect("a mock");
    assert_eq!(made_to_wait("burst = 1", &mock, 50).await, 0);
}

#[tokio::test]
async fn a_request_whose_turn_does_not_come_was_not_sent() {
    let mut setup = Setup::new().await;
    prepare_cookies(&mut setup);
    let pace = setup.wire.gates["api"].pace.as_ref().expect("a pace");
    let now = Instant::now();
    while pace.lock().await.turn(now) < now + Duration::from_secs(60) {}
    let in_a_minute = [request("get", None)];
    let soon = Allowance { deadline: now + Duration::from_millis(50), ..later(10) };
    let replies = send_all(&setup.wire, &mut setup.guard, &mut setup.secrets, &in_a_minute, soon).await;
    assert!(matches!(&replies[0], Err(SendError::Unsent(text)) if text.contains("its turn")), "{replies:?}");
}
