//! The acmite command.

use std::process::ExitCode;

use acmite::cli::{Cli, exit::Exit, logging};
use acmite::plugin::compile::{COMPILE, run_child};

fn main() -> ExitCode {
    acmite::secure_file::forbid_core_dumps();
    if std::env::args_os().nth(1).is_some_and(|first| first == COMPILE) {
        let arguments: Vec<String> = std::env::args().skip(2).collect();
        return run_child(&arguments, std::io::stdin(), std::io::stdout());
    }
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    if let Err(failure) = logging::start(cli.global()) {
        return logging::refuse(&failure).into();
    }
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(cli.run()).into(),
        Err(_) => Exit::Failed.into(),
    }
}
