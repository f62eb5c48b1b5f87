//! The account at a CA: its key, and what the CA said of it.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use super::layout::StateDir;
use crate::secure_file::{SecureReadError, SecureWriteError, create_private_dir, read_private, write_whole};

/// Where the account at one CA is kept.
#[derive(Clone, Debug)]
pub struct AccountStore {
    folder: PathBuf,
    server: Url,
}

impl AccountStore {
    /// The place for the CA whose directory is at `server`.
    pub fn new(state: &StateDir, server: &Url) -> Self {
        Self { folder: state.account(server), server: server.clone() }
    }

    /// The account as it was kept; `None` where there is no key yet. One with a key but no URL was not confirmed by the
    /// CA: registering that key again gives the account (RFC 8555 section 7.3.1).
    pub fn load(&self) -> Result<Option<StoredAccount>, AccountError> {
        let key_pem = match read_private(&self.key_path()) {
            Err(SecureReadError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            key => key?,
        };
        let key_pem = String::from_utf8(key_pem.to_vec()).map(Zeroizing::new).map_err(|bad| {
            drop(Zeroizing::new(bad.into_bytes()));
            AccountError::Damaged { path: self.key_path() }
        })?;
        let facts = self.load_facts()?;
        let (url, contacts) = facts.map_or((None, Vec::new()), |(url, contacts)| (Some(url), contacts));
        Ok(Some(StoredAccount { key_pem, url, contacts }))
    }

    fn load_facts(&self) -> Result<Option<(Url, Vec<String>)>, AccountError> {
        let path = self.facts_path();
        let bytes = match read_private(&path) {
            Err(SecureReadError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            bytes => bytes?,
        };
        let facts: AccountFile =
            serde_json::from_slice(&bytes).map_err(|_| AccountError::Damaged { path: path.clone() })?;
        let url = Url::parse(&facts.url).map_err(|_| AccountError::Damaged { path })?;
        Ok(Some((url, facts.contacts)))
    }

    /// Keeps the key (PKCS #8 PEM), before the CA hears of it.
    pub fn save_key(&self, pem: &str) -> Result<(), AccountError> {
        create_private_dir(&self.folder)?;
        Ok(write_whole(&self.key_path(), pem.as_bytes(), 0o600)?)
    }

    /// Keeps what the CA said: the account's URL and its contacts (`mailto:` URLs).
    pub fn save_url(&self, url: &Url, contacts: &[String]) -> Result<(), AccountError> {
        let facts = AccountFile { server: self.server.to_string(), url: url.to_string(), contacts: contacts.to_vec() };
        let json = serde_json::to_vec_pretty(&facts).expect("strings can be written as JSON");
        create_private_dir(&self.folder)?;
        Ok(write_whole(&self.facts_path(), &json, 0o600)?)
    }

    fn key_path(&self) -> PathBuf {
        self.folder.join("private_key.pem")
    }

    fn facts_path(&self) -> PathBuf {
        self.folder.join("account.json")
    }
}

/// An account as it was kept.
pub struct StoredAccount {
    /// Its key, PKCS #8 PEM.
    pub key_pem: Zeroizing<String>,
    /// Its URL, once the CA has confirmed it.
    pub url: Option<Url>,
    /// Its contacts, as the CA knows them.
    pub contacts: Vec<String>,
}

impl std::fmt::Debug for StoredAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredAccount")
            .field("url", &self.url)
            .field("contacts", &self.contacts)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct AccountFile {
    server: String,
    url: String,
    contacts: Vec<String>,
}

/// Why the account could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A file of it may not be read.
    #[error("the account cannot be read")]
    Read(#[from] SecureReadError),
    /// A file of it cannot be written.
    #[error("the account cannot be kept")]
    Write(#[from] SecureWriteError),
    /// A file of it is not as it was written.
    #[error("{} is damaged; restore it from a backup, or move its folder away to make a new account", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_found_again_before_and_after_the_ca_confirmed_the_account() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(&folder.path().join("state")).expect("opened");
        let store = AccountStore::new(&state, &Url::parse("https://ca.example/dir").expect("a URL"));
        assert!(store.load().expect("readable").is_none());
        store.save_key("the key").expect("kept");
        let pending = store.load().expect("readable").expect("there");
        assert_eq!((pending.key_pem.as_str(), &pending.url), ("the key", &None));
        let url = Url::parse("https://ca.example/acct/1").expect("a URL");
        store.save_url(&url, &["mailto:a@example.com".to_owned()]).expect("kept");
        let account = store.load().expect("readable").expect("there");
        assert_eq!((account.url, account.contacts), (Some(url), vec!["mailto:a@example.com".to_owned()]));
        assert!(!format!("{pending:?}").contains("the key"));
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(&folder.path().join("state")).expect("opened");
        let store = AccountStore::new(&state, &Url::parse("https://ca.example/dir").expect("a URL"));
        store.save_key("the key").expect("kept");
        std::fs::set_permissions(store.key_path(), std::fs::Permissions::from_mode(0o644)).expect("changed");
        assert!(matches!(store.load(), Err(AccountError::Read(SecureReadError::Mode { mode: 0o644, .. }))));
    }
}
