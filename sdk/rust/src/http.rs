//! Requests to the manifest's endpoints, written like an HTTP client's.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::acmite::provider::http as wit;
use crate::bindings::acmite::provider::types::{Error, ErrorKind, Pair};

/// A request to one endpoint.
#[derive(Clone, Debug)]
pub struct Request(wit::Request);

/// Begins a request to the endpoint with this id.
pub fn request(endpoint: &str) -> Request {
    Request(wit::Request {
        endpoint: endpoint.to_owned(),
        path: Vec::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
        inject: Vec::new(),
    })
}

impl Request {
    /// Fills a variable of the path.
    pub fn path(mut self, name: &str, value: &str) -> Self {
        self.0.path.push(pair(name, value));
        self
    }

    /// Adds a query pair.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.0.query.push(pair(name, value));
        self
    }

    /// Sets a header that the manifest lists.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.push(pair(name, value));
        self
    }

    /// Sends this as the JSON body.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self, Error> {
        let bytes = serde_json::to_vec(body).map_err(|e| crate::error(ErrorKind::Other, e.to_string()))?;
        self.0.body = Some(bytes);
        Ok(self)
    }

    /// Sends it; any status is a reply.
    pub fn send(self) -> Result<Reply, Error> {
        let endpoint = self.0.endpoint.clone();
        match wit::send(&self.0) {
            Ok(reply) => Ok(Reply { endpoint, reply }),
            Err(error) => Err(send_error(&endpoint, error)),
        }
    }
}

fn pair(name: &str, value: &str) -> Pair {
    Pair { name: name.to_owned(), value: value.to_owned() }
}

fn send_error(endpoint: &str, error: wit::SendError) -> Error {
    let (kind, text) = match error {
        wit::SendError::Refused(text) => (ErrorKind::Unsupported, text),
        wit::SendError::Unsent(text) | wit::SendError::Unanswered(text) => (ErrorKind::Transient, text),
    };
    crate::error(kind, format!("{endpoint}: {text}"))
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    endpoint: String,
    reply: wit::Reply,
}

impl Reply {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.reply.status
    }

    /// A header by its lower case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.reply.headers.iter().find(|pair| pair.name == name).map(|pair| pair.value.as_str())
    }

    /// The body's bytes.
    pub fn body(&self) -> &[u8] {
        &self.reply.body
    }

    /// The reply itself if its status is 2xx, else the error that the status stands for.
    pub fn ok(self) -> Result<Self, Error> {
        if (200..300).contains(&self.reply.status) { Ok(self) } else { Err(self.error()) }
    }

    /// The body of a 2xx as JSON.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let reply = self.ok()?;
        serde_json::from_slice(&reply.reply.body).map_err(|source| Error {
            status: Some(reply.reply.status),
            ..crate::error(ErrorKind::Upstream, format!("{}: the reply is not as documented: {source}", reply.endpoint))
        })
    }

    fn error(&self) -> Error {
        let status = self.reply.status;
        let retry_after = self.header("retry-after").and_then(|text| text.trim().parse().ok());
        let text = String::from_utf8_lossy(&self.reply.body);
        let text: String = text.chars().take(ERROR_CHARACTERS).collect();
        let message = format!("{}: {}", self.endpoint, text.trim());
        Error { status: Some(status), retry_after, ..crate::error(kind_of(status), message) }
    }
}

/// The kind of error that an HTTP status stands for (RFC 9110 section 15, RFC 6585 section 4).
pub fn kind_of(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Denied,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::ZoneNotFound,
        409 | 412 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        408 | 500..=599 => ErrorKind::Transient,
        _ => ErrorKind::Upstream,
    }
}

const ERROR_CHARACTERS: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        let headers = vec![pair("retry-after", "17")];
        Reply { endpoint: "zone".into(), reply: wit::Reply { status, headers, body: body.into() } }
    }

    #[test]
    fn a_status_becomes_the_kind_of_error_it_stands_for() {
        for (status, kind) in [
            (401, ErrorKind::Denied),
            (403, ErrorKind::Forbidden),
            (404, ErrorKind::ZoneNotFound),
            (409, ErrorKind::Conflict),
            (429, ErrorKind::RateLimited),
            (503, ErrorKind::Transient),
            (422, ErrorKind::Upstream),
        ] {
            let error = reply(status, "the API's words").ok().expect_err("an error");
            assert_eq!(error.kind, kind, "{status}");
            assert_eq!((error.status, error.retry_after), (Some(status), Some(17)));
            assert!(error.message.contains("the API's words"));
        }
    }

    #[test]
    fn a_2xx_that_is_not_json_is_the_apis_fault() {
        let error = reply(200, "<html>").json::<serde_json::Value>().expect_err("an error");
        assert_eq!(error.kind, ErrorKind::Upstream);
        assert_eq!(reply(200, "[1]").json::<Vec<u8>>().expect("a list"), [1]);
    }
}
