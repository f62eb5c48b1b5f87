//! Makes a provider: builds its crate, makes the module a component and embeds its manifest.
//!
//! The release profile is given here, so that a provider's own `Cargo.toml` needs none: small code, one unit, abort on
//! panic. [`Names`] says whether function names stay.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use wit_component::ComponentEncoder;

/// A provider that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Its id, as its manifest says.
    pub id: String,
    /// Its version, as its manifest says.
    pub version: String,
    /// The component with its manifest.
    pub component: Vec<u8>,
}

/// Whether a component keeps the names of its functions.
///
/// Where a panic was (file, line, message) is logged by the SDK's hook and needs no names; they make the frames of a
/// trap without panic, as of an endless recursion, readable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// Kept: about 15 % more bytes, nothing at run time.
    #[default]
    Keep,
    /// Left out.
    Strip,
}

/// Builds the crate in `folder`, which holds `Cargo.toml` and `plugin.toml`, for `wasm32-unknown-unknown`.
pub fn build_plugin(folder: &Path) -> Result<Built, BuildError> {
    build_plugin_with(folder, Names::default())
}

/// The same, with names or without.
pub fn build_plugin_with(folder: &Path, names: Names) -> Result<Built, BuildError> {
    let manifest_path = folder.join("plugin.toml");
    let manifest = read_text(&manifest_path)?;
    let Identity { id, version } =
        toml::from_str(&manifest).map_err(|source| BuildError::Manifest { path: manifest_path, source })?;
    let module_path = build_module(folder, names)?;
    let module =
        std::fs::read(&module_path).map_err(|source| BuildError::Unreadable { path: module_path.clone(), source })?;
    Ok(Built { id, version, component: componentize(&module, &manifest)? })
}

/// Builds every crate right below `folder` that has a `plugin.toml`, in order of their folders' names.
pub fn build_all(folder: &Path) -> Result<Vec<Built>, BuildError> {
    plugin_folders(folder)?.iter().map(|folder| build_plugin(folder)).collect()
}

fn plugin_folders(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let unreadable = |source| BuildError::Unreadable { path: folder.to_owned(), source };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    let mut folders: Vec<PathBuf> = paths.into_iter().filter(|path| path.join("plugin.toml").is_file()).collect();
    folders.sort();
    if folders.is_empty() { Err(BuildError::NoPlugins { folder: folder.to_owned() }) } else { Ok(folders) }
}

#[derive(Deserialize)]
struct Identity {
    id: String,
    version: String,
}

/// The component of a core module, with the manifest in a custom section at the outermost level.
pub fn componentize(module: &[u8], manifest: &str) -> Result<Vec<u8>, BuildError> {
    let mut component =
        ComponentEncoder::default().module(module).map_err(failed)?.validate(true).encode().map_err(failed)?;
    append_section(&mut component, MANIFEST_SECTION, manifest.as_bytes());
    Ok(component)
}

fn failed(source: impl std::fmt::Display) -> BuildError {
    BuildError::NotAComponent { message: format!("{source:#}") }
}

/// Core specification, section 5.5.3: id 0, size, name, contents; sizes in LEB128.
fn append_section(component: &mut Vec<u8>, name: &str, contents: &[u8]) {
    let mut section = Vec::new();
    leb128(&mut section, name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(contents);
    component.push(0);
    leb128(component, section.len());
    component.extend(section);
}

fn leb128(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn build_module(folder: &Path, names: Names) -> Result<PathBuf, BuildError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"])
        .current_dir(folder)
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", remapped(folder))
        .envs(PROFILE)
        .env("CARGO_PROFILE_RELEASE_STRIP", if names == Names::Keep { "debuginfo" } else { "symbols" })
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(BuildError::NoCargo)?;
    if !output.status.success() {
        return Err(BuildError::NotBuilt { folder: folder.to_owned() });
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(module_of)
        .next_back()
        .ok_or_else(|| BuildError::NoModule { folder: folder.to_owned() })
}

/// Paths of this machine, which panics mention, become relative ones. The flags are the same for all providers of a
/// folder, else each would have its dependencies built anew.
fn remapped(folder: &Path) -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let own = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let above = own.parent().and_then(Path::parent).map(Path::to_owned);
    let prefixes = [(home, "cargo"), (above, "../..")];
    let flag = |(from, to): (Option<PathBuf>, &str)| Some(format!("--remap-path-prefix={}={to}", from?.display()));
    prefixes.into_iter().filter_map(flag).collect::<Vec<_>>().join("\u{1f}")
}

/// The module that a line of cargo's JSON messages announces.
fn module_of(line: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Artifact {
        filenames: Vec<PathBuf>,
    }
    let artifact: Artifact = serde_json::from_str(line).ok()?;
    artifact.filenames.into_iter().find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

fn read_text(path: &Path) -> Result<String, BuildError> {
    std::fs::read_to_string(path).map_err(|source| BuildError::Unreadable { path: path.to_owned(), source })
}

const TARGET: &str = "wasm32-unknown-unknown";
const MANIFEST_SECTION: &str = "acmite:manifest";
/// What `plugins/Cargo.toml` says too.
const PROFILE: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
];

/// Why a provider was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file cannot be read.
    #[error("could not read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing to build.
    #[error("no folder below {} has a plugin.toml; give the folder that holds the providers' crates", folder.display())]
    NoPlugins {
        /// Where they were looked for.
        folder: PathBuf,
    },
    /// The manifest is no TOML with id and version.
    #[error("{} is not a manifest: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: toml::de::Error,
    },
    /// Cargo could not be run.
    #[error("could not run cargo: {0}; is it on the PATH?")]
    NoCargo(std::io::Error),
    /// The compiler said no.
    #[error("could not build {}; if the target is missing, run: rustup target add {TARGET}", folder.display())]
    NotBuilt {
        /// The crate.
        folder: PathBuf,
    },
    /// Nothing to make a component of.
    #[error("{} gives no module; its Cargo.toml needs crate-type = [\"cdylib\"]", folder.display())]
    NoModule {
        /// The crate.
        folder: PathBuf,
    },
    /// The module is not one of a component.
    #[error("could not make a component: {message}; does the crate call acmite_sdk::export! ?")]
    NotAComponent {
        /// What is wrong.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_leb128() {
        for (number, expected) in [(0, vec![0]), (127, vec![127]), (128, vec![0x80, 1]), (300, vec![0xac, 2])] {
            let mut bytes = Vec::new();
            leb128(&mut bytes, number);
            assert_eq!(bytes, expected);
        }
    }

    #[test]
    fn plugins_are_the_folders_with_a_manifest() {
        let found = plugin_folders(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins")).expect("plugins");
        assert!(found.iter().any(|folder| folder.ends_with("powerdns")));
        assert!(!found.iter().any(|folder| folder.ends_with("target")));
        let none = plugin_folders(Path::new(env!("CARGO_MANIFEST_DIR")));
        assert!(matches!(none, Err(BuildError::NoPlugins { .. })));
    }

    #[test]
    fn a_module_that_is_no_components_is_refused() {
        assert!(matches!(componentize(b"not wasm", ""), Err(BuildError::NotAComponent { .. })));
    }
}
