//! `acmite account export`.

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use super::super::exit::{Exit, Failure};
use super::super::printer::Printer;
use super::{Global, Which};
use crate::acme::AccountKey;
use crate::flow::AccountUseError;
use crate::store::account::StoredAccount;
use crate::store::foreign_account::{write_certbot, write_lego};

/// Write the account as another client keeps it.
///
/// Examples:
///   acmite account export --format certbot --to /etc/letsencrypt/accounts/acme-v02.api.letsencrypt.org/directory
///   acmite account export --format lego --to ~/.lego/accounts/acme-v02.api.letsencrypt.org
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    which: Which,
    /// For which client
    #[arg(long, value_name = "CLIENT")]
    format: Format,
    /// Folder of its accounts at the CA; the account gets one of its own in there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// ID/{regr,private_key,meta}.json.
    Certbot,
    /// EMAIL/account.json and EMAIL/keys/EMAIL.key.
    Lego,
}

pub(super) fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let store = args.which.store(global)?;
    let none = || AccountUseError::NoAccount { server: store.server().clone() };
    let StoredAccount { key_pem, url, contacts } = store.load()?.ok_or_else(none)?;
    let url = url.ok_or_else(none)?;
    let key = AccountKey::from_pem(&key_pem).map_err(AccountUseError::AccountKey)?;
    let folder = match args.format {
        Format::Certbot => {
            let jwk = key.to_private_jwk().map_err(AccountUseError::AccountKey)?;
            write_certbot(&args.to, &key.public_pem(), &jwk, &url)?
        }
        Format::Lego => write_lego(&args.to, &key_pem, &contacts, &url)?,
    };
    let json = json!({"event": "account-exported", "folder": folder});
    printer.result(&format!("written to {}", folder.display()), &json);
    Ok(Exit::Done)
}
