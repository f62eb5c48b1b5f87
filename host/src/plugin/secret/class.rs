//! Where the bytes of a secret come from.

use std::fmt;
use std::str::FromStr;

/// Where the bytes of a secret come from; a sink of the manifest lists those it takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A field as the user gave it, perhaps encoded.
    Raw(String),
    /// A value cut out of a reply, perhaps encoded.
    Captured(String),
    /// The output of a hash or signature over one of these.
    Derived(String),
}

impl Class {
    pub(super) fn derived(&self) -> Self {
        let (Self::Raw(name) | Self::Captured(name) | Self::Derived(name)) = self;
        Self::Derived(name.clone())
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw(name) => write!(f, "raw {name}"),
            Self::Captured(name) => write!(f, "captured {name}"),
            Self::Derived(name) => write!(f, "derived {name}"),
        }
    }
}

impl FromStr for Class {
    type Err = UnknownClass;

    fn from_str(text: &str) -> Result<Self, UnknownClass> {
        let (form, name) = text.split_once(' ').ok_or(UnknownClass)?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(UnknownClass);
        }
        match form {
            "raw" => Ok(Self::Raw(name.to_owned())),
            "captured" => Ok(Self::Captured(name.to_owned())),
            "derived" => Ok(Self::Derived(name.to_owned())),
            _ => Err(UnknownClass),
        }
    }
}

/// A text that names no class of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a class is written \"raw FIELD\", \"derived FIELD\" or \"captured ENDPOINT.NAME\"")]
pub struct UnknownClass;
