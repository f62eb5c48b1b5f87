//! The steps of `cargo xtask test`, each a command with its duration.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::demo::{self, DemoError};
use crate::dist::DistError;
use crate::fuzz::FuzzError;
use crate::hygiene::{self, HygieneError};
use crate::peers::{self, PeersError};
use crate::plugins::{self, PluginsError};

/// Runs every step; the first that fails ends it.
pub(crate) fn test(quick: bool) -> Result<(), StepError> {
    ensure_target()?;
    if !quick {
        peers::ensure()?;
    }
    hygiene::check()?;
    cargo("format", &["fmt", "--all", "--check"])?;
    plugins::build()?;
    cargo("clippy", &["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    let tests = ["test", "--locked", "--workspace"];
    if quick {
        cargo("tests", &[&tests[..], &["--exclude", "acmite-tests"]].concat())?;
    } else {
        // With the features of the whole workspace, so that nothing is compiled twice.
        cargo("acmite for the tests", &["build", "--locked", "--workspace", "--bin", "acmite"])?;
        cargo_with("tests", &tests, Some(("ACMITE_BIN", built_binary())))?;
    }
    let plugins = ["--manifest-path", "plugins/Cargo.toml"];
    cargo("format of the hostile guests", &["fmt", "--check", "--manifest-path", "tests/guests/Cargo.toml"])?;
    cargo("format of the plugins", &[&["fmt", "--all", "--check"][..], &plugins].concat())?;
    let lints = ["--workspace", "--all-targets", "--", "-D", "warnings"];
    cargo("clippy of the plugins", &[&["clippy", "--locked"][..], &plugins, &lints].concat())?;
    cargo("tests of the plugins", &[&["test", "--locked", "--workspace"][..], &plugins].concat())?;
    if quick { Ok(()) } else { demo::run() }
}

/// Builds the release with all providers in it.
pub(crate) fn build() -> Result<(), StepError> {
    plugins::build()?;
    cargo("acmite", &["build", "--locked", "--release", "--package", "acmite"])
}

/// Providers are built for a target that a fresh toolchain does not have.
pub(crate) fn ensure_target() -> Result<(), StepError> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libraries = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let there = libraries.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir());
    if there {
        return Ok(());
    }
    println!("==> rustup target add {TARGET}");
    match Command::new("rustup").args(["target", "add", TARGET]).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(StepError::NoTarget),
    }
}

const TARGET: &str = "wasm32-unknown-unknown";

fn built_binary() -> PathBuf {
    target().join("debug/acmite")
}

/// Where cargo builds to.
pub(crate) fn target() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the repository");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

pub(crate) fn cargo(name: &'static str, arguments: &[&str]) -> Result<(), StepError> {
    cargo_with(name, arguments, None)
}

fn cargo_with(name: &'static str, arguments: &[&str], variable: Option<(&str, PathBuf)>) -> Result<(), StepError> {
    let command = format!("cargo {}", arguments.join(" "));
    println!("==> {name}: {command}");
    let started = Instant::now();
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(program)
        .args(arguments)
        .envs(variable)
        .status()
        .map_err(|source| StepError::NotStarted { command: command.clone(), source })?;
    println!("<== {name}: {} s", started.elapsed().as_secs());
    if status.success() { Ok(()) } else { Err(StepError::Failed { name, command }) }
}

/// Why the tests did not pass.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// The command could not be run.
    #[error("could not start `{command}`: {source}; is cargo on the PATH?")]
    NotStarted {
        /// The command.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The command ended with an error.
    #[error("step {name:?} failed; run `{command}` to see it alone")]
    Failed {
        /// The step.
        name: &'static str,
        /// The command.
        command: String,
    },
    /// Providers cannot be built.
    #[error("the target {TARGET} is missing and rustup could not add it; run: rustup target add {TARGET}")]
    NoTarget,
    /// A peer is missing where none may be.
    #[error(transparent)]
    Peers(#[from] PeersError),
    /// A provider was not built.
    #[error(transparent)]
    Plugins(#[from] PluginsError),
    /// The demo ended early.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// Nothing was packed.
    #[error(transparent)]
    Dist(#[from] DistError),
    /// A dependency breaks a rule.
    #[error(transparent)]
    Hygiene(#[from] HygieneError),
    /// Fuzzing failed or found something.
    #[error(transparent)]
    Fuzz(#[from] FuzzError),
}
