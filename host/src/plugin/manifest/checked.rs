//! The conversion of a manifest's identity, fields, origins and sinks.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::plugin::field::FieldSpec;
use crate::plugin::manifest::endpoint::path_text;
use crate::plugin::manifest::raw::{RawField, RawFill, RawManifest, RawOrigin};
use crate::plugin::manifest::{CONTRACT, Fill, Manifest, ManifestError, OriginSpec, Sink, SinkPlace};
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
    pub(super) fn checked(self, id: &str) -> Result<OriginSpec, ManifestError> {
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

pub(super) fn check_headers(key: &str, headers: &[String]) -> Result<(), ManifestError> {
    let barred = |name: &&String| {
        let name = name.to_ascii_lowercase();
        BARRED_HEADERS.contains(&name.as_str()) || name.starts_with("proxy-") || name.contains("method")
    };
    match headers.iter().find(barred) {
        Some(name) => Err(rule(key, &format!("the header {name:?} is the host's own or changes what a request does"))),
        None => Ok(()),
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
            Ok(Sink { place, text, fill })
        })
        .collect()
}

pub(super) fn template(key: &str, text: &str) -> Result<Template, ManifestError> {
    text.parse().map_err(|source| ManifestError::Template { key: key.to_owned(), source })
}

pub(super) fn rule(key: &str, message: &str) -> ManifestError {
    ManifestError::Rule { key: key.to_owned(), message: message.to_owned() }
}

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
