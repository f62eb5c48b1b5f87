//! Requests to the manifest's endpoints, written like an HTTP client's.
//!
//! A request names an endpoint, never a URL; the host builds the URL, sets the content type and puts in the secrets
//! that the manifest places. Any status is a reply: [`Reply::ok`] and [`Reply::json`] make an error of all but 2xx.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::acmite::provider::http as wit;
use crate::error::{error, kind_of};
use crate::xml::{self, Element};
use crate::{Error, ErrorKind, Pair, Part, host};

/// A request to one endpoint.
#[derive(Clone, Debug)]
pub struct Request {
    wire: wit::Request,
    fault: Option<String>,
}

/// Begins a request to the endpoint with this id.
pub fn request(endpoint: &str) -> Request {
    let wire = wit::Request {
        endpoint: endpoint.to_owned(),
        path: Vec::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
        inject: Vec::new(),
    };
    Request { wire, fault: None }
}

/// Sends all, side by side as the manifest's rate limit allows; replies in the order of the requests.
///
/// All are checked before the first is sent: if a rule refuses one, none is sent.
pub fn send_all(requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
    if let Some(fault) = requests.iter().find_map(|request| request.fault.clone()) {
        return requests.iter().map(|_| Err(error(ErrorKind::Other, fault.clone()))).collect();
    }
    let wires: Vec<wit::Request> = requests.into_iter().map(|request| request.wire).collect();
    let replies = if wires.is_empty() { Vec::new() } else { host::send_all(&wires) };
    wires.into_iter().zip(replies).map(|(wire, reply)| received(wire.endpoint, reply)).collect()
}

impl Request {
    /// Fills a variable of the path; the host encodes it.
    pub fn path(mut self, name: &str, value: &str) -> Self {
        self.wire.path.push(pair(name, value));
        self
    }

    /// Adds a query pair; the host encodes it.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.wire.query.push(pair(name, value));
        self
    }

    /// Sets a header that the manifest lists.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.wire.headers.push(pair(name, value));
        self
    }

    /// Sends this as JSON, for an endpoint with `body = "json"`.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.wire.body = Some(bytes),
            Err(source) => self.fault = Some(format!("{}: the body is no JSON: {source}", self.wire.endpoint)),
        }
        self
    }

    /// Sends these pairs as a form (application/x-www-form-urlencoded), for an endpoint with `body = "form"`.
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        let encoded: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect();
        self.body(encoded.join("&").into_bytes())
    }

    /// Sends exactly these bytes: XML for an endpoint with `body = "xml"`, or JSON written by hand.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.wire.body = Some(bytes.into());
        self
    }

    /// Puts a computed value at a sink that the manifest gives as classes: "header:authorization", "body:/signature".
    pub fn inject(mut self, place: &str, parts: &[Part]) -> Self {
        self.wire.inject.push(wit::Injection { place: place.to_owned(), value: parts.to_vec() });
        self
    }

    /// The query as it stands, for a signature over it.
    pub(crate) fn query_pairs(&self) -> &[Pair] {
        &self.wire.query
    }

    /// The body as it stands, for a signature over it.
    pub(crate) fn body_bytes(&self) -> &[u8] {
        self.wire.body.as_deref().unwrap_or_default()
    }

    /// Sends it; any status is a reply.
    pub fn send(self) -> Result<Reply, Error> {
        if let Some(fault) = self.fault {
            return Err(error(ErrorKind::Other, fault));
        }
        let reply = host::send(&self.wire);
        received(self.wire.endpoint, reply)
    }
}

/// All but A-Z a-z 0-9 - . _ ~ as %XX (RFC 3986 section 2.3), as the host encodes too.
pub(crate) fn percent(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.extend(['%', DIGITS[usize::from(byte >> 4)].into(), DIGITS[usize::from(byte & 15)].into()]);
        }
    }
    encoded
}

fn pair(name: &str, value: &str) -> Pair {
    Pair { name: name.to_owned(), value: value.to_owned() }
}

fn received(endpoint: String, reply: Result<wit::Reply, wit::SendError>) -> Result<Reply, Error> {
    match reply {
        Ok(wire) => Ok(Reply { endpoint, wire }),
        Err(wit::SendError::Refused(text)) => Err(error(ErrorKind::Unsupported, format!("{endpoint}: {text}"))),
        Err(wit::SendError::Unsent(text) | wit::SendError::Unanswered(text)) => {
            Err(error(ErrorKind::Transient, format!("{endpoint}: {text}")))
        }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    endpoint: String,
    wire: wit::Reply,
}

impl Reply {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.wire.status
    }

    /// Whether the status is 2xx.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.wire.status)
    }

    /// A header by its lower case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.wire.headers.iter().find(|pair| pair.name == name).map(|pair| pair.value.as_str())
    }

    /// The body's bytes.
    pub fn body(&self) -> &[u8] {
        &self.wire.body
    }

    /// The body's text, whatever the status.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.wire.body)
    }

    /// The body as JSON whatever the status; `None` if it is not of this shape.
    pub fn parse<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.wire.body).ok()
    }

    /// The reply itself if its status is 2xx, else the error that the status stands for.
    pub fn ok(self) -> Result<Self, Error> {
        self.ok_or(|_, error| error)
    }

    /// The same, with the error made more exact by what the API says in its body: its own code, a better kind, a hint.
    pub fn ok_or(self, refine: impl FnOnce(&Self, Error) -> Error) -> Result<Self, Error> {
        if self.is_ok() { Ok(self) } else { Err(refine(&self, self.error())) }
    }

    /// The body of a 2xx as JSON.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let reply = self.ok()?;
        serde_json::from_slice(&reply.wire.body).map_err(|source| {
            let message = format!("{}: the reply is not as documented: {source}", reply.endpoint);
            Error { status: Some(reply.wire.status), ..error(ErrorKind::Upstream, message) }
        })
    }

    /// The body of a 2xx as XML.
    pub fn xml(self) -> Result<Element, Error> {
        let reply = self.ok()?;
        xml::parse(&reply.text()).ok_or_else(|| {
            let message = format!("{}: the reply is not well-formed XML", reply.endpoint);
            Error { status: Some(reply.wire.status), ..error(ErrorKind::Upstream, message) }
        })
    }

    /// The error that the status stands for, with the API's words and its Retry-After in seconds.
    pub fn error(&self) -> Error {
        let status = self.wire.status;
        let retry_after = self.header("retry-after").and_then(|text| text.trim().parse().ok());
        let text: String = self.text().chars().take(ERROR_CHARACTERS).collect();
        let message = match text.trim() {
            "" => format!("{}: HTTP status {status}", self.endpoint),
            words => format!("{}: {words}", self.endpoint),
        };
        Error { status: Some(status), retry_after, ..error(kind_of(status), message) }
    }
}

const ERROR_CHARACTERS: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        let headers = vec![pair("retry-after", "17")];
        Reply { endpoint: "zone".into(), wire: wit::Reply { status, headers, body: body.into() } }
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
    fn an_error_is_refined_by_what_the_api_says() {
        #[derive(serde::Deserialize)]
        struct Told {
            code: String,
        }
        let refine = |reply: &Reply, error: Error| match reply.parse::<Told>() {
            Some(told) => error.of_kind(ErrorKind::Conflict).with_code(told.code),
            None => error,
        };
        let told = reply(400, r#"{"code":"busy"}"#).ok_or(refine).expect_err("an error");
        assert_eq!((told.kind, told.code.as_str()), (ErrorKind::Conflict, "busy"));
        assert_eq!(reply(400, "<html>").ok_or(refine).expect_err("an error").kind, ErrorKind::Upstream);
        assert_eq!(reply(204, "").ok_or(refine).expect("a reply").status(), 204);
    }

    #[test]
    fn a_2xx_that_is_not_json_is_the_apis_fault() {
        let error = reply(200, "<html>").json::<serde_json::Value>().expect_err("an error");
        assert_eq!(error.kind, ErrorKind::Upstream);
        assert_eq!(reply(200, "[1]").json::<Vec<u8>>().expect("a list"), [1]);
    }

    #[test]
    fn a_2xx_that_is_not_xml_is_the_apis_fault() {
        assert_eq!(reply(200, "{}").xml().expect_err("an error").kind, ErrorKind::Upstream);
        assert_eq!(reply(404, "<a/>").xml().expect_err("an error").kind, ErrorKind::ZoneNotFound);
        assert_eq!(reply(200, "<a>b</a>").xml().expect("an element").text, "b");
    }

    #[test]
    fn a_form_encodes_all_but_the_unreserved() {
        let form = request("set").form(&[("a b", "ä&=+"), ("c", "-._~")]);
        assert_eq!(form.wire.body.as_deref(), Some(&b"a%20b=%C3%A4%26%3D%2B&c=-._~"[..]));
    }
}
