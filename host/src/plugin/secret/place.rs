//! Secrets put where the manifest allows.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use crate::plugin::secret::{Class, Fault, Secrets, entry, numbers};
use crate::plugin::wire::Part;

impl Secrets {
    /// The joined parts for a sink that takes `allowed`; they must hold a secret and nothing of another class.
    pub fn place(&mut self, parts: &[Part], allowed: &[Class]) -> Result<Zeroizing<Vec<u8>>, PlaceError> {
        let (bytes, classes) = self.join(parts).map_err(|fault| match fault {
            Fault::Limit => PlaceError::TooLong,
            _ => PlaceError::UnknownSecret,
        })?;
        if classes.is_empty() {
            return Err(PlaceError::NoSecret { allowed: listed(allowed) });
        }
        if let Some(class) = classes.iter().find(|class| !allowed.contains(class)) {
            return Err(PlaceError::WrongClass { allowed: listed(allowed), given: class.to_string() });
        }
        self.remember(numbers(parts));
        Ok(bytes)
    }

    /// A manifest's template filled: literals, `{field}`, `{endpoint.capture}`, `{base64:field:field}`.
    pub fn template(&mut self, template: &str) -> Result<Zeroizing<Vec<u8>>, PlaceError> {
        let mut filled = Zeroizing::new(Vec::new());
        let mut rest = template;
        while let Some((literal, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| unfilled(after))?;
            filled.extend_from_slice(literal.as_bytes());
            filled.extend_from_slice(&self.template_value(name)?);
            rest = after;
        }
        filled.extend_from_slice(rest.as_bytes());
        Ok(filled)
    }

    /// Whether none of these fields and captures has a value.
    pub fn has_none_of(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.named(name).is_none())
    }

    /// Drops the captures that a template was filled with: the API has refused them. They stay to be scrubbed.
    pub fn reject(&mut self, template: &str) {
        let names = template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
        for name in names {
            if let Some(value) = self.captures.remove(name) {
                self.scrub_too(name, value);
            }
            let placed: Vec<&[u8]> = self.placed.iter().map(|(_, value)| value.as_slice()).collect();
            self.run_captures.forget(name, &placed);
        }
    }

    fn template_value(&mut self, name: &str) -> Result<Zeroizing<Vec<u8>>, PlaceError> {
        if let Some(names) = name.strip_prefix("base64:") {
            return self.base64_of(names);
        }
        if let Some(setting) = self.credentials.settings.get(name).filter(|setting| !setting.is_empty()) {
            return Ok(Zeroizing::new(setting.clone().into_bytes()));
        }
        let (value, _) = self.named(name).filter(|(value, _)| !value.is_empty()).ok_or_else(|| unfilled(name))?;
        self.scrub_too(name, value.clone());
        Ok(value)
    }

    /// "user:password" by name, as basic authentication wants it; an empty name is an empty value.
    fn base64_of(&mut self, names: &str) -> Result<Zeroizing<Vec<u8>>, PlaceError> {
        let mut joined = Zeroizing::new(Vec::new());
        for (index, name) in names.split(':').enumerate() {
            if index > 0 {
                joined.push(b':');
            }
            if !name.is_empty() {
                joined.extend_from_slice(&self.template_value(name)?);
            }
        }
        let encoded = Zeroizing::new(data_encoding::BASE64.encode(&joined).into_bytes());
        self.scrub_too(names, encoded.clone());
        Ok(encoded)
    }

    /// Keeps for the scrubber what leaves the host: these secrets and those that show within them.
    fn remember(&mut self, mut numbers: Vec<u32>) {
        let mut seen = BTreeSet::new();
        while let Some(number) = numbers.pop() {
            let Some(entry) = entry(&self.entries, number).filter(|entry| !entry.classes.is_empty()) else { continue };
            if seen.insert(number) {
                numbers.extend(&entry.holds);
                let names = entry.classes.iter().map(Class::to_string).collect::<Vec<_>>().join(", ");
                let bytes = entry.bytes.clone();
                self.scrub_too(&names, bytes);
            }
        }
    }

    pub(super) fn scrub_too(&mut self, name: &str, value: Zeroizing<Vec<u8>>) {
        if !self.placed.iter().any(|(_, known)| *known == value) {
            self.placed.push((name.to_owned(), value));
        }
    }
}

fn listed(classes: &[Class]) -> String {
    classes.iter().map(|class| format!("{:?}", class.to_string())).collect::<Vec<_>>().join(", ")
}

fn unfilled(name: &str) -> PlaceError {
    PlaceError::Unfilled { name: name.to_owned() }
}

/// Why a secret was not put where it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// A number that was not given out.
    #[error("names a secret that this call does not have")]
    UnknownSecret,
    /// More than a request may hold.
    #[error("is longer than 1 MiB; send less")]
    TooLong,
    /// Plain text where a secret belongs.
    #[error("takes [{allowed}], not plain text")]
    NoSecret {
        /// The classes of the sink.
        allowed: String,
    },
    /// A secret that the sink does not take.
    #[error("takes [{allowed}], not {given:?}")]
    WrongClass {
        /// The classes of the sink.
        allowed: String,
        /// The class given.
        given: String,
    },
    /// A template names what is not there.
    #[error("{name:?} has no value yet")]
    Unfilled {
        /// The field or capture.
        name: String,
    },
}
