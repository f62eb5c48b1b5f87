//! Compiled code kept on disk: only what this user wrote, only when it is whole.

use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::plugin::inspect::sha256_hex;
use crate::secure_file;

/// A folder of compiled components, 0700, one file for each component and engine.
#[derive(Clone, Debug)]
pub struct CompiledCache {
    folder: PathBuf,
}

impl CompiledCache {
    /// Uses `folder`, making it where it is missing.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        secure_file::create_private_dir(folder)
            .map_err(|source| CacheError::Folder { path: folder.to_owned(), source: Box::new(source) })?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The compiled form of the component with this digest, if a whole one for this engine is there. A bad record is
    /// set aside.
    pub fn load(&self, engine: &Engine, component_sha256: &str) -> Option<Component> {
        let path = self.record_path(engine, component_sha256);
        let record = match secure_file::read_private_capped(&path, MAX_RECORD_BYTES) {
            Ok(record) => record,
            Err(_) if !path.exists() => return None,
            Err(_) => return self.set_aside(&path, "it cannot be trusted"),
        };
        let Some(code) = checked_code(&record) else { return self.set_aside(&path, "it is damaged") };
        match deserialize(engine, code) {
            Ok(component) => Some(component),
            Err(_) => self.set_aside(&path, "wasmtime does not take it"),
        }
    }

    /// Keeps the compiled form `code` of a component.
    pub fn save(&self, engine: &Engine, component_sha256: &str, code: &[u8]) -> Result<(), CacheError> {
        let path = self.record_path(engine, component_sha256);
        let mut record = Vec::with_capacity(HEADER_BYTES + code.len());
        record.extend_from_slice(MAGIC);
        record.extend_from_slice(sha256_hex(code).as_bytes());
        record.extend_from_slice(code);
        secure_file::write_whole(&path, &record, 0o600)
            .map_err(|source| CacheError::Write { path, source: Box::new(source) })
    }

    fn record_path(&self, engine: &Engine, component_sha256: &str) -> PathBuf {
        self.folder.join(format!("{component_sha256}-{}.compiled", engine_key(engine)))
    }

    fn set_aside(&self, path: &Path, why: &str) -> Option<Component> {
        tracing::warn!(path = %path.display(), why, "a record of compiled code is set aside and made anew");
        if let Err(error) = std::fs::rename(path, path.with_extension("rejected")) {
            tracing::warn!(path = %path.display(), %error, "it could not be set aside");
        }
        None
    }
}

/// Loads code that this host compiled itself.
#[expect(unsafe_code, reason = "the one place where compiled code is loaded; see SAFETY")]
pub(super) fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` is what `Engine::precompile_component` of this program gave: either just now from a child process
    // of the same executable, or from a file that only this user could write and whose digest was checked over this
    // very buffer.
    unsafe { Component::deserialize(engine, code) }
}

fn checked_code(record: &[u8]) -> Option<&[u8]> {
    let rest = record.strip_prefix(MAGIC.as_slice())?;
    let (digest, code) = rest.split_at_checked(HEADER_BYTES - MAGIC.len())?;
    (sha256_hex(code).as_bytes() == digest).then_some(code)
}

fn engine_key(engine: &Engine) -> String {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{}-{:016x}", std::env::consts::ARCH, hasher.finish())
}

const MAGIC: &[u8; 16] = b"acmite-compiled1";
const HEADER_BYTES: usize = 16 + 64;
const MAX_RECORD_BYTES: u64 = 64 * 1024 * 1024;

/// Why compiled code could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The folder cannot be used.
    #[error("could not use the cache folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The record was not written.
    #[error("could not write {}", path.display())]
    Write {
        /// The record.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
