//! `acmite verify`.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::view::moment;
use crate::pki::{CertificateKey, CertificateRequest, Leaf, verify_chain};
use crate::secure_file::read_named;
use crate::store::certificate::stored_key;

/// Check a stored certificate as a client would: chain, names, dates, and that its key, or the request that stands for it, belongs
/// to it.
///
/// Example: acmite verify --root ca-root.pem /var/lib/acmite/live/example.com
#[derive(clap::Args)]
pub(super) struct Args {
    /// Folder of fullchain.pem and privkey.pem, or csr.pem
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// PEM file of the root certificates it must lead to
    #[arg(long, value_name = "PEM", default_value = "/etc/ssl/certs/ca-certificates.crt")]
    root: PathBuf,
    /// The names it must be for [default: those it holds]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

pub(super) fn run(args: &Args, printer: &Printer) -> Result<Exit, Failure> {
    let path = args.folder.join("fullchain.pem");
    let chain = String::from_utf8_lossy(&read(&path)?).into_owned();
    let leaf = Leaf::from_pem(&chain).map_err(|error| Failure::of(Exit::State, &error))?;
    let (what, public_key_info) = key(&args.folder)?;
    if !leaf.is_for(&public_key_info) {
        return Err(Failure::new(Exit::State, format!("the {what} does not belong to {}", path.display())));
    }
    let roots = read(&args.root)?;
    let names = if args.names.is_empty() { &leaf.names } else { &args.names };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    for name in names {
        verify_chain(&chain, &roots, name, now).map_err(|error| Failure::of(Exit::Failed, &error))?;
    }
    let text = format!(
        "{}: the chain leads to {}, the {what} belongs to it, valid for {} until {}",
        path.display(),
        args.root.display(),
        names.join(", "),
        moment(leaf.not_after)
    );
    printer.result(
        &text,
        &json!({"event": "verified", "fullchain": path, "names": names, "issuer": leaf.issuer,
        "not_after": moment(leaf.not_after)}),
    );
    Ok(Exit::Done)
}

/// What is in the folder for the key, and the public key, SubjectPublicKeyInfo in DER.
fn key(folder: &Path) -> Result<(&'static str, Vec<u8>), Failure> {
    let unusable = |error: &(dyn std::error::Error + 'static)| Failure::of(Exit::State, error);
    match stored_key(folder).map_err(|error| unusable(&error))? {
        Some(pem) => {
            let key = CertificateKey::from_pem(&String::from_utf8_lossy(&pem)).map_err(|error| unusable(&error))?;
            Ok(("key", key.public_key_info()))
        }
        None => {
            let request =
                CertificateRequest::read(&read(&folder.join("csr.pem"))?).map_err(|error| unusable(&error))?;
            Ok(("certificate request", request.public_key_info().to_vec()))
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    read_named(path)
        .map_err(|error| Failure::new(Exit::Configuration, format!("could not read {}: {error}", path.display())))
}
