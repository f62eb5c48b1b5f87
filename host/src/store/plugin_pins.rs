//! The providers that the user installed, each pinned to the bytes and permissions that were agreed to.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::layout::StateDir;
use crate::digest::sha256_hex;
use crate::secure_file::{SecureReadError, SecureWriteError, read_private, remove_durably, write_whole};

/// `plugins/plugins.lock` and the components beside it.
#[derive(Clone, Debug)]
pub struct PluginPins {
    folder: PathBuf,
}

/// What was agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The provider's own version.
    pub version: String,
    /// SHA-256 of the component, lower case hex.
    pub sha256: String,
    /// The file it was installed from.
    pub source: String,
    /// What it may do, a line each.
    pub permissions: BTreeSet<String>,
}

impl Pin {
    /// What `newer` may do beyond this.
    pub fn widened_by<'a>(&self, newer: &'a Pin) -> Vec<&'a str> {
        newer.permissions.iter().filter(|line| !self.permissions.contains(*line)).map(String::as_str).collect()
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockFile {
    #[serde(default)]
    plugin: BTreeMap<String, Pin>,
}

impl PluginPins {
    /// The pins in the state folder.
    pub fn new(state: &StateDir) -> Self {
        Self { folder: state.plugins_dir() }
    }

    /// Every installed provider by id.
    pub fn all(&self) -> Result<BTreeMap<String, Pin>, PinError> {
        Ok(self.read()?.plugin)
    }

    /// The component installed as `id`, if it is still the one that was agreed to; `None` if none is installed.
    pub fn component(&self, id: &str) -> Result<Option<Vec<u8>>, PinError> {
        let Some(pin) = self.read()?.plugin.remove(id) else { return Ok(None) };
        let path = self.component_path(id);
        let component = std::fs::read(&path).map_err(|source| PinError::Gone { path: path.clone(), source })?;
        let found = sha256_hex(&component);
        if found != pin.sha256 {
            return Err(PinError::Changed { path, expected: pin.sha256, found });
        }
        Ok(Some(component))
    }

    /// Keeps a component and its pin; the component first, so that a crash between leaves the old pin refusing it.
    pub fn install(&self, id: &str, component: &[u8], pin: Pin) -> Result<PathBuf, PinError> {
        let path = self.component_path(id);
        let mut lock = self.read()?;
        write_whole(&path, component, 0o644)?;
        lock.plugin.insert(id.to_owned(), pin);
        self.write(&lock)?;
        Ok(path)
    }

    /// Takes a provider away; whether there was one.
    pub fn remove(&self, id: &str) -> Result<bool, PinError> {
        let mut lock = self.read()?;
        if lock.plugin.remove(id).is_none() {
            return Ok(false);
        }
        self.write(&lock)?;
        let path = self.component_path(id);
        if path.exists() {
            remove_durably(&path)?;
        }
        Ok(true)
    }

    /// Where the component of an id is; ids are checked by those who name them.
    fn component_path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.wasm"))
    }

    fn lock_path(&self) -> PathBuf {
        self.folder.join("plugins.lock")
    }

    fn read(&self) -> Result<LockFile, PinError> {
        let bytes = match read_private(&self.lock_path()) {
            Err(SecureReadError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(LockFile::default());
            }
            bytes => bytes?,
        };
        let damaged = |why: String| PinError::Damaged { path: self.lock_path(), why };
        let text = std::str::from_utf8(&bytes).map_err(|error| damaged(error.to_string()))?;
        toml::from_str(text).map_err(|error| damaged(error.message().to_owned()))
    }

    fn write(&self, lock: &LockFile) -> Result<(), PinError> {
        let text = toml::to_string(lock)
            .map_err(|error| PinError::Damaged { path: self.lock_path(), why: error.to_string() })?;
        Ok(write_whole(&self.lock_path(), text.as_bytes(), 0o600)?)
    }
}

/// Why installed providers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// The list may not be read.
    #[error("the list of installed plugins cannot be read")]
    Read(#[from] SecureReadError),
    /// A file cannot be written.
    #[error("the plugin cannot be kept")]
    Write(#[from] SecureWriteError),
    /// The list is not as it was written.
    #[error("{} is damaged ({why}); restore it, or remove it and install the plugins again", path.display())]
    Damaged {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The component is not there any more.
    #[error("the installed plugin {} cannot be read ({source}); install it again", path.display())]
    Gone {
        /// The component.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The component is another one.
    #[error("the plugin {} was changed since it was installed (sha256 {found}, agreed to was {expected}); install it again if that was you", path.display())]
    Changed {
        /// The component.
        path: PathBuf,
        /// The digest agreed to.
        expected: String,
        /// Its digest now.
        found: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(component: &[u8], permissions: &[&str]) -> Pin {
        Pin {
            version: "1.0.0".into(),
            sha256: sha256_hex(component),
            source: "/tmp/quill.wasm".into(),
            permissions: permissions.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    fn pins(folder: &tempfile::TempDir) -> PluginPins {
        PluginPins::new(&StateDir::open(&folder.path().join("state")).expect("opened"))
    }

    #[test]
    fn a_component_is_given_only_as_it_was_agreed_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let pins = pins(&folder);
        assert!(pins.component("quill").expect("readable").is_none());
        let path = pins.install("quill", b"code", pin(b"code", &[])).expect("installed");
        assert_eq!(pins.component("quill").expect("readable").as_deref(), Some(b"code".as_slice()));
        std::fs::write(&path, b"other code").expect("written");
        assert!(matches!(pins.component("quill"), Err(PinError::Changed { .. })));
        assert!(pins.remove("quill").expect("removed") && !pins.remove("quill").expect("nothing there"));
        assert!(!path.exists());
    }

    #[test]
    fn only_what_is_new_widens_and_a_component_put_there_by_hand_is_not_installed() {
        let old = pin(b"a", &["may ask GET /zones"]);
        let new = pin(b"b", &["may ask GET /zones", "may ask DELETE /zones/{zone}"]);
        assert_eq!(old.widened_by(&new), ["may ask DELETE /zones/{zone}"]);
        assert!(new.widened_by(&old).is_empty());
        let folder = tempfile::tempdir().expect("a folder");
        let pins = pins(&folder);
        std::fs::write(pins.component_path("quill"), b"code").expect("written");
        assert!(pins.component("quill").expect("readable").is_none());
    }
}
