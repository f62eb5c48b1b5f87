//! Providers, built once for a test run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use acmite::plugin::engine::new_engine;
use acmite::plugin::loader::{Loaded, Loader};

/// The folder of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of a provider: `plugins/ID`, or the template for the id that it has.
pub fn folder(id: &str) -> PathBuf {
    match id {
        TEMPLATE => repository().join("sdk/template"),
        id => repository().join("plugins").join(id),
    }
}

/// Id of the provider that `sdk/template` is.
pub const TEMPLATE: &str = "quillzone";

/// Builds the provider in `folder` to a component.
///
/// # Panics
/// If it cannot be built.
pub fn build(folder: &Path) -> Vec<u8> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    acmite_build::build_plugin(folder).expect("a plugin that builds").component
}

/// Ids of the providers in `plugins/`.
///
/// # Panics
/// If the folder cannot be read.
pub fn ids() -> Vec<String> {
    let folders = std::fs::read_dir(repository().join("plugins")).expect("the plugins").flatten();
    let with_manifest = folders.filter(|folder| folder.path().join("plugin.toml").is_file());
    with_manifest.map(|folder| folder.file_name().to_string_lossy().into_owned()).collect()
}

/// Builds, checks and compiles the provider of this id, once in a process.
///
/// # Panics
/// If it cannot be built or is refused.
pub fn load(id: &str) -> Loaded {
    static LOADED: Mutex<BTreeMap<String, Loaded>> = Mutex::new(BTreeMap::new());
    let mut all = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = all.entry(id.to_owned()).or_insert_with(|| {
        let engine = new_engine().expect("an engine");
        Loader::new(engine, None).load(&build(&folder(id)), id).expect("a provider that loads")
    });
    let Loaded { engine, component, inspected } = loaded;
    Loaded { engine: engine.clone(), component: component.clone(), inspected: inspected.clone() }
}
