//! `acmite account list`.

use serde_json::json;

use super::super::exit::{Exit, Failure};
use super::super::printer::Printer;
use super::super::setup::open_state;
use super::Global;
use crate::store::account::AccountStore;

/// List the accounts in the state folder; no CA is asked.
///
/// Example: acmite account list
#[derive(clap::Args)]
pub(in crate::cli) struct Args {}

pub(super) fn run(_: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let mut lines = Vec::new();
    let mut accounts = Vec::new();
    for store in AccountStore::all(&open_state(global)?)? {
        let Some(account) = store.load()? else { continue };
        let (server, name) = (store.server().as_str(), store.name());
        let url = account.url.as_ref().map(|url| url.as_str());
        lines.push(format!("{server}  {}  {}", name.unwrap_or("-"), url.unwrap_or("-")));
        accounts.push(json!({"server": server, "name": name, "url": url, "contacts": account.contacts}));
    }
    let text =
        if lines.is_empty() { "there are no accounts; `acmite issue` makes one".into() } else { lines.join("\n") };
    printer.result(&text, &json!({"event": "accounts", "accounts": accounts}));
    Ok(Exit::Done)
}
