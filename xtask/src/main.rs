//! acmite's own commands: `cargo xtask demo`, `test`, `plugins`, `build`, `dist`, `bench`, `soak`, `peers`, `fuzz`,
//! `hygiene`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command that reports to whoever runs it")]

mod bench;
mod demo;
mod dist;
mod fuzz;
mod hygiene;
mod peers;
mod plugins;
mod python;
mod soak;
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
    /// Pack acmite for others, to target/dist: an archive and a Debian package.
    Dist(dist::Options),
    /// Find the real servers the tests run against, install what is missing, and say what could not be had.
    Peers,
    /// Measure acmite beside lego, certbot and a bare client; no network is needed.
    Bench(bench::Options),
    /// Let `acmite run` renew certificates of two minutes, amid trouble, and see that it neither fails nor grows.
    ///
    /// Example: cargo xtask soak --minutes 60
    Soak(soak::Options),
    /// Feed what comes from outside with bytes that grow by what they reach (libFuzzer; needs a C++ compiler).
    ///
    /// Example: cargo xtask fuzz bodies --seconds 600
    Fuzz {
        /// The target; all of them if none is named
        target: Option<String>,
        /// How long each runs
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Check all dependencies' licences against deny.toml and look for banned crates.
    Hygiene,
}

fn main() -> ExitCode {
    if fuzz::is_compiler() {
        return fuzz::compile();
    }
    let result: Result<(), steps::StepError> = match Cli::parse().command {
        Command::Demo => demo::run(),
        Command::Test { quick } => steps::test(quick),
        Command::Plugins => plugins::build(),
        Command::Build => steps::build(),
        Command::Dist(options) => dist::run(options),
        Command::Peers => peers::ensure(),
        Command::Bench(options) => bench::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds).map_err(Into::into),
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
