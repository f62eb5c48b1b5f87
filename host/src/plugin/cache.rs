//! Compiled code kept on disk: only what this user wrote, only when it is whole.

use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digest::sha256_hex;
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
        let policy = secure_file::Policy { max_bytes: MAX_RECORD_BYTES, ..secure_file::Policy::default() };
        let record = match secure_file::read_private_with(&path, &policy) {
            Ok(record) => record,
            Err(_) if !path.exists() => return None,
            Err(_) => return self.set_aside(&path, "it cannot be trusted"),
        };
        let Some(code) = checked_code(&record, &record_key(engine, component_sha256)) else {
            return self.set_aside(&path, "it is damaged");
        };
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
        record.extend_from_slice(record_digest(&record_key(engine, component_sha256), code).as_bytes());
        record.extend_from_slice(code);
        // What a power cut leaves of it does not have its digest, and is made anew.
        secure_file::write_whole_soon(&path, &record, 0o600)
            .map_err(|source| CacheError::Write { path, source: Box::new(source) })
    }

    fn record_path(&self, engine: &Engine, component_sha256: &str) -> PathBuf {
        self.folder.join(format!("{}.compiled", record_key(engine, component_sha256)))
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

fn checked_code<'a>(record: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let rest = record.strip_prefix(MAGIC.as_slice())?;
    let (digest, code) = rest.split_at_checked(HEADER_BYTES - MAGIC.len())?;
    (record_digest(key, code).as_bytes() == digest).then_some(code)
}

/// Over the key too, so that a record under another's name is not taken for it.
fn record_digest(key: &str, code: &[u8]) -> String {
    sha256_hex(&[key.as_bytes(), b"\0", code].concat())
}

/// Component, engine with its settings and version, and machine.
fn record_key(engine: &Engine, component_sha256: &str) -> String {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let (machine, system) = (std::env::consts::ARCH, std::env::consts::OS);
    format!("{component_sha256}-{machine}-{system}-{:016x}", hasher.finish())
}

const MAGIC: &[u8; 16] = b"acmite-compiled2";
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

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::plugin::engine::new_engine;

    const ONE: &str = "1111";
    const OTHER: &str = "2222";

    fn cache() -> (tempfile::TempDir, CompiledCache, Engine) {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = CompiledCache::open(&folder.path().join("compiled")).expect("a cache");
        (folder, cache, new_engine().expect("an engine"))
    }

    fn code(engine: &Engine, text: &str) -> Vec<u8> {
        engine.precompile_component(&wat::parse_str(text).expect("valid text")).expect("compiled")
    }

    /// A cache with one record that can be loaded.
    fn filled() -> (tempfile::TempDir, CompiledCache, Engine) {
        let (folder, cache, engine) = cache();
        cache.save(&engine, ONE, &code(&engine, "(component)")).expect("saved");
        assert!(cache.load(&engine, ONE).is_some());
        (folder, cache, engine)
    }

    #[test]
    fn a_record_under_another_name_is_set_aside() {
        let (_folder, cache, engine) = filled();
        let (from, to) = (cache.record_path(&engine, ONE), cache.record_path(&engine, OTHER));
        fs::copy(&from, &to).expect("copied");
        assert!(cache.load(&engine, OTHER).is_none());
        assert!(!to.exists() && to.with_extension("rejected").exists());
        assert!(cache.load(&engine, ONE).is_some());
    }

    #[test]
    fn a_record_that_is_damaged_or_cut_short_is_set_aside() {
        let (_folder, cache, engine) = filled();
        let path = cache.record_path(&engine, ONE);
        let whole = fs::read(&path).expect("readable");
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in [&flipped[..], &whole[..whole.len() - 1], &whole[..20], b""] {
            fs::write(&path, damaged).expect("written");
            assert!(cache.load(&engine, ONE).is_none(), "{} bytes", damaged.len());
            assert!(!path.exists());
            cache.save(&engine, ONE, &code(&engine, "(component)")).expect("saved");
            assert!(cache.load(&engine, ONE).is_some());
        }
    }

    #[test]
    fn a_record_that_others_may_write_is_set_aside() {
        let (_folder, cache, engine) = filled();
        let path = cache.record_path(&engine, ONE);
        fs::set_permissions(&path, Permissions::from_mode(0o620)).expect("changed");
        assert!(cache.load(&engine, ONE).is_none());
        assert!(path.with_extension("rejected").exists());
    }

    #[test]
    fn a_folder_on_the_way_that_others_may_write_to_makes_every_record_useless() {
        let (folder, cache, engine) = filled();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("changed");
        assert!(cache.load(&engine, ONE).is_none());
    }

    #[test]
    fn a_record_that_is_no_file_is_set_aside_without_being_opened() {
        let (_folder, cache, engine) = cache();
        let path = cache.record_path(&engine, ONE);
        // A FIFO that was opened to be read would wait for its writer.
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).expect("made");
        assert!(cache.load(&engine, ONE).is_none());
        assert!(path.with_extension("rejected").exists());
    }

    #[test]
    fn a_link_leads_only_to_a_file_that_may_be_trusted() {
        let (folder, cache, engine) = filled();
        let path = cache.record_path(&engine, ONE);
        let open = folder.path().join("open");
        fs::create_dir(&open).expect("made");
        fs::rename(&path, open.join("code")).expect("moved");
        std::os::unix::fs::symlink(open.join("code"), &path).expect("linked");
        fs::set_permissions(&open, Permissions::from_mode(0o777)).expect("changed");
        assert!(cache.load(&engine, ONE).is_none());
    }

    #[test]
    fn a_record_of_another_engine_is_not_even_found() {
        let (_folder, cache, engine) = filled();
        let mut config = wasmtime::Config::new();
        config.wasm_component_model(true);
        let other = Engine::new(&config).expect("an engine");
        assert_ne!(cache.record_path(&engine, ONE), cache.record_path(&other, ONE));
        assert!(cache.load(&other, ONE).is_none());
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_no_cache() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o770)).expect("changed");
        assert!(matches!(CompiledCache::open(folder.path()), Err(CacheError::Folder { .. })));
    }
}
