//! `cargo xtask plugins`: every provider built to `target/plugins/ID.wasm`, where acmite's build script finds it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use acmite_build::{BuildError, Built, build_plugin};

/// Builds every provider below `plugins/`, and takes away components whose crate is gone.
pub(crate) fn build() -> Result<(), PluginsError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the repository");
    let out = root.join("target/plugins");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PluginsError::Folder { path, source }
    };
    std::fs::create_dir_all(&out).map_err(failed(&out))?;
    let mut kept = BTreeSet::new();
    for folder in crates(&root.join("plugins"))? {
        let built = build_plugin(&folder).map_err(|source| PluginsError::Build { folder, source: Box::new(source) })?;
        let path = out.join(format!("{}.wasm", built.id));
        write_if_changed(&path, &built).map_err(failed(&path))?;
        println!("plugin {:<14} {:>7} bytes  {}", built.id, built.component.len(), path.display());
        kept.insert(path);
    }
    for entry in std::fs::read_dir(&out).map_err(failed(&out))? {
        let path = entry.map_err(failed(&out))?.path();
        if !kept.contains(&path) {
            std::fs::remove_file(&path).map_err(failed(&path))?;
        }
    }
    Ok(())
}

fn crates(plugins: &Path) -> Result<Vec<PathBuf>, PluginsError> {
    let failed = |source| PluginsError::Folder { path: plugins.to_owned(), source };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(plugins).map_err(failed)? {
        let folder = entry.map_err(failed)?.path();
        if folder.join("plugin.toml").is_file() {
            folders.push(folder);
        }
    }
    folders.sort();
    Ok(folders)
}

/// An unchanged file keeps its time, so that acmite is not built again.
fn write_if_changed(path: &Path, built: &Built) -> std::io::Result<()> {
    if std::fs::read(path).is_ok_and(|there| there == built.component) {
        return Ok(());
    }
    std::fs::write(path, &built.component)
}

/// Why the providers were not built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PluginsError {
    #[error("could not use {}: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("could not build the provider in {}: {source}", folder.display())]
    Build { folder: PathBuf, source: Box<BuildError> },
}
