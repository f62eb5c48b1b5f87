//! acmite's own commands: `cargo xtask demo`, `test`, `plugins`, `build`, `bench`, `peers`, `hygiene`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command that reports to whoever runs it")]

mod bench;
mod demo;
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
    /// Issue a wildcard certificate from a CA, name servers and a provider's API that run here; no network is needed.
    Demo,
    /// Run everything that proves acmite right; installs the peers it needs. Under CI=true a missing peer is a failure.
    Test {
        /// Leave out what needs real servers.
        #[arg(long)]
        quick: bool,
    },
    /// Build every provider to target/plugins, where acmite's build takes them from.
    Plugins,
    /// Build target/release/acmite with every provider bundled.
    Build,
    /// Find the real servers the tests run against, install what is missing, and say what could not be had.
    Peers,
    /// Measure acmite beside lego, certbot and a bare client; no network is needed.
    Bench(bench::Options),
    /// Check all dependencies' licences against deny.toml and look for banned crates.
    Hygiene,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo => demo::run(),
        Command::Test { quick } => steps::test(quick),
        Command::Plugins => plugins::build(),
        Command::Build => steps::build(),
        Command::Peers => peers::ensure(),
        Command::Bench(options) => bench::run(&options),
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
