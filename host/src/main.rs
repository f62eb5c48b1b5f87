//! The acmite command.

use std::process::ExitCode;

use acmite::cli::{Cli, exit::Exit, logging};
use clap::Parser;

fn main() -> ExitCode {
    acmite::secure_file::forbid_core_dumps();
    let cli = Cli::parse();
    if let Err(failure) = logging::start(cli.global()) {
        return logging::refuse(&failure).into();
    }
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(cli.run()).into(),
        Err(_) => Exit::Failed.into(),
    }
}
