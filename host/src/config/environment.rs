//! The environment as it was at the start.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Variables and their values.
#[derive(Clone, Copy)]
pub struct Environment<'a>(pub &'a [(OsString, OsString)]);

impl<'a> Environment<'a> {
    /// The value as it stands.
    pub fn value(&self, name: &str) -> Option<&'a OsStr> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_os_str())
    }

    /// The value if it is text and not empty.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.value(name)?.to_str().filter(|text| !text.is_empty())
    }

    /// The value as a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.value(name).filter(|path| !path.is_empty()).map(PathBuf::from)
    }
}
