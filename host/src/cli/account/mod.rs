//! `acmite account`.

mod list;

mod show;

mod update;

mod roll_key;

mod deactivate;

mod export;

mod import;

use std::sync::Arc;

use clap::Subcommand;
use serde_json::{Value, json};

use super::Global;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::registration::account_name;
use super::setup::{CaArgs, open_state};
use crate::acme::{Account, AccountHandle, AcmeClient};
use crate::flow;
use crate::store::account::AccountStore;

/// Accounts at CAs: show, list, change, move
#[derive(Subcommand)]
pub(super) enum Command {
    List(list::Args),
    Show(show::Args),
    Update(update::Args),
    RollKey(roll_key::Args),
    Deactivate(deactivate::Args),
    Export(export::Args),
    Import(import::Args),
}

pub(super) async fn run(command: Command, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    match command {
        Command::List(args) => list::run(&args, global, printer),
        Command::Show(args) => show::run(&args, global, printer).await,
        Command::Update(args) => update::run(&args, global, printer).await,
        Command::RollKey(args) => roll_key::run(&args, global, printer).await,
        Command::Deactivate(args) => deactivate::run(&args, global, printer).await,
        Command::Export(args) => export::run(&args, global, printer),
        Command::Import(args) => import::run(&args, global, printer).await,
    }
}

/// Which account.
#[derive(clap::Args, Clone, Debug)]
struct Which {
    #[command(flatten)]
    ca: CaArgs,
    /// Which of several accounts at the CA [default: the one without a name]
    #[arg(long, value_name = "NAME", value_parser = account_name)]
    account: Option<String>,
}

impl Which {
    fn store(&self, global: &Global) -> Result<AccountStore, Failure> {
        Ok(AccountStore::new(&open_state(global)?, &self.ca.directory()?, self.account.as_deref()))
    }

    async fn client(&self) -> Result<AcmeClient, Failure> {
        Ok(AcmeClient::connect(&self.ca.directory()?, self.ca.http()?).await?)
    }

    async fn open(&self, global: &Global) -> Result<(AccountStore, AccountHandle), Failure> {
        let store = self.store(global)?;
        let account = flow::existing_account(&self.client().await?, &store).await?;
        Ok((store, account))
    }
}

fn text(account: &Account, store: &AccountStore) -> String {
    let Account { url, status, contact } = account;
    let name = store.name().unwrap_or("-");
    format!(
        "server    {}\nname      {name}\nurl       {url}\nstatus    {status}\ncontacts  {}",
        store.server(),
        contact.join(", ")
    )
}

fn json(account: &Account, store: &AccountStore) -> Value {
    let Account { url, status, contact } = account;
    json!({"event": "account-shown", "server": store.server().as_str(), "name": store.name(), "url": url,
           "status": status, "contacts": contact})
}
