//! Providers, built once for a test run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use acmite::plugin::engine::new_engine;
use acmite::plugin::loader::{Loaded, Loader};

/// The folder of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Builds `plugins/ID` to a component.
///
/// # Panics
/// If it cannot be built.
pub fn build(id: &str) -> Vec<u8> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let built = acmite_build::build_plugin(&repository().join("plugins").join(id)).expect("a plugin that builds");
    assert_eq!(built.id, id);
    built.component
}

/// Builds, checks and compiles `plugins/ID`, once in a process.
///
/// # Panics
/// If it cannot be built or is refused.
pub fn load(id: &str) -> Loaded {
    static LOADED: Mutex<BTreeMap<String, Loaded>> = Mutex::new(BTreeMap::new());
    let mut all = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = all.entry(id.to_owned()).or_insert_with(|| {
        let engine = new_engine().expect("an engine");
        Loader::new(engine, None).load(&build(id), id).expect("a provider that loads")
    });
    let Loaded { engine, component, inspected } = loaded;
    Loaded { engine: engine.clone(), component: component.clone(), inspected: inspected.clone() }
}
