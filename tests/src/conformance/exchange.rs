//! What a provider asks a mock and what it is answered, kept for those who judge it afterwards: official descriptions
//! and implementations that are not ours.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use acmite_lab::api::{Reply, Request};
use serde::Serialize;
use serde_json::Value;

use crate::conformance::adapters::Rules;

/// One request and its answer, with the mock's credential in it.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange {
    /// Unix time in seconds.
    pub at: u64,
    /// Upper case.
    pub method: String,
    /// As sent, without the query.
    pub path: String,
    /// As sent, without the question mark.
    pub query: String,
    /// The names in lower case.
    pub headers: BTreeMap<String, String>,
    /// As sent.
    pub body: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// `Null` is no body, a string is XML.
    pub reply: Value,
}

impl Exchange {
    fn new(request: &Request, reply: &Reply) -> Self {
        let Request { method, path, query_text, headers, body, .. } = request.clone();
        let Reply { status, body: reply } = reply.clone();
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { at, method, path, query: query_text, headers, body, status, reply }
    }
}

/// All exchanges of a case, or of several with the same adapter; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Exchanges(Arc<Mutex<Vec<Exchange>>>);

impl Exchanges {
    /// The same rules; what they answer is kept. A fault of the lab that comes before them is not.
    pub fn recording(&self, rules: Rules) -> Rules {
        let kept = Arc::clone(&self.0);
        Box::new(move |request| {
            let reply = rules(request);
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(Exchange::new(request, &reply));
            reply
        })
    }

    /// Those so far, oldest first.
    pub fn all(&self) -> Vec<Exchange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
