//! What may be asked of an origin and what it means, in checked types.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::plugin::template::{self, Template};
use crate::plugin::tree::Format;

/// A place that takes a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// Where.
    pub place: SinkPlace,
    /// As the manifest writes it: "header:authorization".
    pub text: String,
    /// By what.
    pub fill: Fill,
    /// Whether it is left out where its fields have no value.
    pub optional: bool,
}

/// Where a secret goes in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the parts of a request by their own names")]
pub enum SinkPlace {
    Header(String),
    Query(String),
    Body(String),
    Cookie(String),
}

/// What fills a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fill {
    /// The host, by this template.
    Template(String),
    /// The guest, by a computed secret of these classes.
    Classes(Vec<String>),
}

impl Fill {
    /// The fields and captures that it is made of.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Template(template) => template::field_names(template).collect(),
            Self::Classes(classes) => {
                classes.iter().filter_map(|class| class.split_once(' ')).map(|(_, name)| name).collect()
            }
        }
    }
}

/// What is cut out of a reply before the guest sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// "endpoint.name".
    pub name: String,
    /// Where it stands.
    pub place: CapturePlace,
    /// Whether it outlives the call.
    pub for_run: bool,
}

/// Where a secret stands in a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the parts of a reply by their own names")]
pub enum CapturePlace {
    Body(String),
    Header(String),
    Cookie(String),
}

/// One request line and all that may stand in it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Id of the origin.
    pub origin: String,
    /// HTTP method.
    pub method: String,
    /// Segments of the path.
    pub path: Vec<Segment>,
    /// Query keys, with the value where it is fixed.
    pub query: Vec<(String, Option<Template>)>,
    /// Headers a guest may set beside the origin's, in lower case, with the value where it is fixed.
    pub headers: Vec<(String, Option<Template>)>,
    /// How the body is written, if there may be one.
    pub body: Option<Format>,
    /// How the reply is read.
    pub reply: Format,
    /// Bytes of the largest reply.
    pub reply_limit: usize,
    /// Leaves of the body beside those of the effects, with what may stand there.
    pub also: BTreeMap<String, Leaf>,
    /// Leaves of the body that must be there with this text.
    pub fixed: BTreeMap<String, Template>,
    /// Leaves of the body that must be as a reply showed them.
    pub same: BTreeMap<String, Shown>,
    /// What must be the zone of the call.
    pub zone: Option<Template>,
    /// Zones that the reply shows.
    pub zones: Option<ZoneFacts>,
    /// Records that the reply shows.
    pub rows: Option<Rows>,
    /// What the reply shows completely.
    pub covers: Option<Covers>,
    /// What says that it does; without it every reply does.
    pub whole_if: Option<WholeIf>,
    /// The exact spelling of names in the request.
    pub form: Option<Template>,
    /// Statuses that say that nothing is there.
    pub absent: Vec<u16>,
    /// What the request does.
    pub effects: Vec<Effect>,
    /// Places for secrets beside the origin's.
    pub sinks: Vec<Sink>,
    /// What is cut out of the reply.
    pub captures: Vec<Capture>,
}

impl Endpoint {
    /// The leaves of the body that say what the request does.
    pub fn effect_paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.zone.iter().flat_map(|zone| zone.body_paths("")).collect();
        paths.extend(self.covers.iter().filter_map(Covers::name).flat_map(|name| name.body_paths("")));
        paths.extend(self.effects.iter().flat_map(Effect::body_paths));
        paths
    }

    /// All leaves that the body may have, those of its secrets aside.
    pub fn leaf_paths(&self) -> Vec<String> {
        let others = self.also.keys().chain(self.fixed.keys()).chain(self.same.keys());
        self.effect_paths().into_iter().chain(others.cloned()).collect()
    }

    /// The elements of the body that may stand several times beside each other.
    pub fn repeatable_paths(&self) -> Vec<String> {
        let rows = self.effects.iter().filter_map(|effect| effect.rows.as_ref());
        let by_id = self.effects.iter().map(|effect| effect.each.clone()).filter(|each| !each.is_empty());
        rows.flat_map(|rows| [rows.each.clone(), rows.element_path()]).chain(by_id).collect()
    }
}

impl Covers {
    /// The template of the name, unless all of the zone is covered.
    pub fn name(&self) -> Option<&Template> {
        if let Self::Name(template) = self { Some(template) } else { None }
    }
}

impl Rows {
    /// Where its values are.
    pub fn element_path(&self) -> String {
        format!("{}{}", self.each, self.values.as_deref().unwrap_or_default())
    }
}

impl Effect {
    fn body_paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.id.iter().flat_map(|id| id.body_paths(&self.each)).collect();
        let Some(rows) = &self.rows else { return paths };
        if let OpRule::By(place, _) = &self.op {
            paths.extend(place.body_paths(&rows.each));
        }
        let element = rows.element_path();
        paths.extend([&rows.kind, &rows.name].into_iter().flat_map(|template| template.body_paths(&rows.each)));
        paths.extend(rows.ttl.iter().flat_map(|ttl| ttl.body_paths(&rows.each)));
        paths.extend(rows.value.body_paths(&element));
        paths.extend(rows.keep.iter().flat_map(|keep| keep.body_paths(&element)));
        paths
    }
}

/// What a reply of another endpoint showed at a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// Id of the endpoint.
    pub endpoint: String,
    /// Where in its reply.
    pub path: String,
}

/// A segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named for what fills it")]
pub enum Segment {
    Literal(String),
    Variable(String),
    Setting(String),
}

/// What may stand at a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "JSON's own types; in other formats what is written like them")]
pub enum Leaf {
    Number,
    Text,
    Bool,
    /// A number of seconds, at most the greatest TTL of the call.
    Ttl,
}

/// Zones in a reply.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the manifest's own keys")]
pub struct ZoneFacts {
    pub each: String,
    pub id: Template,
    pub name: Template,
}

/// Records in a reply or request.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Path of the rows.
    pub each: String,
    /// The record's id.
    pub id: Option<Template>,
    /// The record's type.
    pub kind: Template,
    /// The record's name.
    pub name: Template,
    /// Path of the values in a row, where one row has several.
    pub values: Option<String>,
    /// The value; relative to the element of `values`, if there is one.
    pub value: Template,
    /// The TTL of the record or set: a foreign value's stays, a new one's is capped or that of its set.
    pub ttl: Option<Template>,
    /// What else of a foreign value must stay as it was.
    pub keep: Vec<Template>,
}

/// What a reply shows completely.
#[derive(Clone, Debug)]
pub enum Covers {
    /// All TXT values at this name.
    Name(Template),
    /// All records of the zone.
    Zone,
}

/// A place of the reply, and the one text that may stand there in a reply that is whole. Nothing there is the empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeIf {
    /// Where.
    pub path: String,
    /// What.
    pub text: String,
}

/// What a request would do.
#[derive(Clone, Debug)]
pub struct Effect {
    /// How.
    pub op: OpRule,
    /// To which records; `None`: to those with `id`.
    pub rows: Option<Rows>,
    /// The elements of the body that name a record by its id each; empty if the request names one.
    pub each: String,
    /// The id of a record.
    pub id: Option<Template>,
}

/// The operation, fixed or by a place.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as the line above says")]
pub enum OpRule {
    Fixed(Op),
    By(Template, BTreeMap<String, Op>),
}

/// What happens to records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// These values are added.
    Add,
    /// These values are removed.
    Delete,
    /// The set becomes these values.
    Replace,
    /// The set is removed.
    Clear,
    /// All records of the zone become these.
    Zone,
    /// The set becomes these values, unread: for providers with fixed slots, whose API shows nothing.
    SetBlind,
}

pub(super) fn path_text(path: &[Segment]) -> String {
    path.iter()
        .map(|segment| match segment {
            Segment::Literal(text) => format!("/{text}"),
            Segment::Variable(name) => format!("/{{{name}}}"),
            Segment::Setting(name) => format!("/{{={name}}}"),
        })
        .collect()
}
