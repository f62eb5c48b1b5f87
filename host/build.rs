//! Embeds the providers that are bundled: every component in the folder that `ACMITE_BUNDLE` names, or in
//! `target/plugins`, where `cargo xtask plugins` puts them. Without either, none is bundled.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=ACMITE_BUNDLE");
    println!("cargo:rerun-if-changed=build.rs");
    let folder = std::env::var_os("ACMITE_BUNDLE").map_or_else(default_folder, PathBuf::from);
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut components = components(&folder);
    components.sort();
    let mut code = String::from("&[\n");
    for path in components {
        println!("cargo:rerun-if-changed={}", path.display());
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        writeln!(code, "    ({id:?}, include_bytes!({path:?}).as_slice()),").expect("a String takes all");
    }
    code.push_str("]\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    std::fs::write(out.join("bundled.rs"), code).expect("cargo made the folder");
}

fn default_folder() -> PathBuf {
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../target/plugins")
}

fn components(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| entry.ok().and_then(|entry| entry.path().canonicalize().ok()));
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "wasm")).collect()
}
