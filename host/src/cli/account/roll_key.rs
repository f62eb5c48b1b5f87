//! `acmite account roll-key`.

use super::super::exit::{Exit, Failure};
use super::super::printer::Printer;
use super::{Global, Which, json, text};
use crate::acme::AccountKeyType;
use crate::flow;

/// Change the account's key. Until it is known that the CA has done so, both are kept.
///
/// Example: acmite account roll-key --server letsencrypt
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    which: Which,
    /// Type of the new key: p256 or p384
    #[arg(long, value_name = "TYPE", default_value = "p256")]
    key_type: AccountKeyType,
}

pub(super) async fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let store = args.which.store(global)?;
    let client = args.which.client().await?;
    flow::roll_key(&client, &store, args.key_type).await?;
    let account = flow::existing_account(&client, &store).await?.account().await?;
    printer.result(&format!("the key is changed\n{}", text(&account, &store)), &json(&account, &store));
    Ok(Exit::Done)
}
