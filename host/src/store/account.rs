//! The account at a CA: its key, and what the CA said of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use super::layout::StateDir;
use crate::secure_file::{
    SecureReadError, SecureWriteError, create_private_dir, read_private, remove_durably, sync_dir, write_whole,
};

/// Where the account at one CA is kept.
#[derive(Clone, Debug)]
pub struct AccountStore {
    folder: PathBuf,
    server: Url,
    name: Option<String>,
}

impl AccountStore {
    /// The place for the CA whose directory is at `server`; `name` tells several accounts there apart.
    pub fn new(state: &StateDir, server: &Url, name: Option<&str>) -> Self {
        Self { folder: state.account(server, name), server: server.clone(), name: name.map(str::to_owned) }
    }

    /// The places of all accounts that a CA has confirmed, by CA and name.
    pub fn all(state: &StateDir) -> Result<Vec<Self>, AccountError> {
        let folder = state.accounts_dir();
        let unreadable = |source| AccountError::Unreadable { path: folder.clone(), source };
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let retired = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            let facts = if retired { None } else { read_facts(&path.join(FACTS))? };
            let Some(facts) = facts else { continue };
            let server = Url::parse(&facts.server).map_err(|_| AccountError::Damaged { path: path.join(FACTS) })?;
            found.push(Self { folder: path, server, name: facts.name });
        }
        found.sort_by(|a, b| (&a.server, &a.name).cmp(&(&b.server, &b.name)));
        Ok(found)
    }

    /// The CA's directory.
    pub fn server(&self) -> &Url {
        &self.server
    }

    /// Which of several at this CA.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The account as it was kept; `None` where there is no key yet. One with a key but no URL was not confirmed by the
    /// CA: registering that key again gives the account (RFC 8555 section 7.3.1).
    pub fn load(&self) -> Result<Option<StoredAccount>, AccountError> {
        let Some(key_pem) = read_key(&self.key_path())? else { return Ok(None) };
        let facts = self.load_facts()?;
        let (url, contacts) = facts.map_or((None, Vec::new()), |(url, contacts)| (Some(url), contacts));
        Ok(Some(StoredAccount { key_pem, url, contacts }))
    }

    fn load_facts(&self) -> Result<Option<(Url, Vec<String>)>, AccountError> {
        let path = self.facts_path();
        let Some(facts) = read_facts(&path)? else { return Ok(None) };
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
        let facts = AccountFile {
            server: self.server.to_string(),
            name: self.name.clone(),
            url: url.to_string(),
            contacts: contacts.to_vec(),
        };
        let json = serde_json::to_vec_pretty(&facts).expect("strings can be written as JSON");
        create_private_dir(&self.folder)?;
        Ok(write_whole(&self.facts_path(), &json, 0o600)?)
    }

    /// Keeps the key that is going to replace the account's, before the CA hears of it.
    pub fn save_next_key(&self, pem: &str) -> Result<(), AccountError> {
        Ok(write_whole(&self.next_key_path(), pem.as_bytes(), 0o600)?)
    }

    /// The key of a change of which it is not known whether the CA has made it.
    pub fn next_key(&self) -> Result<Option<Zeroizing<String>>, AccountError> {
        read_key(&self.next_key_path())
    }

    /// The CA has changed the key: the next one is the account's.
    pub fn take_next_key(&self) -> Result<(), AccountError> {
        let path = self.key_path();
        fs::rename(self.next_key_path(), &path).map_err(|source| SecureWriteError::Write { path, source })?;
        Ok(sync_dir(&self.folder)?)
    }

    /// The CA has not changed the key.
    pub fn drop_next_key(&self) -> Result<(), AccountError> {
        Ok(remove_durably(&self.next_key_path())?)
    }

    /// Puts the account aside, as the CA takes nothing from it any more. Gives where it is now.
    pub fn retire(self) -> Result<PathBuf, AccountError> {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let places = (1..).map(|number: u32| self.folder.with_file_name(format!(".deactivated-{number}-{name}")));
        let mut free = places.filter(|place| !place.exists());
        let place = free.next().expect("numbers do not end");
        fs::rename(&self.folder, &place)
            .map_err(|source| SecureWriteError::Write { path: self.folder.clone(), source })?;
        Ok(place)
    }

    fn next_key_path(&self) -> PathBuf {
        self.folder.join("next_private_key.pem")
    }

    fn key_path(&self) -> PathBuf {
        self.folder.join("private_key.pem")
    }

    fn facts_path(&self) -> PathBuf {
        self.folder.join(FACTS)
    }
}

const FACTS: &str = "account.json";

fn read_key(path: &Path) -> Result<Option<Zeroizing<String>>, AccountError> {
    let Some(pem) = read_if_there(path)? else { return Ok(None) };
    let text = String::from_utf8(pem.to_vec()).map(Zeroizing::new).map_err(|bad| {
        drop(Zeroizing::new(bad.into_bytes()));
        AccountError::Damaged { path: path.to_owned() }
    })?;
    Ok(Some(text))
}

fn read_facts(path: &Path) -> Result<Option<AccountFile>, AccountError> {
    let Some(bytes) = read_if_there(path)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|_| AccountError::Damaged { path: path.to_owned() })
}

fn read_if_there(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, AccountError> {
    match read_private(path) {
        Err(SecureReadError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        bytes => Ok(Some(bytes?)),
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
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
    /// The folder of all accounts cannot be read.
    #[error("cannot read {}; check that this user may", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
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
        let store = AccountStore::new(&state, &Url::parse("https://ca.example/dir").expect("a URL"), None);
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
        let store = AccountStore::new(&state, &Url::parse("https://ca.example/dir").expect("a URL"), None);
        store.save_key("the key").expect("kept");
        fs::set_permissions(store.key_path(), fs::Permissions::from_mode(0o644)).expect("changed");
        assert!(matches!(store.load(), Err(AccountError::Read(SecureReadError::Mode { mode: 0o644, .. }))));
    }

    #[test]
    fn a_change_of_key_keeps_both_until_it_is_known_and_accounts_have_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(&folder.path().join("state")).expect("opened");
        let url = |text| Url::parse(text).expect("a URL");
        let stores = [None, Some("work")].map(|name| AccountStore::new(&state, &url("https://ca.example/dir"), name));
        for store in &stores {
            store.save_key("old").expect("kept");
            store.save_url(&url("https://ca.example/acct/1"), &[]).expect("kept");
        }
        let all = AccountStore::all(&state).expect("readable");
        assert_eq!(all.iter().map(AccountStore::name).collect::<Vec<_>>(), [None, Some("work")]);
        let [store, work] = stores;
        store.save_next_key("new").expect("kept");
        assert_eq!(store.next_key().expect("readable").expect("there").as_str(), "new");
        assert_eq!(store.load().expect("readable").expect("there").key_pem.as_str(), "old");
        store.take_next_key().expect("taken");
        assert!(store.next_key().expect("readable").is_none());
        assert_eq!(store.load().expect("readable").expect("there").key_pem.as_str(), "new");
        assert_eq!(work.load().expect("readable").expect("there").key_pem.as_str(), "old");
        assert!(work.retire().expect("moved").exists());
        assert_eq!(AccountStore::all(&state).expect("readable").len(), 1);
    }
}
