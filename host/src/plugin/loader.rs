//! From the bytes of a component to code that can run.

use std::io::Read;
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::plugin::cache::{self, CompiledCache};
use crate::plugin::compile::{CompileError, Compiler};
use crate::plugin::inspect::{InspectError, Inspected, inspect};
use crate::plugin::limits::COMPONENT_BYTES;

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
    compiler: Compiler,
}

impl Loader {
    /// Compiles on `engine`, in this process, and keeps the code in `cache`, if there is one.
    pub fn new(engine: Engine, cache: Option<CompiledCache>) -> Self {
        Self { engine, cache, compiler: Compiler::InProcess }
    }

    /// Compiles elsewhere.
    pub fn with_compiler(self, compiler: Compiler) -> Self {
        Self { compiler, ..self }
    }

    /// Reads a file once: the bytes that are checked are those that are compiled.
    pub fn load_file(&self, path: &Path) -> Result<Loaded, LoadError> {
        let bytes = read_capped(path).map_err(|source| LoadError::Unreadable { path: path.to_owned(), source })?;
        self.load(&bytes, &path.display().to_string())
    }

    /// Checks and compiles a component; `source` names it in errors.
    pub fn load(&self, bytes: &[u8], source: &str) -> Result<Loaded, LoadError> {
        if bytes.len() > COMPONENT_BYTES {
            return Err(LoadError::TooLarge { plugin: source.to_owned() });
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
        let plugin = || inspected.manifest.id.clone();
        let code = self
            .compiler
            .compile(&self.engine, bytes)
            .map_err(|source| LoadError::NotCompiled { plugin: plugin(), source })?;
        if let Some(cache) = &self.cache
            && let Err(error) = cache.save(&self.engine, &inspected.sha256, &code)
        {
            tracing::warn!(%error, "compiled code could not be kept; it will be compiled again");
        }
        cache::deserialize(&self.engine, &code).map_err(|source| LoadError::NotLoaded { plugin: plugin(), source })
    }
}

/// No more than shows that it is too much: a device or FIFO has no end.
fn read_capped(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(COMPONENT_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

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
    #[error("the plugin {plugin} has more than {COMPONENT_BYTES} bytes; is it the right file?")]
    TooLarge {
        /// The component.
        plugin: String,
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
        /// Why not.
        source: CompileError,
    },
    /// Its code does not run here.
    #[error("could not load the code of plugin {plugin}; the compiler may be of another version of acmite")]
    NotLoaded {
        /// The provider.
        plugin: String,
        /// What wasmtime said.
        source: wasmtime::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        let loader = Loader::new(crate::plugin::engine::new_engine().expect("an engine"), None);
        let error = loader.load_file(Path::new("/dev/zero")).err().expect("too large");
        assert!(matches!(error, LoadError::TooLarge { .. }), "{error}");
        let error = loader.load_file(Path::new("/nowhere")).err().expect("no file");
        assert!(matches!(error, LoadError::Unreadable { .. }), "{error}");
    }
}
