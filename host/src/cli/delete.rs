//! `acmite delete`.

use std::error::Error;

use serde_json::json;

use super::exit::{Exit, Failure};
use super::setup::open_state;
use super::view;
use super::{Global, Printer};
use crate::secure_file::FileLock;
use crate::store::certificate::CertificateStore;
use crate::store::renewal::RenewalStore;
use crate::store::renewal_state::RenewalState;

/// Delete a certificate with all its versions and keys, and what is remembered of it.
///
/// The CA is not told, and the certificate stays valid; see `acmite revoke`.
///
/// Example: acmite delete example.com
#[derive(clap::Args)]
pub(super) struct Args {
    /// Its name in the state folder
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let state = open_state(global)?;
    let name = &view::known(&state, &args.name)?;
    let failed = |error: &(dyn Error + 'static)| Failure::of(Exit::State, error);
    let _lock = FileLock::try_acquire(&state.renewal_lock(name)).map_err(|error| failed(&error))?;
    // First what would get it again.
    RenewalStore::new(&state, name).remove().map_err(|error| failed(&error))?;
    RenewalState::remove(&state, name).map_err(|error| failed(&error))?;
    CertificateStore::new(&state, name).delete().map_err(|error| failed(&error))?;
    printer.result(&format!("deleted {name}"), &json!({"event": "deleted", "name": name}));
    Ok(Exit::Done)
}
