//! The conversion of a manifest's identity, fields, origins and sinks.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::plugin::field::FieldSpec;
use crate::plugin::manifest::raw::{RawField, RawFill, RawManifest};
use crate::plugin::manifest::{CONTRACT, Fill, Manifest, ManifestError, Semantics, Sink, SinkPlace, rules};
use crate::plugin::template::Template;

impl RawManifest {
    pub(super) fn checked(self) -> Result<Manifest, ManifestError> {
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
        if self.propagation.min_ttl.is_some_and(|ttl| ttl > MAX_MIN_TTL) {
            return Err(rule("propagation.min_ttl", &format!("it is at most {MAX_MIN_TTL} s")));
        }
        if self.propagation.settle_ms > MAX_SETTLE_MS {
            return Err(rule("propagation.settle_ms", &format!("it is at most {MAX_SETTLE_MS}")));
        }
        let mut manifest = Manifest {
            id: self.id,
            name: self.name,
            version: self.version,
            homepage: self.homepage,
            license: self.license,
            docs: self.docs,
            privilege: self.privilege,
            semantics: semantics(self.semantics.as_deref())?,
            fields,
            origins,
            endpoints,
            dns_update: self.dns_update,
            settle: Duration::from_millis(self.propagation.settle_ms),
            min_ttl: self.propagation.min_ttl.unwrap_or(1),
            guide: self.guide,
        };
        rules::check(&manifest)?;
        manifest.mark_optional_sinks();
        Ok(manifest)
    }
}

fn semantics(text: Option<&str>) -> Result<Semantics, ManifestError> {
    let slots = |text: &str| text.strip_prefix("slots(")?.strip_suffix(')')?.parse().ok().filter(|&slots| slots > 0);
    match text {
        None | Some("record") => Ok(Semantics::Record),
        Some("rrset") => Ok(Semantics::Rrset),
        Some("zone") => Ok(Semantics::Zone),
        Some(other) => slots(other)
            .map(Semantics::Slots)
            .ok_or_else(|| rule("semantics", "it is \"record\", \"rrset\", \"zone\" or \"slots(N)\"")),
    }
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
        unless: raw.unless,
        warning: raw.warning,
        default: raw.default,
        one_of: raw.one_of,
        alias: raw.alias,
        env: raw.env,
        certbot: raw.certbot,
        lego: raw.lego,
        help: raw.help,
        from: raw.from.map(|from| source(&key, &from)).transpose()?,
    })
}

/// The field and the JSON pointer in it: "service_account#/private_key"; without one, all of a plain field.
fn source(key: &str, text: &str) -> Result<(String, String), ManifestError> {
    match text.split_once('#') {
        Some((field, pointer)) if pointer.starts_with('/') => Ok((field.to_owned(), pointer.to_owned())),
        None if !text.is_empty() => Ok((text.to_owned(), String::new())),
        _ => Err(rule(key, "from is the name of a plain field, or of a secret one, '#' and a JSON pointer")),
    }
}

pub(super) fn checked_sinks(key: &str, raw: BTreeMap<String, RawFill>) -> Result<Vec<Sink>, ManifestError> {
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
            Ok(Sink { place, text, fill, optional: false })
        })
        .collect()
}

pub(super) fn template(key: &str, text: &str) -> Result<Template, ManifestError> {
    text.parse().map_err(|source| ManifestError::Template { key: key.to_owned(), source })
}

pub(super) fn rule(key: &str, message: &str) -> ManifestError {
    ManifestError::Rule { key: key.to_owned(), message: message.to_owned() }
}

/// A day: an API that takes no less than that keeps no challenge anyway.
const MAX_MIN_TTL: u32 = 86_400;
/// Half an hour.
const MAX_SETTLE_MS: u64 = 1_800_000;
