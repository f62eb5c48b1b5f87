//! Holds a provider to its manifest and to the TXT records of its call.
//!
//! What replies show are facts; what a request would do are effects. Before a request is sent, its effects are netted
//! against the facts of the call to records added and removed, and each of these must be a TXT value of the call:
//! added only in `present`, removed only in `cleanup`.

mod body;
mod effects;
mod facts;
mod line;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use crate::plugin::manifest::{Capture, CapturePlace, Fill, Sink, SinkPlace};

use crate::plugin::guard::effects::{Case, Change};
use crate::plugin::guard::facts::Facts;
use crate::plugin::guard::view::RequestView;
use crate::plugin::manifest::{Endpoint, Manifest};
use crate::plugin::template::Template;
use crate::plugin::tree::{self, Format, Node, TreeError};
use crate::plugin::wire::{GuestRequest, Part, Scope};

/// The guard of one call.
#[derive(Debug)]
pub struct Guard {
    manifest: Arc<Manifest>,
    settings: BTreeMap<String, String>,
    scope: Scope,
    facts: Facts,
    has_written: bool,
}

/// A request that may be sent once its secrets are in place.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Id of the endpoint.
    pub endpoint: String,
    /// HTTP method.
    pub method: String,
    /// Id of the origin.
    pub origin: String,
    /// Encoded, beginning with '/'; goes after the origin's own path.
    pub path: String,
    /// Query pairs, not encoded.
    pub query: Vec<(String, String)>,
    /// Headers of the guest and those that the manifest fixes.
    pub headers: Vec<(String, String)>,
    /// The body as the guest gave it.
    pub body: Option<Vec<u8>>,
    /// How the body is written.
    pub body_format: Format,
    /// Where secrets go.
    pub sinks: Vec<Sink>,
    /// What the guest computed for sinks.
    pub inject: Vec<(String, Vec<Part>)>,
    /// What is cut out of the reply.
    pub captures: Vec<Capture>,
    /// How the reply is read.
    pub reply_format: Format,
    /// Bytes of the largest reply.
    pub reply_limit: usize,
    variables: BTreeMap<String, String>,
    tree: Option<Node>,
    changes: Vec<Change>,
}

impl Admitted {
    /// Whether it changes records.
    pub fn writes(&self) -> bool {
        !self.changes.is_empty()
    }
}

impl Guard {
    /// Begins a call; `memory` is what [`Guard::memory`] gave in an earlier one, or empty.
    pub fn new(
        manifest: Arc<Manifest>,
        settings: &[(String, String)],
        scope: Scope,
        memory: &[u8],
    ) -> Result<Self, GuardError> {
        let facts = Facts::remembered(memory).map_err(|source| GuardError::Memory { source })?;
        Ok(Self { manifest, settings: settings.iter().cloned().collect(), scope, facts, has_written: false })
    }

    /// Remembers that a change of records was sent, and not refused for certain.
    pub fn note_write(&mut self) {
        self.has_written = true;
    }

    /// Whether the call may have changed a record.
    pub fn has_written(&self) -> bool {
        self.has_written
    }

    /// Judges requests that are to be sent side by side; the first that is refused refuses all.
    pub fn admit_all(&self, requests: &[GuestRequest]) -> Result<Vec<Admitted>, (usize, Refusal)> {
        let mut admitted: Vec<Admitted> = Vec::new();
        for (index, request) in requests.iter().enumerate() {
            let one = self.admit(request).map_err(|refusal| (index, refusal))?;
            let twice = one.changes.iter().any(|change| {
                admitted.iter().flat_map(|other| &other.changes).any(|other| change.same_set_rewritten(other))
            });
            if twice {
                return Err((index, refuse(request, "two requests of one batch write the same set")));
            }
            admitted.push(one);
        }
        Ok(admitted)
    }

    fn admit(&self, request: &GuestRequest) -> Result<Admitted, Refusal> {
        let endpoint = self
            .manifest
            .endpoints
            .get(&request.endpoint)
            .ok_or_else(|| refuse(request, "the manifest has no such endpoint"))?;
        self.judge(request, endpoint).map_err(|rule| Refusal {
            endpoint: request.endpoint.clone(),
            method: endpoint.method.clone(),
            rule,
        })
    }

    fn judge(&self, request: &GuestRequest, endpoint: &Endpoint) -> Result<Admitted, String> {
        let variables = line::variables(request, endpoint)?;
        let query = self.query(request, endpoint)?;
        let sinks = self.sinks(endpoint);
        let headers = self.headers(request, endpoint, &sinks)?;
        line::check_injections(request, &sinks)?;
        let tree = self.body(request, endpoint, &sinks)?;
        let view =
            RequestView { variables: &variables, query: &query, headers: &headers, body: tree.as_ref(), guard: self };
        if let Some(zone) = &endpoint.zone {
            self.check_zone(zone, endpoint, &view)?;
        }
        effects::check_covered(endpoint, &view)?;
        let place = view.place(endpoint);
        self.check_same(endpoint, &view, &place)?;
        let case = Case { endpoint, view: &view, facts: &self.facts, place: &place, scope: &self.scope };
        let changes = case.changes()?;
        effects::check(&changes, &self.scope)?;
        Ok(Admitted {
            endpoint: request.endpoint.clone(),
            method: endpoint.method.clone(),
            origin: endpoint.origin.clone(),
            path: self.path(endpoint, &variables)?,
            query,
            headers,
            body: request.body.clone(),
            body_format: endpoint.body.unwrap_or(Format::Text),
            sinks,
            inject: request.inject.clone(),
            captures: endpoint.captures.clone(),
            reply_format: endpoint.reply,
            reply_limit: endpoint.reply_limit,
            variables,
            tree,
            changes,
        })
    }

    /// Learns from a reply, and from the request once it has succeeded.
    pub fn observe(&mut self, admitted: &Admitted, status: u16, body: &[u8]) -> Result<(), Withheld> {
        let Some(endpoint) = self.manifest.clone().endpoints.get(&admitted.endpoint).cloned() else { return Ok(()) };
        let Some(zone) = self.scope.zone.clone() else { return Ok(()) };
        let place = admitted.view(self).place(&endpoint);
        let succeeded = (200..300).contains(&status);
        if succeeded {
            self.facts.apply(&place, &admitted.changes);
        }
        let tree = match endpoint.absent.contains(&status) {
            true => Node::Null,
            false if succeeded && endpoint.reply != Format::Text => match tree::parse(body, endpoint.reply) {
                Err(error @ TreeError::TooManyNodes { .. }) => return Err(Withheld { rule: error.to_string() }),
                Ok(Node::Null) | Err(_) => return Ok(()),
                Ok(tree) => tree,
            },
            false => return Ok(()),
        };
        let learned = facts::learn(&endpoint, &admitted.view(self), &tree, &zone);
        self.facts.show(&place, self.manifest.shown_by(&admitted.endpoint), &tree);
        self.facts.take(&place, learned);
        Ok(())
    }

    /// What later calls about the same records may rely on.
    pub fn memory(&self) -> Vec<u8> {
        self.facts.memory(&self.scope)
    }

    fn sinks(&self, endpoint: &Endpoint) -> Vec<Sink> {
        let mut sinks = endpoint.sinks.clone();
        if let Some(origin) = self.manifest.origins.get(&endpoint.origin) {
            let more = origin.sinks.iter().filter(|sink| !endpoint.sinks.iter().any(|own| own.place == sink.place));
            sinks.extend(more.cloned());
        }
        sinks
    }

    /// The zone named must be the zone of the call: by its name, or by an id that was shown for it.
    fn check_zone(&self, zone: &Template, endpoint: &Endpoint, view: &RequestView<'_>) -> Result<(), String> {
        let apex = self.scope.zone.as_ref().ok_or("the call has no zone")?;
        let named = view.texts(zone, None);
        let is_ours = |text: &String| {
            text.trim_end_matches('.').eq_ignore_ascii_case(apex.as_str())
                || self.facts.has_zone_id(&endpoint.origin, text)
        };
        match !named.is_empty() && named.iter().all(is_ours) {
            true => Ok(()),
            false => Err(format!("it names the zone {named:?}, which was not shown to be {apex}")),
        }
    }
}

impl Admitted {
    fn view<'a>(&'a self, guard: &'a Guard) -> RequestView<'a> {
        RequestView {
            variables: &self.variables,
            query: &self.query,
            headers: &self.headers,
            body: self.tree.as_ref(),
            guard,
        }
    }
}

fn refuse(request: &GuestRequest, rule: &str) -> Refusal {
    Refusal { endpoint: request.endpoint.clone(), method: String::new(), rule: rule.to_owned() }
}

/// A request that may not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{method} endpoint.{endpoint} is refused: {rule}")]
pub struct Refusal {
    /// Id of the endpoint.
    pub endpoint: String,
    /// HTTP method, if the endpoint is known.
    pub method: String,
    /// The rule that refuses it.
    pub rule: String,
}

/// A reply that may not be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct Withheld {
    /// The rule that withholds it.
    pub rule: String,
}

/// Why a call cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// What was kept cannot be read.
    #[error("the facts kept of an earlier call are damaged")]
    Memory {
        /// What is wrong.
        source: serde_json::Error,
    },
}

#[cfg(test)]
mod tests;
