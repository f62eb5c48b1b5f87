//! `cargo xtask bench`: acmite as it is released, and the floor, beside the other clients.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::plugins;
use crate::steps::{self, StepError};

/// How much is measured.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Two runs each, of what takes seconds
    #[arg(long)]
    quick: bool,
    /// How often each client runs
    #[arg(long, default_value_t = 5)]
    runs: u8,
    /// Only these scenarios: wildcard, fifty, cold, zones, mixed, due, start, bulk, sandbox
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Write the run into docs/performance.md
    #[arg(long)]
    document: bool,
}

/// Builds, measures, prints; the files are in target/bench.
pub(crate) fn run(options: &Options) -> Result<(), StepError> {
    plugins::build()?;
    // Together, so that the floor is built of the very same crates.
    let release = ["build", "--locked", "--release", "--workspace"];
    let programs = ["--bin", "acmite", "--bin", "acmite-floor", "--bin", "acmite-sandbox-bench"];
    steps::cargo("acmite and what is measured beside it", &[&release[..], &programs].concat())?;
    steps::cargo("the measuring", &["build", "--locked", "--workspace", "--bin", "acmite-bench"])?;
    let (target, folder) = (steps::target(), steps::target().join("bench"));
    let started = |source| StepError::NotStarted { command: "acmite-bench".to_owned(), source };
    std::fs::create_dir_all(&folder).map_err(started)?;
    let mut command = Command::new(target.join("debug/acmite-bench"));
    command.env("ACMITE_BIN", target.join("release/acmite")).env("BENCH_FLOOR", target.join("release/acmite-floor"));
    command.env("BENCH_SANDBOX", target.join("release/acmite-sandbox-bench"));
    command.env("BENCH_FOLDER", folder).env("BENCH_RUNS", if options.quick { 2 } else { options.runs }.to_string());
    let quick = options.quick && options.only.is_empty();
    command.env("BENCH_ONLY", if quick { QUICK.to_owned() } else { options.only.join(",") });
    if options.document {
        command.env("BENCH_DOCUMENT", document());
    }
    let status = command.status().map_err(started)?;
    if status.success() {
        Ok(())
    } else {
        Err(StepError::Failed { name: "bench", command: "cargo xtask bench".into() })
    }
}

const QUICK: &str = "wildcard,cold,start";

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md")
}
