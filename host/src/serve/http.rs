//! The answers to http-01 on a port of one's own (RFC 8555 section 8.3).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::listener::{ListenError, Server};

/// Where a CA looks for a token.
pub const TOKEN_PATH: &str = "/.well-known/acme-challenge/";

/// Serves key authorizations by their tokens, and nothing else.
pub fn serve_tokens(port: u16, answers: BTreeMap<String, String>) -> Result<Server, ListenError> {
    let answers = Arc::new(answers);
    Server::start(port, move |stream| connection(stream, answers.clone()))
}

async fn connection(stream: TcpStream, answers: Arc<BTreeMap<String, String>>) {
    let reply = service_fn(move |request: Request<Incoming>| {
        let response = respond(request.method(), request.uri().path(), &answers);
        tracing::debug!(path = request.uri().path(), status = response.status().as_u16(), "asked for a token");
        async move { Ok::<_, Infallible>(response) }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), reply).await {
        tracing::debug!(%error, "a connection for a challenge broke");
    }
}

fn respond(method: &Method, path: &str, answers: &BTreeMap<String, String>) -> Response<String> {
    let known = path.strip_prefix(TOKEN_PATH).and_then(|token| answers.get(token));
    let (status, body) = match known {
        Some(answer) if method == Method::GET || method == Method::HEAD => (StatusCode::OK, answer.as_str()),
        Some(_) => (StatusCode::METHOD_NOT_ALLOWED, ""),
        None => (StatusCode::NOT_FOUND, "only ACME challenges are answered here\n"),
    };
    let mut response = Response::new(body.to_owned());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/octet-stream"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &Method, path: &str) -> (u16, String) {
        let answers = BTreeMap::from([("token".to_owned(), "token.thumbprint".to_owned())]);
        let response = respond(method, path, &answers);
        (response.status().as_u16(), response.into_body())
    }

    #[test]
    fn only_known_tokens_are_answered() {
        let path = "/.well-known/acme-challenge/token";
        assert_eq!(ask(&Method::GET, path), (200, "token.thumbprint".to_owned()));
        assert_eq!(ask(&Method::POST, path).0, 405);
        for path in ["/", "/token", "/.well-known/acme-challenge/", "/.well-known/acme-challenge/toke"] {
            assert_eq!(ask(&Method::GET, path).0, 404, "{path}");
        }
    }

    #[tokio::test]
    async fn a_client_gets_the_key_authorization_over_both_families() {
        let answers = BTreeMap::from([("token".to_owned(), "token.thumbprint".to_owned())]);
        let server = serve_tokens(0, answers).expect("a port");
        for address in server.addresses() {
            let host = if address.is_ipv4() { "127.0.0.1" } else { "[::1]" };
            let url = format!("http://{host}:{}{TOKEN_PATH}token", address.port());
            let text = reqwest::get(url).await.expect("a reply").text().await.expect("a body");
            assert_eq!(text, "token.thumbprint");
        }
    }
}
