//! What a provider says of itself and asks for: `plugin.toml`, checked.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::plugin::field::FieldSpec;
use crate::plugin::template::{Piece, Template, TemplateError};
use crate::plugin::tree::Format;

/// A checked manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Short name, [a-z][a-z0-9-]*.
    pub id: String,
    /// Name as people know it.
    pub name: String,
    /// Semantic version of the provider.
    pub version: String,
    /// Where it comes from.
    pub homepage: String,
    /// SPDX expression.
    pub license: String,
    /// The API's documentation.
    pub docs: String,
    /// The least privilege the credential needs at the provider.
    pub privilege: String,
    /// Settings and credentials.
    pub fields: Vec<FieldSpec>,
    /// Where requests go, by id.
    pub origins: BTreeMap<String, OriginSpec>,
    /// What may be asked, by id.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// The server of DNS UPDATE, for providers that use it.
    pub dns_update: Option<DnsUpdateSpec>,
    /// How long an anycast provider needs after its servers agree.
    pub settle: Duration,
    /// The least TTL the API takes, in seconds.
    pub min_ttl: u32,
}

/// An origin as the manifest writes it.
#[derive(Clone, Debug)]
pub struct OriginSpec {
    /// URL with at most one `{setting}`.
    pub url: String,
    /// Whether all of host and scheme are the user's setting.
    pub user_typed: bool,
    /// The headers a guest may set.
    pub headers: Vec<String>,
    /// Sink to what fills it.
    pub sinks: Vec<Sink>,
    /// Requests a second.
    pub rate_per_second: f64,
    /// Requests at a time.
    pub concurrency: usize,
}

/// A place that takes a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// Where.
    pub place: SinkPlace,
    /// As the manifest writes it: "header:authorization".
    pub text: String,
    /// By what.
    pub fill: Fill,
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
    /// Headers a guest may set beside the origin's.
    pub headers: Vec<String>,
    /// Whether there is a JSON body.
    pub has_body: bool,
    /// How the reply is read.
    pub reply: Format,
    /// Bytes of the largest reply.
    pub reply_limit: usize,
    /// Leaves of the body beside those of the effects, with what may stand there.
    pub also: BTreeMap<String, Leaf>,
    /// What must be the zone of the call.
    pub zone: Option<Template>,
    /// Zones that the reply shows.
    pub zones: Option<ZoneFacts>,
    /// Records that the reply shows.
    pub rows: Option<Rows>,
    /// What the reply shows completely.
    pub covers: Option<Covers>,
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
#[expect(missing_docs, reason = "JSON's own types")]
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

/// What a request would do.
#[derive(Clone, Debug)]
pub struct Effect {
    /// How.
    pub op: OpRule,
    /// To which records; `None`: to the record with `id`.
    pub rows: Option<Rows>,
    /// The id of the record.
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
}

/// DNS UPDATE, as templates over plain settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the manifest's own keys")]
pub struct DnsUpdateSpec {
    pub server: String,
    pub key_name: String,
    pub algorithm: String,
    /// Name of the secret field.
    pub secret: String,
}

impl Manifest {
    /// Reads and checks a manifest.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let raw: RawManifest =
            toml::from_str(text).map_err(|source| ManifestError::Syntax { message: source.to_string() })?;
        raw.checked()
    }

    /// What it may do, a line each, as shown before it is used.
    pub fn permissions(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for endpoint in self.endpoints.values() {
            let origin = self.origins.get(&endpoint.origin).map_or("", |origin| origin.url.as_str());
            lines.push(format!("may ask {} {origin}{}", endpoint.method, path_text(&endpoint.path)));
        }
        for (id, origin) in &self.origins {
            let own = self.endpoints.values().filter(|endpoint| endpoint.origin == *id).flat_map(|e| &e.sinks);
            for sink in origin.sinks.iter().chain(own) {
                lines.push(format!("{} will receive at {}: {}", origin.url, sink.text, fill_text(&sink.fill)));
            }
        }
        if let Some(update) = &self.dns_update {
            lines.push(format!(
                "may send DNS updates of TXT records to {}, signed with {}",
                update.server, update.secret
            ));
        }
        lines.sort();
        lines.dedup();
        lines
    }
}

fn path_text(path: &[Segment]) -> String {
    path.iter()
        .map(|segment| match segment {
            Segment::Literal(text) => format!("/{text}"),
            Segment::Variable(name) => format!("/{{{name}}}"),
            Segment::Setting(name) => format!("/{{={name}}}"),
        })
        .collect()
}

fn fill_text(fill: &Fill) -> String {
    match fill {
        Fill::Template(template) => template.clone(),
        Fill::Classes(classes) => classes.join(", "),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    id: String,
    name: String,
    version: String,
    contract: String,
    homepage: String,
    license: String,
    docs: String,
    privilege: String,
    #[serde(default)]
    field: toml::map::Map<String, toml::Value>,
    #[serde(default)]
    origin: BTreeMap<String, RawOrigin>,
    #[serde(default)]
    endpoint: BTreeMap<String, RawEndpoint>,
    dns_update: Option<DnsUpdateSpec>,
    #[serde(default)]
    propagation: RawPropagation,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawPropagation {
    settle_ms: u64,
    min_ttl: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawField {
    #[serde(default)]
    secret: bool,
    required: Option<bool>,
    default: Option<String>,
    #[serde(default)]
    one_of: Vec<String>,
    #[serde(default)]
    env: Vec<String>,
    #[serde(default)]
    certbot: Vec<String>,
    #[serde(default)]
    lego: Vec<String>,
    help: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOrigin {
    url: String,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    secrets: BTreeMap<String, RawFill>,
    rate_per_second: Option<f64>,
    concurrency: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawFill {
    Template(String),
    Classes(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEndpoint {
    origin: Option<String>,
    request: String,
    #[serde(default)]
    query: Vec<String>,
    #[serde(default)]
    headers: Vec<String>,
    body: Option<String>,
    reply: Option<String>,
    reply_limit_bytes: Option<usize>,
    #[serde(default)]
    also: BTreeMap<String, Leaf>,
    zone: Option<String>,
    zones: Option<RawZones>,
    rows: Option<RawRows>,
    covers: Option<String>,
    form: Option<String>,
    #[serde(default)]
    absent: Vec<u16>,
    #[serde(default)]
    effect: Vec<RawEffect>,
    #[serde(default)]
    reads: bool,
    #[serde(default)]
    secrets: BTreeMap<String, RawFill>,
    #[serde(default)]
    capture: BTreeMap<String, String>,
    #[serde(default)]
    capture_for_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawZones {
    each: String,
    id: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRows {
    #[serde(default)]
    each: String,
    id: Option<String>,
    r#type: String,
    name: String,
    values: Option<String>,
    value: String,
    #[serde(default)]
    keep: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEffect {
    op: RawOp,
    #[serde(default)]
    each: String,
    id: Option<String>,
    r#type: Option<String>,
    name: Option<String>,
    values: Option<String>,
    value: Option<String>,
    #[serde(default)]
    keep: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawOp {
    Fixed(Op),
    By(BTreeMap<String, BTreeMap<String, Op>>),
}

impl RawManifest {
    fn checked(self) -> Result<Manifest, ManifestError> {
        if self.contract != CONTRACT {
            return Err(ManifestError::OtherContract { found: self.contract });
        }
        let id_ok = self.id.starts_with(|c: char| c.is_ascii_lowercase())
            && self.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !id_ok {
            return Err(rule("id", "an id is lower case letters, digits and '-', and begins with a letter"));
        }
        let fields = self.field.into_iter().map(|(name, raw)| checked_field(name, raw)).collect::<Result<_, _>>()?;
        let origins = self
            .origin
            .into_iter()
            .map(|(id, raw)| raw.checked(&id).map(|origin| (id, origin)))
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        let endpoints = self
            .endpoint
            .into_iter()
            .map(|(id, raw)| raw.checked(&id, &origins).map(|endpoint| (id, endpoint)))
            .collect::<Result<_, _>>()?;
        let manifest = Manifest {
            id: self.id,
            name: self.name,
            version: self.version,
            homepage: self.homepage,
            license: self.license,
            docs: self.docs,
            privilege: self.privilege,
            fields,
            origins,
            endpoints,
            dns_update: self.dns_update,
            settle: Duration::from_millis(self.propagation.settle_ms),
            min_ttl: self.propagation.min_ttl.unwrap_or(1),
        };
        check_distinct(&manifest)?;
        Ok(manifest)
    }
}

/// Two endpoints with one request line would let a guest choose the weaker one.
fn check_distinct(manifest: &Manifest) -> Result<(), ManifestError> {
    let mut seen: BTreeMap<String, &String> = BTreeMap::new();
    for (id, endpoint) in &manifest.endpoints {
        let line = format!("{} {} {}", endpoint.origin, endpoint.method, path_text(&endpoint.path));
        if let Some(other) = seen.insert(line, id) {
            let message = format!("it has the same request line as endpoint {other}");
            return Err(rule(&format!("endpoint.{id}.request"), &message));
        }
    }
    Ok(())
}

fn checked_field(name: String, raw: toml::Value) -> Result<FieldSpec, ManifestError> {
    let key = format!("field.{name}");
    let raw: RawField = raw.try_into().map_err(|error: toml::de::Error| rule(&key, error.message()))?;
    if raw.secret && raw.default.is_some() {
        return Err(rule(&key, "a secret has no default"));
    }
    Ok(FieldSpec {
        required: raw.required.unwrap_or(raw.default.is_none()),
        name,
        secret: raw.secret,
        default: raw.default,
        one_of: raw.one_of,
        env: raw.env,
        certbot: raw.certbot,
        lego: raw.lego,
        help: raw.help,
        from: None,
    })
}

impl RawOrigin {
    fn checked(self, id: &str) -> Result<OriginSpec, ManifestError> {
        let key = format!("origin.{id}");
        let rate_per_second = self.rate_per_second.unwrap_or(DEFAULT_RATE);
        if !(rate_per_second > 0.0 && rate_per_second <= 1000.0) {
            return Err(rule(&key, "rate_per_second is above 0 and at most 1000"));
        }
        let user_typed = self.url.starts_with('{');
        if !user_typed && !self.url.starts_with("https://") {
            return Err(rule(&key, "url begins with https:// or is the user's setting"));
        }
        check_headers(&key, &self.headers)?;
        Ok(OriginSpec {
            user_typed,
            url: self.url,
            headers: self.headers,
            sinks: checked_sinks(&key, self.secrets)?,
            rate_per_second,
            concurrency: self.concurrency.unwrap_or(DEFAULT_CONCURRENCY).clamp(1, 64),
        })
    }
}

fn check_headers(key: &str, headers: &[String]) -> Result<(), ManifestError> {
    let barred = |name: &&String| {
        let name = name.to_ascii_lowercase();
        BARRED_HEADERS.contains(&name.as_str()) || name.starts_with("proxy-") || name.contains("method")
    };
    match headers.iter().find(barred) {
        Some(name) => Err(rule(key, &format!("the header {name:?} is the host's own or changes what a request does"))),
        None => Ok(()),
    }
}

fn checked_sinks(key: &str, raw: BTreeMap<String, RawFill>) -> Result<Vec<Sink>, ManifestError> {
    raw.into_iter()
        .map(|(text, fill)| {
            let place = match text.split_once(':') {
                Some(("header", name)) => SinkPlace::Header(name.to_ascii_lowercase()),
                Some(("query", name)) => SinkPlace::Query(name.to_owned()),
                Some(("cookie", name)) => SinkPlace::Cookie(name.to_owned()),
                Some(("body", path)) if path.starts_with('/') => SinkPlace::Body(path.to_owned()),
                _ => return Err(rule(key, &format!("{text:?} is no sink; write header:, query:, cookie: or body:/"))),
            };
            let fill = match fill {
                RawFill::Template(template) => Fill::Template(template),
                RawFill::Classes(classes) => Fill::Classes(classes),
            };
            Ok(Sink { place, text, fill })
        })
        .collect()
}

impl RawEndpoint {
    fn checked(self, id: &str, origins: &BTreeMap<String, OriginSpec>) -> Result<Endpoint, ManifestError> {
        let key = format!("endpoint.{id}");
        let origin = self.origin.unwrap_or_else(|| "api".to_owned());
        if !origins.contains_key(&origin) {
            return Err(rule(&key, &format!("there is no [origin.{origin}]")));
        }
        let (method, path) = self.request.split_once(" /").ok_or_else(|| rule(&key, "request is METHOD /path"))?;
        if !METHODS.contains(&method) {
            return Err(rule(&key, &format!("the method is one of {}", METHODS.join(", "))));
        }
        let reading = method == "GET" || method == "HEAD" || self.reads;
        if !reading && self.effect.is_empty() {
            return Err(rule(&key, "a method other than GET needs an effect, or `reads = true`"));
        }
        check_headers(&key, &self.headers)?;
        let has_body = match self.body.as_deref() {
            None => false,
            Some("json") => true,
            Some(other) => return Err(rule(&key, &format!("body = {other:?} is not supported by this host yet"))),
        };
        let reply = match self.reply.as_deref() {
            None | Some("json") => Format::Json,
            Some("text" | "none") => Format::Text,
            Some(other) => return Err(rule(&key, &format!("reply = {other:?} is not supported by this host yet"))),
        };
        let endpoint = Endpoint {
            origin,
            method: method.to_owned(),
            path: path.split('/').map(segment).collect(),
            query: self.query.iter().map(|text| query_rule(&key, text)).collect::<Result<_, _>>()?,
            headers: self.headers,
            has_body,
            reply,
            reply_limit: self.reply_limit_bytes.unwrap_or(DEFAULT_REPLY_BYTES).min(MAX_REPLY_BYTES),
            also: self.also,
            zone: self.zone.map(|text| template(&key, &text)).transpose()?,
            zones: self.zones.map(|raw| raw.checked(&key)).transpose()?,
            rows: self.rows.map(|raw| raw.checked(&key)).transpose()?,
            covers: self.covers.map(|text| covers(&key, &text)).transpose()?,
            form: self.form.map(|text| template(&key, &text)).transpose()?,
            absent: self.absent,
            effects: self.effect.into_iter().map(|raw| raw.checked(&key)).collect::<Result<_, _>>()?,
            sinks: checked_sinks(&key, self.secrets)?,
            captures: captures(&key, id, self.capture, self.capture_for_run)?,
        };
        check_cover(&key, &endpoint)?;
        check_zone(&key, &endpoint)?;
        Ok(endpoint)
    }
}

/// A covering read may not be narrowed by the guest.
fn check_cover(key: &str, endpoint: &Endpoint) -> Result<(), ManifestError> {
    let Some(covers) = &endpoint.covers else { return Ok(()) };
    if endpoint.rows.is_none() {
        return Err(rule(key, "covers needs rows"));
    }
    if !endpoint.also.is_empty() {
        return Err(rule(key, "covers may have no free leaves in the body: they could narrow what is shown"));
    }
    let covered: Vec<&String> = match covers {
        Covers::Zone => Vec::new(),
        Covers::Name(template) => template
            .0
            .iter()
            .filter_map(|piece| if let Piece::Query(name) = piece { Some(name) } else { None })
            .collect(),
    };
    match endpoint.query.iter().find(|(name, fixed)| fixed.is_none() && !covered.contains(&name)) {
        Some((name, _)) => Err(rule(key, &format!("covers needs a fixed value for the query key {name:?}"))),
        None => Ok(()),
    }
}

/// What a request changes must be in the zone of the call.
fn check_zone(key: &str, endpoint: &Endpoint) -> Result<(), ManifestError> {
    let bound = endpoint.zone.is_some();
    match (endpoint.rows.is_some() || !endpoint.effects.is_empty()) && !bound {
        true => Err(rule(key, "rows and effect need `zone`, the place that names the zone")),
        false => Ok(()),
    }
}

fn segment(text: &str) -> Segment {
    match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => match name.strip_prefix('=') {
            Some(setting) => Segment::Setting(setting.to_owned()),
            None => Segment::Variable(name.to_owned()),
        },
        None => Segment::Literal(text.to_owned()),
    }
}

fn query_rule(key: &str, text: &str) -> Result<(String, Option<Template>), ManifestError> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), Some(template(key, value)?))),
        None => Ok((text.to_owned(), None)),
    }
}

fn covers(key: &str, text: &str) -> Result<Covers, ManifestError> {
    if text == "zone" { Ok(Covers::Zone) } else { template(key, text).map(Covers::Name) }
}

fn captures(
    key: &str,
    endpoint: &str,
    raw: BTreeMap<String, String>,
    for_run: bool,
) -> Result<Vec<Capture>, ManifestError> {
    raw.into_iter()
        .map(|(name, place)| {
            let inner = place.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
            let place = match inner.split_once(':') {
                Some(("body", path)) if path.starts_with('/') => CapturePlace::Body(path.to_owned()),
                Some(("header", name)) => CapturePlace::Header(name.to_ascii_lowercase()),
                Some(("cookie", name)) => CapturePlace::Cookie(name.to_owned()),
                _ => return Err(rule(key, "a capture is {body:/path}, {header:name} or {cookie:name}")),
            };
            Ok(Capture { name: format!("{endpoint}.{name}"), place, for_run })
        })
        .collect()
}

impl RawZones {
    fn checked(self, key: &str) -> Result<ZoneFacts, ManifestError> {
        Ok(ZoneFacts { each: self.each, id: template(key, &self.id)?, name: template(key, &self.name)? })
    }
}

impl RawRows {
    fn checked(self, key: &str) -> Result<Rows, ManifestError> {
        Ok(Rows {
            each: self.each,
            id: self.id.map(|text| template(key, &text)).transpose()?,
            kind: template(key, &self.r#type)?,
            name: template(key, &self.name)?,
            values: self.values,
            value: template(key, &self.value)?,
            keep: self.keep.iter().map(|text| template(key, text)).collect::<Result<_, _>>()?,
        })
    }
}

impl RawEffect {
    fn checked(self, key: &str) -> Result<Effect, ManifestError> {
        let op = match self.op {
            RawOp::Fixed(op) => OpRule::Fixed(op),
            RawOp::By(by) => {
                let (place, cases) =
                    by.into_iter().next().ok_or_else(|| rule(key, "op by a place needs one place with its cases"))?;
                OpRule::By(template(key, &place)?, cases)
            }
        };
        let id = self.id.map(|text| template(key, &text)).transpose()?;
        if id.is_some() {
            return match op {
                OpRule::Fixed(Op::Delete) => Ok(Effect { op, rows: None, id }),
                _ => Err(rule(key, "only `delete` can be by id")),
            };
        }
        let missing = || rule(key, "an effect needs `id`, or `type` and `name`");
        let rows = RawRows {
            each: self.each,
            id: None,
            r#type: self.r#type.ok_or_else(missing)?,
            name: self.name.ok_or_else(missing)?,
            values: self.values,
            value: self.value.unwrap_or_default(),
            keep: self.keep,
        };
        Ok(Effect { op, rows: Some(rows.checked(key)?), id: None })
    }
}

fn template(key: &str, text: &str) -> Result<Template, ManifestError> {
    text.parse().map_err(|source| ManifestError::Template { key: key.to_owned(), source })
}

fn rule(key: &str, message: &str) -> ManifestError {
    ManifestError::Rule { key: key.to_owned(), message: message.to_owned() }
}

const CONTRACT: &str = "0.1";
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const BARRED_HEADERS: [&str; 11] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "te",
    "upgrade",
    "cookie",
    "accept-encoding",
    "user-agent",
    "expect",
];
const DEFAULT_RATE: f64 = 20.0;
const DEFAULT_CONCURRENCY: usize = 4;
const DEFAULT_REPLY_BYTES: usize = 4 * 1024 * 1024;
const MAX_REPLY_BYTES: usize = 64 * 1024 * 1024;

/// Why a manifest is not accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML, or a key that is not known.
    #[error("plugin.toml cannot be read: {message}")]
    Syntax {
        /// Line, column and what is wrong.
        message: String,
    },
    /// For another version of the contract.
    #[error("plugin.toml is for contract {found:?}, this host speaks {CONTRACT:?}; rebuild the plugin")]
    OtherContract {
        /// What it says.
        found: String,
    },
    /// A key breaks a rule.
    #[error("plugin.toml, {key}: {message}")]
    Rule {
        /// The key.
        key: String,
        /// The rule.
        message: String,
    },
    /// A template cannot be read.
    #[error("plugin.toml, {key}: {source}")]
    Template {
        /// The key.
        key: String,
        /// What is wrong.
        source: TemplateError,
    },
}
