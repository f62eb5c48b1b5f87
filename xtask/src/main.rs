//! acmite's own commands: `cargo xtask test`, `cargo xtask plugins`, `cargo xtask peers`,
//! `cargo xtask hygiene`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command that reports to whoever runs it")]

mod hygiene;
mod peers;
mod plugins;
mod steps;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Commands for those who work on acmite.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything that proves acmite right; installs the peers it needs. Under CI=true a missing peer is a failure.
    Test {
        /// Leave out what needs real servers.
        #[arg(long)]
        quick: bool,
    },
    /// Build every provider under plugins/ to target/plugins/ID.wasm, from where the client bundles them; print id,
    /// version, bytes and SHA-256 of each.
    Plugins,
    /// Find the real servers the tests run against, install what is missing, and say what could not be had.
    Peers,
    /// Check all dependencies' licences against deny.toml and look for banned crates.
    Hygiene,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Test { quick } => steps::test(quick),
        Command::Plugins => plugins::build(),
        Command::Peers => peers::ensure(),
        Command::Hygiene => hygiene::check().map_err(Into::into),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
