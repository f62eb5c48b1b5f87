//! What was found in another client's folder.

use std::io;
use std::path::{Path, PathBuf};

use url::Url;
use zeroize::Zeroizing;

use crate::acme::AccountKey;
use crate::pki::{CertificateKey, KeyType, Leaf};
use crate::store::HookKind;
use crate::store::renewal::Renewal;

/// All that can be taken, and what cannot.
#[derive(Default)]
pub struct Found {
    /// Accounts at CAs.
    pub accounts: Vec<FoundAccount>,
    /// Certificates with what renews them.
    pub certificates: Vec<FoundCertificate>,
    /// Executable files that run for every certificate.
    pub hooks: Vec<(HookKind, PathBuf)>,
    /// What stays behind.
    pub left: Vec<Left>,
}

/// An account.
pub struct FoundAccount {
    /// What a certificate names it by.
    pub id: String,
    /// The CA's directory.
    pub server: Url,
    /// Its URL.
    pub url: Url,
    /// Its contacts, as far as they are known.
    pub contacts: Vec<String>,
    /// Its key.
    pub key: AccountKey,
}

/// A certificate.
pub struct FoundCertificate {
    /// Its name.
    pub name: String,
    /// PEM.
    pub leaf_pem: String,
    /// PEM.
    pub chain_pem: String,
    /// PEM, PKCS #8.
    pub key_pem: Zeroizing<String>,
    /// How it is renewed; `account` is empty yet.
    pub renewal: Renewal,
    /// The account it was got with.
    pub account_id: Option<String>,
    /// A credentials file to be written, as the original is not one that the provider reads.
    pub credentials: Option<Zeroizing<String>>,
}

/// Something that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// File, certificate or setting.
    pub what: String,
    /// Why, and what to do.
    pub why: String,
}

impl Left {
    pub(super) fn new(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self { what: what.to_string(), why: why.to_string() }
    }
}

/// The parts of a certificate that is whole.
pub(super) struct Parts {
    pub(super) leaf: Leaf,
    pub(super) leaf_pem: String,
    pub(super) chain_pem: String,
    pub(super) key_pem: Zeroizing<String>,
    pub(super) key_type: KeyType,
}

impl Parts {
    /// Of files that belong together.
    pub(super) fn read(leaf: &Path, chain: &Path, key: &Path) -> Result<Self, String> {
        let (leaf_pem, chain_pem, key_text) = (text(leaf)?, text(chain)?, Zeroizing::new(text(key)?));
        let leaf_read = Leaf::from_pem(&leaf_pem).map_err(|error| format!("{}: {error}", leaf.display()))?;
        let key_read = CertificateKey::from_pem(&key_text).map_err(|error| format!("{}: {error}", key.display()))?;
        if !leaf_read.matches(&key_read) {
            return Err(format!("{} is not the key of {}", key.display(), leaf.display()));
        }
        let key_type =
            key_read.kind().ok_or_else(|| format!("{} is of a type that acmite does not make", key.display()))?;
        Ok(Self {
            key_type,
            leaf: leaf_read,
            leaf_pem: first_of(&leaf_pem).to_owned(),
            chain_pem,
            key_pem: key_read.to_pem(),
        })
    }
}

/// The first certificate of a PEM text.
fn first_of(pem: &str) -> &str {
    pem.find(PEM_END).map_or(pem, |at| &pem[..at + PEM_END.len()])
}

const PEM_END: &str = "-----END CERTIFICATE-----";

pub(super) fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// The paths in a folder, sorted; none where it is not there.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, FoundError> {
    let unreadable = |source| FoundError { path: folder.to_owned(), source };
    let found = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(unreadable)?,
    };
    let mut paths =
        found.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    paths.sort();
    Ok(paths)
}

/// The folder may not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}; check that this user may", path.display())]
pub struct FoundError {
    path: PathBuf,
    source: io::Error,
}
