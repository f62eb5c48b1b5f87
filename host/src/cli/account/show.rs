//! `acmite account show`.

use super::super::exit::{Exit, Failure};
use super::super::printer::Printer;
use super::{Global, Which, json, text};

/// Ask the CA about the account.
///
/// Example: acmite account show --server letsencrypt
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let (store, handle) = args.which.open(global).await?;
    let account = handle.account().await?;
    printer.result(&text(&account, &store), &json(&account, &store));
    Ok(Exit::Done)
}
