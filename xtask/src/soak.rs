//! `cargo xtask soak`: the service for as long as one likes.

use std::process::Command;

use crate::plugins;
use crate::steps::{self, StepError};

/// How long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many minutes it goes on
    #[arg(long, default_value_t = 10)]
    minutes: u32,
}

/// Builds acmite as it is released, and lets it run.
pub(crate) fn run(options: &Options) -> Result<(), StepError> {
    plugins::build()?;
    steps::cargo("acmite", &["build", "--locked", "--release", "--workspace", "--bin", "acmite"])?;
    steps::cargo("the soak", &["build", "--locked", "--workspace", "--bin", "acmite-soak"])?;
    let mut command = Command::new(steps::target().join("debug/acmite-soak"));
    command.env("ACMITE_BIN", steps::target().join("release/acmite"));
    command.env("SOAK_MINUTES", options.minutes.to_string());
    let status = command.status().map_err(|source| StepError::NotStarted { command: "acmite-soak".into(), source })?;
    if status.success() { Ok(()) } else { Err(StepError::Failed { name: "soak", command: "cargo xtask soak".into() }) }
}
