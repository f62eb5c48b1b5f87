//! What the CA says when it refuses: problem documents (RFC 9457) of the types of RFC 8555 section 6.7.

use http::HeaderName;
use serde_json::{Value, json};

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem {
    pub(super) kind: &'static str,
    pub(super) status: u16,
    pub(super) detail: String,
    /// Identifier and refusal, RFC 8555 section 6.7.1.
    pub(super) subproblems: Vec<(String, Problem)>,
    /// Members of this type of problem alone.
    pub(super) extra: Vec<(&'static str, Value)>,
    /// Headers that go with it.
    pub(super) headers: Vec<(HeaderName, String)>,
}

impl Problem {
    pub(super) fn new(status: u16, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, status, detail: detail.into(), subproblems: Vec::new(), extra: Vec::new(), headers: Vec::new() }
    }

    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(400, "malformed", detail)
    }

    pub(super) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(403, "unauthorized", detail)
    }

    pub(super) fn bad_nonce(detail: impl Into<String>) -> Self {
        Self::new(400, "badNonce", detail)
    }

    pub(super) fn bad_csr(detail: impl Into<String>) -> Self {
        Self::new(400, "badCSR", detail)
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(404, "malformed", format!("there is no such {what}"))
    }

    pub(super) fn internal(detail: impl Into<String>) -> Self {
        Self::new(500, "serverInternal", detail)
    }

    /// The document.
    pub(super) fn json(&self) -> Value {
        let mut document = json!({"type": self.urn(), "detail": self.detail, "status": self.status});
        if !self.subproblems.is_empty() {
            document["subproblems"] = self
                .subproblems
                .iter()
                .map(|(name, problem)| {
                    json!({"type": problem.urn(), "detail": problem.detail,
                        "identifier": {"type": "dns", "value": name}})
                })
                .collect();
        }
        for (member, value) in &self.extra {
            document[*member] = value.clone();
        }
        document
    }

    fn urn(&self) -> String {
        format!("urn:ietf:params:acme:error:{}", self.kind)
    }
}
