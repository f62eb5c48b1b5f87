//! `cargo xtask dist`: what is handed out, in target/dist: an archive and a Debian package, of a static binary where the
//! toolchain makes one.

mod deb;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::plugins;
use crate::steps::{StepError, cargo};
use deb::{Control, File};

/// Which binary is packed, and where to.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Rust's name of the machine to build for; a static one where the toolchain has it, if none is named
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Pack this binary, which was built for the target, and build none
    #[arg(long, value_name = "FILE", requires = "target")]
    binary: Option<PathBuf>,
    /// The folder to write to [default: target/dist]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// Builds and packs for a target.
pub(crate) fn run(options: Options) -> Result<(), StepError> {
    let target = options.target.unwrap_or_else(best_target);
    let folder = options.to.unwrap_or_else(|| root().join("target/dist"));
    let binary = match options.binary {
        Some(binary) => binary,
        None => build(&target)?,
    };
    Ok(pack(&target, &binary, &folder)?)
}

/// A binary without a C library of the system's runs on every Linux.
fn best_target() -> String {
    let musl = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", &musl]).output();
    let is_there = |output: &std::process::Output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir();
    if libraries.is_ok_and(|output| is_there(&output)) && Command::new("musl-gcc").arg("--version").output().is_ok() {
        return musl;
    }
    println!("==> for a static binary run: rustup target add {musl}; apt-get install musl-tools");
    musl.replace("musl", "gnu")
}

fn build(target: &str) -> Result<PathBuf, StepError> {
    plugins::build()?;
    cargo("acmite", &["build", "--locked", "--release", "--package", "acmite", "--target", target])?;
    Ok(root().join("target").join(target).join("release/acmite"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the repository")
}

fn pack(target: &str, binary: &Path, folder: &Path) -> Result<(), DistError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| DistError::Write { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let files = files(binary, folder)?;
    let version = env!("CARGO_PKG_VERSION");
    let architecture = match target.split('-').next() {
        Some("x86_64") => "amd64",
        Some("aarch64") => "arm64",
        _ => return Err(DistError::NoArchitecture { target: target.to_owned() }),
    };
    let depends = if target.ends_with("musl") { "ca-certificates" } else { "ca-certificates, libc6, libgcc-s1" };
    let control = Control { version, architecture, depends };
    let archive = folder.join(format!("acmite-{version}-{target}.tar.gz"));
    let package = folder.join(format!("acmite_{version}_{architecture}.deb"));
    for (path, bytes) in [(&archive, deb::archive(&files)), (&package, deb::package(&control, &files))] {
        let bytes = bytes.map_err(failed(path))?;
        std::fs::write(path, &bytes).map_err(failed(path))?;
        println!("dist {} ({} bytes)", path.display(), bytes.len());
    }
    Ok(())
}

/// What is installed, by its place below `/`.
fn files(binary: &Path, folder: &Path) -> Result<Vec<File>, DistError> {
    let read = |path: &Path| std::fs::read(path).map_err(|source| DistError::Read { path: path.to_owned(), source });
    let mut files = vec![File::program("usr/bin/acmite", read(binary)?)];
    for (shell, place) in COMPLETIONS {
        files.push(File::plain(place, said(binary, &["completions", shell])?));
    }
    for document in ["README.md", "SECURITY.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        files.push(File::plain(&format!("usr/share/doc/acmite/{document}"), read(&root().join(document))?));
    }
    files.push(File::plain("usr/share/doc/acmite/copyright", COPYRIGHT.as_bytes().to_vec()));
    files.push(File::zipped("usr/share/doc/acmite/changelog.gz", &read(&root().join("CHANGELOG.md"))?));
    files.extend(units(binary)?);
    // The sandbox of the units lets them write there, and they do not start where it is missing.
    files.push(File::private_folder("var/lib/acmite"));
    let pages = folder.join("man");
    remove_folder(&pages)?;
    said(binary, &["man", &pages.display().to_string()])?;
    let entries = std::fs::read_dir(&pages).map_err(|source| DistError::Read { path: pages.clone(), source })?;
    for page in entries.flatten().map(|entry| entry.path()) {
        let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push(File::zipped(&format!("usr/share/man/man1/{name}.gz"), &read(&page)?));
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Pages of commands that are no more would be packed too.
fn remove_folder(path: &Path) -> Result<(), DistError> {
    match std::fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(DistError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// The service with its timer, and the service that goes on, as the binary itself writes them.
fn units(binary: &Path) -> Result<Vec<File>, DistError> {
    let installed = ["--program", "/usr/bin/acmite", "--state-dir", "/var/lib/acmite"];
    let mut units = Vec::new();
    for kind in ["--systemd", "--service"] {
        let said = said(binary, &[&["--json", "timer", "print", kind], &installed[..]].concat())?;
        let printed: Printed = serde_json::from_slice(&said).map_err(|source| DistError::NoUnits { source })?;
        let file =
            |Unit { name, text }: Unit| File::plain(&format!("usr/lib/systemd/system/{name}"), text.into_bytes());
        units.extend(printed.files.into_iter().map(file));
    }
    Ok(units)
}

#[derive(serde::Deserialize)]
struct Printed {
    files: Vec<Unit>,
}

#[derive(serde::Deserialize)]
struct Unit {
    name: String,
    text: String,
}

const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/acmite"),
    ("zsh", "usr/share/zsh/vendor-completions/_acmite"),
    ("fish", "usr/share/fish/vendor_completions.d/acmite.fish"),
];

const COPYRIGHT: &str = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: acmite
Source: https://github.com/acmite/acmite

Files: *
Copyright: 2026 The acmite authors
License: Apache-2.0 or MIT
 The texts are beside this file: LICENSE-APACHE and LICENSE-MIT.
";

fn said(binary: &Path, arguments: &[&str]) -> Result<Vec<u8>, DistError> {
    let output = Command::new(binary).args(arguments).output();
    let output = output.map_err(|source| DistError::Read { path: binary.to_owned(), source })?;
    let command = || format!("{} {}", binary.display(), arguments.join(" "));
    if output.status.success() { Ok(output.stdout) } else { Err(DistError::Refused { command: command() }) }
}

/// Why nothing was packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DistError {
    /// A file is missing, or the binary does not run here.
    #[error("could not read or run {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("could not write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The binary does not do what it is asked.
    #[error("`{command}` failed; run it to see why")]
    Refused {
        /// The command.
        command: String,
    },
    /// The binary prints its units in another way.
    #[error("the units that the binary printed cannot be read: {source}")]
    NoUnits {
        /// Why.
        source: serde_json::Error,
    },
    /// Debian has another name for the machine, or none.
    #[error("it is not known what Debian calls the machine of {target}; add it to dist.rs")]
    NoArchitecture {
        /// Rust's name.
        target: String,
    },
}
