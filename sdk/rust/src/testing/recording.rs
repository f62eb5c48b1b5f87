//! How a script is written.

use std::collections::VecDeque;

use crate::bindings::acmite::provider::dns_update::UpdateError;
use crate::bindings::acmite::provider::http::{Reply, SendError};
use crate::testing::NOW;
use crate::testing::script::{self, Body, HttpStep, Script, Step};
use crate::{Context, Pair, Txt};

/// What a provider will ask, in order, and what it is answered.
#[derive(Debug, Default)]
pub struct Recording {
    steps: VecDeque<Step>,
    secrets: Vec<(String, Option<Vec<u8>>)>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Ran<T> {
    /// What the provider returned.
    pub result: T,
    /// Its calls of [`crate::secret`], as "hmac(sha256, #1, 20261124) -> #2"; a secret is its number.
    pub secret_calls: Vec<String>,
    /// Its log lines.
    pub log: Vec<String>,
}

impl Recording {
    /// Expects nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Next comes a request to `endpoint`; it is answered so. What it holds is said by the calls that follow.
    pub fn reply(self, endpoint: &str, status: u16, body: &str) -> Self {
        self.request(endpoint, Ok(Reply { status, headers: Vec::new(), body: body.into() }))
    }

    /// Next comes a request that a rule refuses.
    pub fn refused(self, endpoint: &str, rule: &str) -> Self {
        self.request(endpoint, Err(SendError::Refused(rule.to_owned())))
    }

    /// Next comes a request that finds no connection.
    pub fn unsent(self, endpoint: &str, text: &str) -> Self {
        self.request(endpoint, Err(SendError::Unsent(text.to_owned())))
    }

    /// Next comes a request that is sent and not answered.
    pub fn unanswered(self, endpoint: &str, text: &str) -> Self {
        self.request(endpoint, Err(SendError::Unanswered(text.to_owned())))
    }

    /// The last request fills this variable of the path.
    pub fn path(self, name: &str, value: &str) -> Self {
        self.last(|step| step.path.push(pair(name, value)))
    }

    /// The last request has this query pair; pairs are compared in order.
    pub fn query(self, name: &str, value: &str) -> Self {
        self.last(|step| step.query.push(pair(name, value)))
    }

    /// The last request has this header.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.last(|step| step.headers.push(pair(name, value)))
    }

    /// The last request's body is this JSON, however it is spaced and ordered.
    pub fn json(self, body: serde_json::Value) -> Self {
        self.last(|step| step.body = Body::Json(body))
    }

    /// The last request's body is exactly this text: a form, XML.
    pub fn body(self, text: &str) -> Self {
        self.last(|step| step.body = Body::Exact(text.to_owned()))
    }

    /// The last request injects this at a sink; a secret of unknown value is its number: "Signature=#3".
    pub fn inject(self, place: &str, text: &str) -> Self {
        self.last(|step| step.inject.push(pair(place, text)))
    }

    /// The reply to the last request has this header; the name in lower case.
    pub fn reply_header(self, name: &str, value: &str) -> Self {
        self.last(|step| {
            if let Ok(reply) = &mut step.outcome {
                reply.headers.push(pair(name, value));
            }
        })
    }

    /// Next comes a DNS update with these changes, as (name, value).
    pub fn update(self, additions: &[Txt], deletions: &[Txt], outcome: Result<(), UpdateError>) -> Self {
        self.step(Step::Update { additions: additions.to_vec(), deletions: deletions.to_vec(), outcome })
    }

    /// Next comes a question whether the server is authoritative.
    pub fn probe(self, outcome: Result<bool, UpdateError>) -> Self {
        self.step(Step::Probe { outcome })
    }

    /// There is a secret field, or a captured secret, of this name.
    pub fn secret(mut self, name: &str) -> Self {
        self.secrets.push((name.to_owned(), None));
        self
    }

    /// The same with its value, so that what is made of it is computed, and compared as it is where it is injected.
    pub fn secret_value(mut self, name: &str, value: &str) -> Self {
        self.secrets.push((name.to_owned(), Some(value.into())));
        self
    }

    /// Runs `provider` on this script.
    ///
    /// # Panics
    /// If a request is not as written here, or one that is written here did not come.
    pub fn run<T>(self, provider: impl FnOnce() -> T) -> Ran<T> {
        let running = script::start(Script::new(self.steps, self.secrets));
        let result = provider();
        let script = running.finish();
        assert!(script.steps.is_empty(), "these requests did not come: {:#?}", script.steps);
        Ran { result, secret_calls: script.secret_calls, log: script.log }
    }

    fn request(self, endpoint: &str, outcome: Result<Reply, SendError>) -> Self {
        self.step(Step::Http(Box::new(HttpStep::new(endpoint, outcome))))
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }

    fn last(mut self, change: impl FnOnce(&mut HttpStep)) -> Self {
        let Some(Step::Http(step)) = self.steps.back_mut() else {
            panic!("what a request holds is said after the request: begin with reply(..)")
        };
        change(step);
        self
    }
}

/// A call's context for this zone, with fixed time, random bytes and TTL, and these settings.
pub fn context(zone: &str, settings: &[(&str, &str)]) -> Context {
    Context {
        zone: zone.to_owned(),
        settings: settings.iter().map(|(name, value)| pair(name, value)).collect(),
        origins: vec![pair("api", "https://api.example")],
        ttl: 60,
        now: NOW,
        random: vec![7; 32],
    }
}

/// One value at one name.
pub fn txt(name: &str, value: &str) -> Txt {
    Txt { name: name.to_owned(), value: value.to_owned() }
}

fn pair(name: &str, value: &str) -> Pair {
    Pair { name: name.to_owned(), value: value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    fn fails(recording: Recording, request: impl FnOnce() -> http::Request + std::panic::UnwindSafe) -> String {
        let recording = std::panic::AssertUnwindSafe(recording);
        let panic = std::panic::catch_unwind(|| {
            let recording = recording;
            recording.0.run(|| request().send().map(|_| ()))
        });
        let panic = panic.expect_err("a failure");
        panic.downcast_ref::<String>().cloned().unwrap_or_default()
    }

    fn expecting() -> Recording {
        Recording::new()
            .reply("zone", 200, "{}")
            .path("zone", "z")
            .query("type", "TXT")
            .json(serde_json::json!({"a": 1}))
    }

    fn asking() -> http::Request {
        http::request("zone").path("zone", "z").query("type", "TXT").body("{ \"a\": 1 }")
    }

    #[test]
    fn a_request_as_written_is_answered() {
        assert!(expecting().run(|| asking().send()).result.is_ok());
    }

    #[test]
    fn a_request_that_differs_in_anything_fails() {
        assert!(fails(expecting(), || http::request("zones")).contains("endpoint"));
        assert!(fails(expecting(), || asking().path("more", "x")).contains("path"));
        assert!(fails(expecting(), || asking().query("more", "x")).contains("query"));
        assert!(fails(expecting(), || asking().header("x-more", "x")).contains("headers"));
        assert!(fails(expecting(), || asking().body("{}")).contains("body"));
        assert!(fails(expecting(), || asking().inject("header:x", &[])).contains("inject"));
        assert!(fails(Recording::new(), asking).contains("one more"));
    }

    #[test]
    fn a_request_that_does_not_come_fails() {
        let text = fails(expecting().reply("other", 200, ""), asking);
        assert!(text.contains("did not come") && text.contains("other"), "{text}");
    }

    #[test]
    fn a_failed_run_leaves_no_script_behind() {
        fails(expecting(), || http::request("zones"));
        assert!(Recording::new().run(|| ()).log.is_empty());
    }
}
