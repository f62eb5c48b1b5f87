//! What the CA knows, and what passes between its parts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::task::JoinSet;

use super::account::Account;
use super::authorization::Authorization;
use super::certificate::Certificate;
use super::fault::{Endpoint, Faults, RequestLog};
use super::issuer::Issuer;
use super::jws::Jwk;
use super::nonce::Nonces;
use super::options::CaOptions;
use super::order::Order;
use super::problem::Problem;
use super::validation::Validator;

/// Everything behind the listener.
pub(super) struct Shared {
    /// `https://127.0.0.1:PORT`.
    pub(super) base: String,
    pub(super) options: CaOptions,
    pub(super) issuer: Issuer,
    pub(super) validator: Validator,
    state: Mutex<State>,
    /// Validations and issuances under way; they end with the CA.
    tasks: Mutex<JoinSet<()>>,
}

pub(super) struct State {
    pub(super) nonces: Nonces,
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) authorizations: BTreeMap<String, Authorization>,
    pub(super) certificates: BTreeMap<String, Certificate>,
    pub(super) renewal_window: Option<(OffsetDateTime, OffsetDateTime)>,
    pub(super) faults: Faults,
    pub(super) log: Vec<RequestLog>,
    pub(super) rewrite: Option<Arc<Rewrite>>,
}

/// Changes replies, each to a request for the resource that is named.
pub(super) type Rewrite = dyn Fn(Endpoint, &mut Reply) + Send + Sync;

/// A reply about to be sent.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// All but what the server itself adds.
    pub headers: HeaderMap,
    /// JSON, a chain of certificates, or nothing.
    pub body: Vec<u8>,
}

impl Shared {
    pub(super) fn new(base: String, options: CaOptions, issuer: Issuer, validator: Validator) -> Self {
        let state = State {
            nonces: Nonces::new(options.refused_nonces_percent),
            accounts: BTreeMap::new(),
            orders: BTreeMap::new(),
            authorizations: BTreeMap::new(),
            certificates: BTreeMap::new(),
            renewal_window: None,
            faults: Faults::default(),
            log: Vec::new(),
            rewrite: None,
        };
        Self { base, options, issuer, validator, state: Mutex::new(state), tasks: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    pub(super) fn stop(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// What stands behind the last slash of one of the CA's own URLs of this kind.
    pub(super) fn id_of<'a>(&self, kind: &str, url: &'a str) -> Option<&'a str> {
        let id = url.rsplit('/').next()?;
        let path = self.url(&format!("{kind}/{id}"));
        (url == path || url == path.replacen("127.0.0.1", "localhost", 1)).then_some(id)
    }

    pub(super) fn retry_after(&self) -> Option<u32> {
        whole_seconds(self.options.retry_after)
    }
}

/// For a Retry-After header; `None` for zero.
pub(super) fn whole_seconds(duration: Duration) -> Option<u32> {
    u32::try_from(duration.as_secs()).ok().filter(|seconds| *seconds > 0)
}

/// A signed request whose signature, nonce and URL were found good.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) key: Jwk,
    /// The account's id, where the request named one.
    pub(super) account: Option<String>,
    pub(super) url: String,
    /// `None` for POST-as-GET.
    pub(super) payload: Option<Value>,
}

impl Signed {
    pub(super) fn account(&self) -> Result<&str, Problem> {
        self.account.as_deref().ok_or_else(|| Problem::malformed("the request needs a kid, the account's URL"))
    }

    pub(super) fn payload(&self) -> Result<&Value, Problem> {
        self.payload.as_ref().ok_or_else(|| Problem::malformed("the request needs a payload"))
    }

    pub(super) fn without_payload(&self) -> Result<(), Problem> {
        match self.payload {
            None => Ok(()),
            Some(_) => Err(Problem::malformed("the resource is read by POST-as-GET, with an empty payload")),
        }
    }
}

/// What the CA answers with.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: AnswerBody,
    pub(super) location: Option<String>,
    /// Header values.
    pub(super) links: Vec<String>,
    pub(super) retry_after: Option<u32>,
}

#[derive(Debug)]
pub(super) enum AnswerBody {
    Empty,
    Json(Value),
    Chain(String),
}

impl Answer {
    pub(super) fn json(status: u16, value: Value) -> Self {
        Self { status, body: AnswerBody::Json(value), location: None, links: Vec::new(), retry_after: None }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { body: AnswerBody::Empty, ..Self::json(status, Value::Null) }
    }

    pub(super) fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    pub(super) fn after(mut self, seconds: Option<u32>) -> Self {
        self.retry_after = seconds;
        self
    }
}

/// RFC 3339 without fraction.
pub(super) fn timestamp(time: OffsetDateTime) -> String {
    time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339).expect("the year has four digits")
}
