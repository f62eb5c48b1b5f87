//! `acmite revoke`.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use url::Url;

use super::Global;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::setup::{absolute, open_state, server};
use super::view;
use crate::flow::{self, Reason, Signatory};

/// Revoke a certificate at the CA; its files stay, see `acmite delete`.
///
/// A revoked certificate is due: the next `acmite renew`, also a timer's, gets another one in its place.
///
/// Examples:
///   acmite revoke example.com --reason superseded
///   acmite revoke example.com --reason key-compromise --with-certificate-key
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// Its name in the state folder
    #[arg(value_name = "NAME")]
    name: String,
    /// Why: unspecified, key-compromise, affiliation-changed, superseded or cessation-of-operation
    #[arg(long, value_name = "REASON")]
    reason: Option<Reason>,
    /// Sign with the certificate's own key, for an account that is lost
    #[arg(long)]
    with_certificate_key: bool,
    /// The CA's directory, instead of the one remembered
    #[arg(long, value_name = "URL", value_parser = server)]
    server: Option<Url>,
    /// PEM file of root certificates to trust, instead of the one remembered
    #[arg(long, value_name = "PEM")]
    ca_bundle: Option<PathBuf>,
}

pub(super) async fn run(args: Args, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    let state = open_state(global)?;
    let name = view::known(&state, &args.name)?;
    let signatory = if args.with_certificate_key { Signatory::CertificateKey } else { Signatory::Account };
    let ca = (args.server.as_ref(), args.ca_bundle.as_deref().map(absolute));
    let leaf = flow::revoke(&state, &name, args.reason, signatory, ca).await?;
    let serial = data_encoding::HEXLOWER.encode(&leaf.serial);
    let text = format!(
        "revoked {name} (serial {serial}); its files stay: `acmite renew` gets another one, `acmite delete` removes all"
    );
    printer.result(&text, &json!({"event": "revoked", "name": name, "serial": serial}));
    Ok(Exit::Done)
}
