//! `acmite plugin new`.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Printer;
use super::exit::{Exit, Failure};
use crate::plugin::bundled;

/// Begin a provider in Rust: a crate that works, for an invented API, with your id put in.
///
/// Example: acmite plugin new quillzone --dir ./quillzone
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Its id: lower case letters, digits and '-', beginning with a letter
    #[arg(value_name = "ID", value_parser = free_id)]
    id: String,
    /// Folder to make [default: ID here]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Folder of the SDK's crate, sdk/rust of a checkout [default: the repository, by git]
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

pub(super) fn run(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let folder = args.dir.clone().unwrap_or_else(|| PathBuf::from(&args.id));
    let sdk = sdk_source(args.sdk.as_deref()).map_err(|error| Failure::of(Exit::Configuration, &error))?;
    write(&folder, &args.id, &sdk).map_err(|error| Failure::of(Exit::Failed, &error))?;
    let shown = folder.display();
    let next = [
        format!("cd {shown} && cargo test"),
        format!("acmite plugin build {shown}"),
        "acmite lab, in another terminal; it prints how to test the provider with its mock of that API".to_owned(),
    ];
    let text =
        format!("{shown} is a provider that works, for an invented API; make it yours\nnext:\n  {}", next.join("\n  "));
    printer.result(&text, &json!({"event": "begun", "id": args.id, "path": folder, "next": next}));
    Ok(Exit::Done)
}

fn free_id(id: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !id.starts_with(|c: char| c.is_ascii_lowercase()) || !id.chars().all(allowed) {
        return Err("an id is lower case letters, digits and '-', and begins with a letter".to_owned());
    }
    if bundled::component(id).is_some() {
        return Err("a bundled provider has this id; take another".to_owned());
    }
    Ok(id.to_owned())
}

/// The SDK as `Cargo.toml` names it.
fn sdk_source(folder: Option<&Path>) -> Result<String, NewError> {
    let Some(folder) = folder else { return Ok(format!("git = \"{}\"", env!("CARGO_PKG_REPOSITORY"))) };
    let unusable = |source| NewError::NoSdk { folder: folder.to_owned(), source };
    folder.join("Cargo.toml").metadata().map_err(unusable)?;
    let whole = folder.canonicalize().map_err(unusable)?;
    // A basic string of TOML takes JSON's escapes.
    Ok(format!("path = {}", json!(whole)))
}

fn write(folder: &Path, id: &str, sdk: &str) -> Result<(), NewError> {
    let unwritten = |path: &Path| {
        let path = path.to_owned();
        move |source| NewError::Unwritten { path, source }
    };
    if let Some(above) = folder.parent() {
        std::fs::create_dir_all(above).map_err(unwritten(above))?;
    }
    std::fs::create_dir(folder).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => NewError::Exists { folder: folder.to_owned() },
        _ => unwritten(folder)(source),
    })?;
    for name in ["src", "fixtures"] {
        let path = folder.join(name);
        std::fs::create_dir(&path).map_err(unwritten(&path))?;
    }
    for (name, text) in TEMPLATE {
        let path = folder.join(name);
        std::fs::write(&path, filled(text, id, sdk)).map_err(unwritten(&path))?;
    }
    Ok(())
}

fn filled(text: &str, id: &str, sdk: &str) -> String {
    let title: String = id.split('-').map(capitalized).collect();
    text.replace(SDK_BESIDE, sdk)
        .replace("quillzone", id)
        .replace("Quillzone", &title)
        .replace("QUILLZONE", &id.to_uppercase().replace('-', "_"))
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    first.to_uppercase() + rest
}

const SDK_BESIDE: &str = "path = \"../rust\"";

macro_rules! template {
    ($($name:literal),+) => { &[$(($name, include_str!(concat!("../../../../sdk/template/", $name)))),+] };
}

const TEMPLATE: &[(&str, &str)] = template![
    "Cargo.toml",
    "rustfmt.toml",
    "plugin.toml",
    "src/lib.rs",
    "src/api.rs",
    "src/tests.rs",
    "fixtures/created.json",
    "fixtures/records.json"
];

/// Why no provider was begun.
#[derive(Debug, thiserror::Error)]
enum NewError {
    #[error("{} is there already and stays as it is; name another folder with --dir", folder.display())]
    Exists { folder: PathBuf },
    #[error("could not write {}; check the permissions of the folder above it", path.display())]
    Unwritten { path: PathBuf, source: io::Error },
    #[error("{} holds no crate; give the folder sdk/rust of a checkout", folder.display())]
    NoSdk { folder: PathBuf, source: io::Error },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_invented_name_is_left_and_the_sdk_is_named() {
        for (name, text) in TEMPLATE {
            let filled = filled(text, "my-dns2", "git = \"x\"");
            assert!(!filled.to_lowercase().contains("quillzone"), "{name}");
            assert!(!filled.contains("../rust"), "{name}");
        }
        let all: String = TEMPLATE.iter().map(|(_, text)| filled(text, "my-dns2", "git = \"x\"")).collect();
        for expected in ["id = \"my-dns2\"", "struct MyDns2;", "MY_DNS2_TOKEN", "acmite-sdk = { git = \"x\" }"] {
            assert!(all.contains(expected), "{expected}");
        }
    }

    #[test]
    fn an_id_that_no_manifest_may_have_is_refused() {
        assert_eq!(free_id("my-dns2").as_deref(), Ok("my-dns2"));
        for id in ["", "My", "2dns", "-dns", "a_b", "../a"] {
            assert!(free_id(id).is_err(), "{id}");
        }
    }
}
