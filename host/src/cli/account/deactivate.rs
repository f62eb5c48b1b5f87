//! `acmite account deactivate`.

use serde_json::json;

use super::super::exit::{Exit, Failure};
use super::super::printer::Printer;
use super::{Global, Which};
use crate::acme::{AcmeError, Problem, ProblemKind};

/// End the account at the CA for good, and put it aside here.
///
/// Its certificates stay valid, but nothing can be asked of the CA for it any more; another account is made when needed.
/// One that the CA has ended, or no longer knows, is put aside as well.
///
/// Example: acmite account deactivate --server letsencrypt-staging
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let (store, handle) = args.which.open(global).await?;
    let what = match handle.deactivate().await {
        Ok(()) => "is deactivated",
        Err(error) if is_over(&error) => "may ask nothing of the CA any more, as it said itself",
        Err(error) => return Err(error.into()),
    };
    let kept = store.retire()?;
    let text = format!("{} {what}; its key is kept in {}", handle.url(), kept.display());
    printer.result(&text, &json!({"event": "account-deactivated", "url": handle.url(), "kept": kept}));
    Ok(Exit::Done)
}

/// What is asked with the key of an account that was deactivated is refused as unauthorized (RFC 8555 section 7.3.6).
fn is_over(error: &AcmeError) -> bool {
    let kind = error.problem().map(Problem::kind);
    matches!(kind, Some(ProblemKind::Unauthorized | ProblemKind::AccountDoesNotExist))
}
