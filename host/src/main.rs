//! The acmite command: for now, a look at a provider before it is used.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use acmite::plugin::inspect::{InspectError, Inspected, inspect};
use clap::{Parser, Subcommand};

/// An ACME (RFC 8555) client whose DNS providers are sandboxed WebAssembly components.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Providers.
    #[command(subcommand)]
    Plugin(PluginCommand),
}

#[derive(Subcommand)]
enum PluginCommand {
    /// Show what a provider is, needs and may do, without running it.
    ///
    /// Example: acmite plugin inspect ./powerdns.wasm
    Inspect {
        /// The component.
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    let Command::Plugin(PluginCommand::Inspect { file }) = Cli::parse().command;
    let (text, code) = match inspect_file(&file) {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(error) => (format!("error: {error}\n"), ExitCode::FAILURE),
    };
    let written = if code == ExitCode::SUCCESS {
        std::io::stdout().write_all(text.as_bytes())
    } else {
        std::io::stderr().write_all(text.as_bytes())
    };
    if written.is_ok() { code } else { ExitCode::FAILURE }
}

fn inspect_file(file: &Path) -> Result<String, ShowError> {
    let bytes = std::fs::read(file).map_err(|source| ShowError::Unreadable { path: file.to_owned(), source })?;
    let inspected = inspect(&bytes).map_err(|source| ShowError::Refused { path: file.to_owned(), source })?;
    Ok(shown(&inspected))
}

fn shown(inspected: &Inspected) -> String {
    let manifest = &inspected.manifest;
    let mut lines = vec![
        format!("{} {} ({})", manifest.id, manifest.version, manifest.name),
        format!("sha256     {}", inspected.sha256),
        format!("docs       {}", manifest.docs),
        format!("privilege  {}", manifest.privilege),
        format!("imports    {}", inspected.imports.join(", ")),
    ];
    for field in &manifest.fields {
        let kind = if field.secret { "secret" } else { "setting" };
        let need = if field.required { "required" } else { "optional" };
        lines.push(format!("{kind:<10} {} ({need}): {}", field.name, field.help));
    }
    lines.extend(manifest.permissions());
    lines.join("\n") + "\n"
}

/// Why a provider cannot be shown.
#[derive(Debug, thiserror::Error)]
enum ShowError {
    #[error("could not read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("could not use {}: {}", path.display(), chain(source))]
    Refused { path: PathBuf, source: InspectError },
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
