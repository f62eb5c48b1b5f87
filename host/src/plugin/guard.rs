//! Holds a provider to its manifest and to the TXT records of its call.
//!
//! What replies show are facts; what a request would do are effects. Before a request is sent, its effects are netted
//! against the facts of the call to records added and removed, and each of these must be a TXT value of the call:
//! added only in `present`, removed only in `cleanup`.

mod effects;
mod facts;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

pub use crate::plugin::manifest::{Capture, CapturePlace, Fill, Sink, SinkPlace};

use crate::plugin::guard::effects::Change;
use crate::plugin::guard::facts::{Facts, Place};
use crate::plugin::manifest::{Endpoint, Leaf, Manifest, Segment};
use crate::plugin::template::{Piece, Template};
use crate::plugin::tree::{self, Format};
use crate::plugin::wire::{GuestRequest, Part, Scope, UNRESERVED};

/// The guard of one call.
#[derive(Debug)]
pub struct Guard {
    manifest: Arc<Manifest>,
    settings: BTreeMap<String, String>,
    scope: Scope,
    facts: Facts,
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
    /// Headers of the guest.
    pub headers: Vec<(String, String)>,
    /// The body as the guest gave it.
    pub body: Option<Vec<u8>>,
    /// What the host says of the body.
    pub content_type: Option<&'static str>,
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
    changes: Vec<Change>,
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
        Ok(Self { manifest, settings: settings.iter().cloned().collect(), scope, facts })
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
        let variables = self.variables(request, endpoint)?;
        let query = self.query(request, endpoint)?;
        let sinks: Vec<Sink> = self.sinks(endpoint);
        check_headers(
            request,
            endpoint,
            self.manifest.origins.get(&endpoint.origin).map_or(&[], |o| &o.headers),
            &sinks,
        )?;
        check_injections(request, &sinks)?;
        let body = self.body(request, endpoint, &sinks)?;
        let view = RequestView { variables: &variables, query: &query, body: body.as_ref(), guard: self };
        if let Some(zone) = &endpoint.zone {
            self.check_zone(zone, endpoint, &view)?;
        }
        effects::check_covered(endpoint, &view)?;
        let place = Place { origin: endpoint.origin.clone(), variables: variables.clone() };
        let changes = effects::changes(endpoint, &view, &self.facts, &place, self.scope.zone.as_ref())?;
        effects::check(&changes, &self.scope)?;
        Ok(Admitted {
            endpoint: request.endpoint.clone(),
            method: endpoint.method.clone(),
            origin: endpoint.origin.clone(),
            path: self.path(endpoint, &variables)?,
            query,
            headers: request.headers.clone(),
            body: request.body.clone(),
            content_type: endpoint.has_body.then_some("application/json"),
            body_format: Format::Json,
            sinks,
            inject: request.inject.clone(),
            captures: endpoint.captures.clone(),
            reply_format: endpoint.reply,
            reply_limit: endpoint.reply_limit,
            variables,
            changes,
        })
    }

    /// Learns from a reply, and from the request once it has succeeded.
    pub fn observe(&mut self, admitted: &Admitted, status: u16, body: &[u8]) -> Result<(), Withheld> {
        let Some(endpoint) = self.manifest.clone().endpoints.get(&admitted.endpoint).cloned() else { return Ok(()) };
        let Some(zone) = self.scope.zone.clone() else { return Ok(()) };
        let place = Place { origin: admitted.origin.clone(), variables: admitted.variables.clone() };
        let succeeded = (200..300).contains(&status);
        if succeeded {
            self.facts.apply(&place, &admitted.changes);
        }
        let shown = if endpoint.absent.contains(&status) { Some(Value::Null) } else { None };
        let shows_facts = endpoint.zones.is_some() || endpoint.rows.is_some();
        let tree = match shown {
            Some(nothing) => nothing,
            None if succeeded && shows_facts && endpoint.reply == Format::Json => match tree::parse(body) {
                Ok(Value::Null) | Err(_) => return Ok(()),
                Ok(tree) => tree,
            },
            None => return Ok(()),
        };
        let request_body = admitted.body.as_deref().and_then(|body| tree::parse(body).ok());
        let view = RequestView {
            variables: &admitted.variables,
            query: &admitted.query,
            body: request_body.as_ref(),
            guard: self,
        };
        let learned = facts::learn(&endpoint, &view, &tree, &zone);
        self.facts.take(&place, learned);
        Ok(())
    }

    /// What later calls about the same records may rely on.
    pub fn memory(&self) -> Vec<u8> {
        self.facts.memory(&self.scope)
    }

    fn variables(&self, request: &GuestRequest, endpoint: &Endpoint) -> Result<BTreeMap<String, String>, String> {
        let mut variables = BTreeMap::new();
        for (name, value) in &request.path {
            if !endpoint.path.contains(&Segment::Variable(name.clone())) {
                return Err(format!("the path has no variable {name:?}"));
            }
            if value.is_empty()
                || value == "."
                || value == ".."
                || value.chars().any(|c| c == '/' || c == '\\' || c.is_control())
            {
                return Err(format!("the path variable {name:?} is not one plain segment"));
            }
            if variables.insert(name.clone(), value.clone()).is_some() {
                return Err(format!("the path variable {name:?} is given twice"));
            }
        }
        Ok(variables)
    }

    fn path(&self, endpoint: &Endpoint, variables: &BTreeMap<String, String>) -> Result<String, String> {
        let mut path = String::new();
        for segment in &endpoint.path {
            let text = match segment {
                Segment::Literal(text) => text,
                Segment::Variable(name) => {
                    variables.get(name).ok_or_else(|| format!("the path variable {name:?} is missing"))?
                }
                Segment::Setting(name) => {
                    self.settings.get(name).ok_or_else(|| format!("the setting {name:?} is missing"))?
                }
            };
            path.push('/');
            path.extend(percent_encoding::utf8_percent_encode(text, UNRESERVED));
        }
        Ok(path)
    }

    fn query(&self, request: &GuestRequest, endpoint: &Endpoint) -> Result<Vec<(String, String)>, String> {
        let mut query: Vec<(String, String)> = Vec::new();
        for (name, value) in &request.query {
            let Some((_, fixed)) = endpoint.query.iter().find(|(allowed, _)| allowed == name) else {
                return Err(format!("the query key {name:?} is not listed; add it to `query`"));
            };
            if query.iter().any(|(other, _)| other == name) {
                return Err(format!("the query key {name:?} is given twice"));
            }
            if fixed.as_ref().is_some_and(|fixed| self.fixed(fixed).as_ref() != Some(value)) {
                return Err(format!("the query key {name:?} has another value than the manifest fixes"));
            }
            query.push((name.clone(), value.clone()));
        }
        for (name, fixed) in &endpoint.query {
            let Some(fixed) = fixed else { continue };
            if !query.iter().any(|(other, _)| other == name) {
                let value = self.fixed(fixed).ok_or_else(|| format!("the query key {name:?} lacks its setting"))?;
                query.push((name.clone(), value));
            }
        }
        Ok(query)
    }

    fn fixed(&self, template: &Template) -> Option<String> {
        let lookup = |piece: &Piece| match piece {
            Piece::Setting(name) => self.settings.get(name).cloned().into_iter().collect(),
            _ => Vec::new(),
        };
        if template.0.is_empty() { Some(String::new()) } else { template.render(&lookup).into_iter().next() }
    }

    fn sinks(&self, endpoint: &Endpoint) -> Vec<Sink> {
        let mut sinks = endpoint.sinks.clone();
        if let Some(origin) = self.manifest.origins.get(&endpoint.origin) {
            let more = origin.sinks.iter().filter(|sink| !endpoint.sinks.iter().any(|own| own.place == sink.place));
            sinks.extend(more.cloned());
        }
        sinks
    }

    fn body(&self, request: &GuestRequest, endpoint: &Endpoint, sinks: &[Sink]) -> Result<Option<Value>, String> {
        let Some(bytes) = &request.body else { return Ok(None) };
        if !endpoint.has_body {
            return Err("the endpoint takes no body".into());
        }
        let tree = tree::parse(bytes).map_err(|error| error.to_string())?;
        let written = effects::body_paths(endpoint);
        for (path, value) in tree::leaves(&tree) {
            if sinks.iter().any(|sink| sink.place == SinkPlace::Body(path.clone())) {
                return Err(format!("the body's {path} is filled by the host"));
            }
            if (written.contains(&path) && tree::leaf_text(value).is_some()) || is_empty_list(&path, value, &written) {
                continue;
            }
            let leaf =
                endpoint.also.get(&path).ok_or_else(|| format!("the body's {path} is not listed; add it to `also`"))?;
            check_leaf(&path, *leaf, value, self.scope.max_ttl)?;
        }
        Ok(Some(tree))
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

fn is_empty_list(path: &str, value: &Value, written: &[String]) -> bool {
    let empty = value.as_array().is_some_and(Vec::is_empty);
    empty && written.iter().any(|other| other.starts_with(&format!("{path}/*")))
}

fn check_leaf(path: &str, leaf: Leaf, value: &Value, max_ttl: u32) -> Result<(), String> {
    let fits = match leaf {
        Leaf::Number => value.is_number(),
        Leaf::Text => value.is_string(),
        Leaf::Bool => value.is_boolean(),
        Leaf::Ttl => value.as_u64().is_some_and(|ttl| ttl <= u64::from(max_ttl)),
    };
    if fits { Ok(()) } else { Err(format!("the body's {path} is not a {leaf:?} as the manifest says")) }
}

fn check_headers(request: &GuestRequest, endpoint: &Endpoint, origin: &[String], sinks: &[Sink]) -> Result<(), String> {
    let mut seen: Vec<String> = Vec::new();
    for (name, _) in &request.headers {
        let name = name.to_ascii_lowercase();
        if !endpoint.headers.iter().chain(origin).any(|allowed| allowed.eq_ignore_ascii_case(&name)) {
            return Err(format!("the header {name:?} is not listed; add it to `headers`"));
        }
        if seen.contains(&name) || sinks.iter().any(|sink| sink.place == SinkPlace::Header(name.clone())) {
            return Err(format!("the header {name:?} is given twice, or filled by the host"));
        }
        seen.push(name);
    }
    Ok(())
}

fn check_injections(request: &GuestRequest, sinks: &[Sink]) -> Result<(), String> {
    for (index, (place, _)) in request.inject.iter().enumerate() {
        let sink = sinks.iter().find(|sink| sink.text.eq_ignore_ascii_case(place));
        match sink.map(|sink| &sink.fill) {
            None => return Err(format!("{place} is not a sink of this endpoint; add it to `secrets`")),
            Some(Fill::Template(_)) => return Err(format!("{place} is filled by the manifest's own template")),
            Some(Fill::Classes(_)) => {}
        }
        if request.inject[..index].iter().any(|(other, _)| other.eq_ignore_ascii_case(place)) {
            return Err(format!("{place} is injected twice"));
        }
    }
    Ok(())
}

/// A request as templates look into it.
struct RequestView<'a> {
    variables: &'a BTreeMap<String, String>,
    query: &'a [(String, String)],
    body: Option<&'a Value>,
    guard: &'a Guard,
}

impl RequestView<'_> {
    /// The texts of a template; `row` is what `{/a}` looks into.
    fn texts(&self, template: &Template, row: Option<&Value>) -> Vec<String> {
        template.render(&|piece| self.lookup(piece, row))
    }

    fn lookup(&self, piece: &Piece, row: Option<&Value>) -> Vec<String> {
        match piece {
            Piece::Literal(text) => vec![text.clone()],
            Piece::Path(name) => self.variables.get(name).cloned().into_iter().collect(),
            Piece::Query(name) => self.query.iter().filter(|(key, _)| key == name).map(|(_, v)| v.clone()).collect(),
            Piece::Body(path) => self.body.map(|body| selected_texts(body, path)).unwrap_or_default(),
            Piece::Row(path) => row.map(|row| selected_texts(row, path)).unwrap_or_default(),
            Piece::Zone => self.guard.scope.zone.iter().map(ToString::to_string).collect(),
            Piece::Setting(name) => self.guard.settings.get(name).cloned().into_iter().collect(),
            Piece::Name => Vec::new(),
        }
    }
}

fn selected_texts(value: &Value, path: &str) -> Vec<String> {
    tree::select(value, path).into_iter().filter_map(tree::leaf_text).collect()
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
