//! A provider as a user names it, and the zone it is for.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::cli::setup::absolute;
use crate::name::DnsName;

/// A provider for a zone and what is below it, or for every other zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(super) zone: Option<DnsName>,
    pub(super) spec: Spec,
}

impl Rule {
    /// For every zone.
    pub fn for_all(spec: Spec) -> Self {
        Self { zone: None, spec }
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((zone, spec)) if !zone.contains('/') => {
                let zone = DnsName::parse(zone).map_err(|error| error.to_string())?;
                Ok(Self { zone: Some(zone), spec: spec.parse()? })
            }
            _ => Ok(Self { zone: None, spec: text.parse()? }),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "{zone}={}", self.spec),
            None => self.spec.fmt(f),
        }
    }
}

/// A provider as a user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// An installed or bundled one, with the instance whose credentials are meant.
    Id {
        /// Its id.
        id: String,
        /// `work` in `cloudflare:work`.
        instance: Option<String>,
    },
    /// A component's file.
    File(PathBuf),
}

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let extension = Path::new(text).extension();
        if text.contains('/') || extension.is_some_and(|extension| extension == "wasm") {
            return Ok(Self::File(absolute(Path::new(text))));
        }
        let (id, instance) = match text.split_once(':') {
            Some((id, instance)) => (id, Some(instance)),
            None => (text, None),
        };
        let plain = |part: &str| {
            let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
            part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()) && part.chars().all(inner)
        };
        if !plain(id) || !instance.is_none_or(plain) {
            return Err("give a plugin's id (lower case), id:instance, or the path of a .wasm file".into());
        }
        Ok(Self::Id { id: id.to_owned(), instance: instance.map(str::to_owned) })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id { id, instance: None } => f.write_str(id),
            Self::Id { id, instance: Some(instance) } => write!(f, "{id}:{instance}"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_named_by_id_instance_or_path() {
        let id = |id: &str, instance: Option<&str>| Spec::Id { id: id.into(), instance: instance.map(str::to_owned) };
        assert_eq!("cloudflare".parse(), Ok(id("cloudflare", None)));
        assert_eq!("cloudflare:work".parse(), Ok(id("cloudflare", Some("work"))));
        assert_eq!("/a/b.wasm".parse(), Ok(Spec::File("/a/b.wasm".into())));
        assert!(matches!("b.wasm".parse(), Ok(Spec::File(path)) if path.is_absolute()));
        for text in ["", "Cloudflare", "a:b:c", "..", "a b"] {
            assert!(text.parse::<Spec>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_rule_is_written_as_it_is_read() {
        for text in ["cloudflare", "example.com=cloudflare:work", "example.org=/a/b.wasm"] {
            assert_eq!(text.parse::<Rule>().map(|rule| rule.to_string()), Ok(text.to_owned()));
        }
    }
}
