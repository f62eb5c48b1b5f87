//! `acmite plugin`.

mod build;
mod check;
mod info;
mod inspect;
mod install;
mod list;
mod new;
mod test;

use std::sync::Arc;

use clap::Subcommand;

use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::{Global, exit, providers, setup};

/// Look at providers, try them and their credentials, begin, build and install them.
#[derive(Subcommand)]
pub(super) enum Command {
    New(new::Args),
    List(list::Args),
    Info(info::Args),
    Inspect(inspect::Args),
    Check(check::Args),
    Test(test::Args),
    Build(build::Args),
    Install(install::Args),
    Remove(install::RemoveArgs),
}

pub(super) async fn run(command: Command, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => new::run(&args, printer),
        Command::List(args) => list::run(&args, global, printer),
        Command::Info(args) => info::run(&args, global, printer),
        Command::Inspect(args) => inspect::run(&args, global, printer),
        Command::Check(args) => check::run(args, global, printer).await,
        Command::Test(args) => test::run(args, global, printer).await,
        Command::Build(args) => build::run(&args, printer),
        Command::Install(args) => install::run(&args, global, printer),
        Command::Remove(args) => install::remove(&args, global, printer),
    }
}
