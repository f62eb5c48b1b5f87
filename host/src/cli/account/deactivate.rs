//! `acmite account deactivate`.

use serde_json::json;

use super::super::exit::{Exit, Failure};
use super::super::printer::Printer;
use super::{Global, Which};

/// End the account at the CA for good, and put it aside here.
///
/// Its certificates stay valid, but nothing can be asked of the CA for it any more; another account is made when needed.
///
/// Example: acmite account deactivate --server letsencrypt-staging
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let (store, handle) = args.which.open(global).await?;
    handle.deactivate().await?;
    let kept = store.retire()?;
    let text = format!("{} is deactivated; its key is kept in {}", handle.url(), kept.display());
    printer.result(&text, &json!({"event": "account-deactivated", "url": handle.url(), "kept": kept}));
    Ok(Exit::Done)
}
