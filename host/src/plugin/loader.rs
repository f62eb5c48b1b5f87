//! From the bytes of a component to code that can run.

use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::plugin::cache::{self, CompiledCache};
use crate::plugin::inspect::{InspectError, Inspected, inspect};

/// A component that was checked and compiled.
pub struct Loaded {
    /// The engine it runs on.
    pub engine: Engine,
    /// Its code.
    pub component: Component,
    /// What it says of itself.
    pub inspected: Inspected,
}

/// Loads components for one engine.
#[derive(Clone)]
pub struct Loader {
    engine: Engine,
    cache: Option<CompiledCache>,
}

impl Loader {
    /// Compiles on `engine` and keeps the code in `cache`, if there is one.
    pub fn new(engine: Engine, cache: Option<CompiledCache>) -> Self {
        Self { engine, cache }
    }

    /// Reads a file once: the bytes that are checked are those that are compiled.
    pub fn load_file(&self, path: &Path) -> Result<Loaded, LoadError> {
        let bytes = std::fs::read(path).map_err(|source| LoadError::Unreadable { path: path.to_owned(), source })?;
        self.load(&bytes, &path.display().to_string())
    }

    /// Checks and compiles a component; `source` names it in errors.
    pub fn load(&self, bytes: &[u8], source: &str) -> Result<Loaded, LoadError> {
        if bytes.len() > MAX_COMPONENT_BYTES {
            return Err(LoadError::TooLarge { plugin: source.to_owned(), bytes: bytes.len() });
        }
        let inspected =
            inspect(bytes).map_err(|error| LoadError::NotAProvider { plugin: source.to_owned(), source: error })?;
        let component = match self.cached(&inspected.sha256) {
            Some(component) => component,
            None => self.compile(bytes, &inspected)?,
        };
        Ok(Loaded { engine: self.engine.clone(), component, inspected })
    }

    fn cached(&self, sha256: &str) -> Option<Component> {
        self.cache.as_ref()?.load(&self.engine, sha256)
    }

    fn compile(&self, bytes: &[u8], inspected: &Inspected) -> Result<Component, LoadError> {
        let failed = |source| LoadError::NotCompiled { plugin: inspected.manifest.id.clone(), source };
        let code = self.engine.precompile_component(bytes).map_err(failed)?;
        if let Some(cache) = &self.cache
            && let Err(error) = cache.save(&self.engine, &inspected.sha256, &code)
        {
            tracing::warn!(%error, "compiled code could not be kept; it will be compiled again");
        }
        cache::deserialize(&self.engine, &code).map_err(failed)
    }
}

const MAX_COMPONENT_BYTES: usize = 16 * 1024 * 1024;

/// Why a component cannot run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("could not read the plugin {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Larger than any provider.
    #[error("the plugin {plugin} has {bytes} bytes, more than {MAX_COMPONENT_BYTES}; is it the right file?")]
    TooLarge {
        /// The component.
        plugin: String,
        /// Its size.
        bytes: usize,
    },
    /// It is no provider for this host.
    #[error("could not use the plugin {plugin}: {source}")]
    NotAProvider {
        /// The component.
        plugin: String,
        /// Why not.
        source: InspectError,
    },
    /// It cannot be compiled.
    #[error("could not compile the plugin {plugin}; it may be damaged, get it again")]
    NotCompiled {
        /// The provider.
        plugin: String,
        /// What wasmtime said.
        source: wasmtime::Error,
    },
}
