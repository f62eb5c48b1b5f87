//! `acmite account import`.

use std::path::PathBuf;

use super::super::exit::{Exit, Failure};
use super::super::printer::Printer;
use super::{Global, Which, json, text};
use crate::acme::AccountKey;
use crate::flow::{self, AccountUseError};
use crate::store::foreign_account::{ForeignKey, read_key};

/// Take over an account of certbot or lego; the original is not changed.
///
/// The CA is asked whether it knows the key, so give the same --server as the other client has.
///
/// Examples:
///   acmite account import /etc/letsencrypt/accounts/acme-v02.api.letsencrypt.org/directory/0123456789abcdef0123456789abcdef
///   acmite account import ~/.lego/accounts/acme-v02.api.letsencrypt.org/me@example.com
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Args {
    /// certbot's folder with private_key.json, or lego's with account.json and keys/
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let key = match read_key(&args.folder)? {
        ForeignKey::Jwk(jwk) => AccountKey::from_jwk(&jwk),
        ForeignKey::Pem(pem) => AccountKey::from_any_pem(&pem),
    };
    let key = key.map_err(AccountUseError::AccountKey)?;
    let store = args.which.store(global)?;
    let handle = flow::import_account(&args.which.client().await?, &store, key).await?;
    let account = handle.account().await?;
    printer.result(&text(&account, &store), &json(&account, &store));
    Ok(Exit::Done)
}
