//! What a component says of itself, read without compiling or running anything.

use wasmparser::{Encoding, Parser, Payload};

use crate::digest::sha256_hex;
use crate::plugin::manifest::{Manifest, ManifestError};

/// The outside of a component that is a provider for this host.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// SHA-256 of the whole component in lower case hex.
    pub sha256: String,
    /// What the provider says it needs.
    pub manifest: Manifest,
    /// The same as it is written.
    pub manifest_text: String,
    /// The interfaces imported, as `acmite:provider/http@0.1.0`.
    pub imports: Vec<String>,
}

/// Reads the manifest and the import list, and checks that nothing but the contract is imported.
pub fn inspect(component: &[u8]) -> Result<Inspected, InspectError> {
    let outside = read_outside(component)?;
    for import in &outside.imports {
        check_import(import)?;
    }
    if !outside.exports.iter().any(|export| export == &contract_item("plugin")) {
        return Err(wrong_export(&outside.exports));
    }
    let text = outside.manifest.ok_or(InspectError::NoManifest)?;
    let manifest = Manifest::parse(&text).map_err(|source| InspectError::Manifest { source })?;
    Ok(Inspected { sha256: sha256_hex(component), manifest, manifest_text: text, imports: outside.imports })
}

#[derive(Default)]
struct Outside {
    imports: Vec<String>,
    exports: Vec<String>,
    manifest: Option<String>,
}

fn read_outside(component: &[u8]) -> Result<Outside, InspectError> {
    let mut outside = Outside::default();
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|source| InspectError::Malformed { source })?;
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => return Err(InspectError::CoreModule),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(|source| InspectError::Malformed { source })?;
                    outside.imports.push(import.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.map_err(|source| InspectError::Malformed { source })?;
                    outside.exports.push(export.name.name.to_owned());
                }
            }
            Payload::CustomSection(section) if depth == 0 && section.name() == MANIFEST_SECTION => {
                let text = String::from_utf8(section.data().to_vec()).map_err(|_| InspectError::ManifestNotText)?;
                if outside.manifest.replace(text).is_some() {
                    return Err(InspectError::TwoManifests);
                }
            }
            _ => {}
        }
    }
    Ok(outside)
}

fn check_import(name: &str) -> Result<(), InspectError> {
    if CONTRACT_INTERFACES.iter().any(|interface| name == contract_item(interface)) {
        return Ok(());
    }
    match contract_version(name) {
        Some(version) if version != CONTRACT_VERSION => {
            Err(InspectError::OtherContract { version: version.to_owned() })
        }
        _ => Err(InspectError::ForbiddenImport { name: name.to_owned() }),
    }
}

fn wrong_export(exports: &[String]) -> InspectError {
    let other = exports.iter().find(|e| e.starts_with("acmite:provider/plugin@")).and_then(|e| contract_version(e));
    match other {
        Some(version) => InspectError::OtherContract { version: version.to_owned() },
        None => InspectError::NotAProvider,
    }
}

fn contract_version(name: &str) -> Option<&str> {
    name.strip_prefix("acmite:provider/").and_then(|rest| rest.split_once('@')).map(|(_, version)| version)
}

fn contract_item(interface: &str) -> String {
    format!("acmite:provider/{interface}@{CONTRACT_VERSION}")
}

/// The version of `wit/` that this host speaks.
pub const CONTRACT_VERSION: &str = "0.1.0";
const CONTRACT_INTERFACES: [&str; 5] = ["types", "secrets", "http", "dns-update", "log"];
const MANIFEST_SECTION: &str = "acmite:manifest";

/// Why a file is not a provider for this host.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// Not WebAssembly, or cut short.
    #[error("it is not a valid WebAssembly component; build it with `acmite plugin build`")]
    Malformed {
        /// What the parser said.
        source: wasmparser::BinaryReaderError,
    },
    /// A module that was not made into a component.
    #[error("it is a core module, not a component; build it with `acmite plugin build`")]
    CoreModule,
    /// Something beyond the contract is imported.
    #[error("it imports {name}, which no provider may have; build it for wasm32-unknown-unknown, without WASI")]
    ForbiddenImport {
        /// The import.
        name: String,
    },
    /// Built for another version of the contract.
    #[error(
        "it was built for contract {version}, this host speaks {CONTRACT_VERSION}; rebuild it with the matching acmite-sdk"
    )]
    OtherContract {
        /// The version it was built for.
        version: String,
    },
    /// It does not export what a provider exports.
    #[error("it does not export acmite:provider/plugin; build it with acmite-sdk's export! macro")]
    NotAProvider,
    /// There is no manifest at the outermost level.
    #[error("it carries no manifest; build it with `acmite plugin build`, which embeds plugin.toml")]
    NoManifest,
    /// Which of two manifests holds cannot be known.
    #[error("it carries two manifests, so neither is trusted; build it anew")]
    TwoManifests,
    /// The manifest section is not UTF-8.
    #[error("its manifest is not UTF-8 text; build it anew")]
    ManifestNotText,
    /// The manifest breaks a rule.
    #[error("its manifest is not valid")]
    Manifest {
        /// The rule.
        source: ManifestError,
    },
}
