//! The conversion of a manifest's endpoints.

use std::collections::BTreeMap;

use crate::plugin::manifest::checked::{checked_sinks, rule, template};
use crate::plugin::manifest::origin::checked_headers;
use crate::plugin::manifest::raw::{RawEffect, RawEndpoint, RawOp, RawRows, RawZones};
use crate::plugin::manifest::{
    Capture, CapturePlace, Covers, Effect, Endpoint, ManifestError, Op, OpRule, OriginSpec, Rows, Segment, Shown,
    WholeIf, ZoneFacts,
};
use crate::plugin::template::Template;
use crate::plugin::tree::Format;

impl RawEndpoint {
    pub(super) fn checked(self, id: &str, origins: &BTreeMap<String, OriginSpec>) -> Result<Endpoint, ManifestError> {
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
        Ok(Endpoint {
            origin,
            method: method.to_owned(),
            path: path.split('/').map(segment).collect(),
            query: self.query.iter().map(|text| query_rule(&key, text)).collect::<Result<_, _>>()?,
            headers: checked_headers(&key, &self.headers)?,
            body: self.body.as_deref().map(|text| body_format(&key, text)).transpose()?,
            reply: reply_format(&key, self.reply.as_deref().unwrap_or("json"))?,
            reply_limit: self.reply_limit_bytes.unwrap_or(DEFAULT_REPLY_BYTES).min(MAX_REPLY_BYTES),
            also: self.also,
            fixed: self.fixed.iter().map(|(path, text)| fixed_leaf(&key, path, text)).collect::<Result<_, _>>()?,
            same: self.same.iter().map(|(path, text)| same_leaf(&key, path, text)).collect::<Result<_, _>>()?,
            zone: self.zone.map(|text| template(&key, &text)).transpose()?,
            zones: self.zones.map(|raw| raw.checked(&key)).transpose()?,
            rows: self.rows.map(|raw| raw.checked(&key)).transpose()?,
            covers: self.covers.map(|text| covers(&key, &text)).transpose()?,
            whole_if: self.whole_if.map(|text| whole_if(&key, &text)).transpose()?,
            form: self.form.map(|text| template(&key, &text)).transpose()?,
            absent: self.absent,
            effects: self.effect.into_iter().map(|raw| raw.checked(&key)).collect::<Result<_, _>>()?,
            sinks: checked_sinks(&key, self.secrets)?,
            captures: captures(&key, id, self.capture, self.capture_for_run)?,
        })
    }
}

fn body_format(key: &str, text: &str) -> Result<Format, ManifestError> {
    match text {
        "json" => Ok(Format::Json),
        "xml" => Ok(Format::Xml),
        "form" => Ok(Format::Form),
        _ => Err(rule(key, "body is \"json\", \"xml\" or \"form\"")),
    }
}

fn reply_format(key: &str, text: &str) -> Result<Format, ManifestError> {
    match text {
        "text" | "none" => Ok(Format::Text),
        _ => {
            body_format(key, text).map_err(|_| rule(key, "reply is \"json\", \"xml\", \"form\", \"text\" or \"none\""))
        }
    }
}

fn fixed_leaf(key: &str, path: &str, text: &str) -> Result<(String, Template), ManifestError> {
    Ok((path.to_owned(), template(key, text)?))
}

/// "get:/Reply/@EmailType": a place in the reply of another endpoint.
fn same_leaf(key: &str, path: &str, text: &str) -> Result<(String, Shown), ManifestError> {
    match text.split_once(":/") {
        Some((endpoint, shown)) => {
            Ok((path.to_owned(), Shown { endpoint: endpoint.to_owned(), path: format!("/{shown}") }))
        }
        None => Err(rule(key, "same is the id of an endpoint, ':' and a path in its reply")),
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

fn whole_if(key: &str, text: &str) -> Result<WholeIf, ManifestError> {
    match text.split_once('=') {
        Some((path, text)) if path.starts_with('/') => {
            Ok(WholeIf { path: path.trim().to_owned(), text: text.trim().to_owned() })
        }
        _ => {
            Err(rule(key, "whole_if is a path of the reply and the text there, \"/more = false\"; none is \"/next =\""))
        }
    }
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
            ttl: self.ttl.map(|text| template(key, &text)).transpose()?,
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
                OpRule::Fixed(Op::Delete) => Ok(Effect { op, rows: None, each: self.each, id }),
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
            ttl: self.ttl,
            keep: self.keep,
        };
        Ok(Effect { op, rows: Some(rows.checked(key)?), each: String::new(), id: None })
    }
}

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const DEFAULT_REPLY_BYTES: usize = 4 * 1024 * 1024;
const MAX_REPLY_BYTES: usize = 64 * 1024 * 1024;
