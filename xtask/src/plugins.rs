//! The bundled providers as components.

use std::path::{Path, PathBuf};

use acmite_build::{BuildError, Built};
use sha2::{Digest, Sha256};

use crate::steps::{self, StepError};

/// Builds all and prints a line each.
pub(crate) fn build() -> Result<(), StepError> {
    steps::ensure_target()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the repository");
    let built = acmite_build::build_all(&root.join("plugins")).map_err(PluginsError::Build)?;
    let folder = root.join("target/plugins");
    std::fs::create_dir_all(&folder).map_err(|source| PluginsError::Unwritten { path: folder.clone(), source })?;
    remove_others(&folder, &built)?;
    Ok(built.iter().try_for_each(|plugin| write(&folder, plugin))?)
}

/// A provider whose crate is gone must not be bundled any more.
fn remove_others(folder: &Path, built: &[Built]) -> Result<(), PluginsError> {
    let failed = |source| PluginsError::Unwritten { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !built.iter().any(|plugin| path.file_stem().is_some_and(|stem| *stem == *plugin.id)) {
            std::fs::remove_file(&path).map_err(failed)?;
        }
    }
    Ok(())
}

/// Writes only what has changed: the client is built anew when a file here is younger.
fn write(folder: &Path, plugin: &Built) -> Result<(), PluginsError> {
    let Built { id, version, component } = plugin;
    let path = folder.join(format!("{id}.wasm"));
    if std::fs::read(&path).ok().as_ref() != Some(component) {
        std::fs::write(&path, component).map_err(|source| PluginsError::Unwritten { path, source })?;
    }
    let digest: String = Sha256::digest(component).iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{id:<16} {version:<8} {:>8} bytes  sha256 {digest}", component.len());
    Ok(())
}

/// Why the providers are not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PluginsError {
    #[error(transparent)]
    Build(BuildError),
    #[error("could not write {}: {source}; is the disk full?", path.display())]
    Unwritten { path: PathBuf, source: std::io::Error },
}
