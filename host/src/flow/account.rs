//! The account that certificates are asked for with.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::event::Event;
use super::session::Session;
use crate::acme::{
    AccountHandle, AccountKey, AccountKeyType, AcmeClient, AcmeError, ExternalAccount, KeyError, ProblemKind,
    Registration,
};
use crate::secure_file::{FileLock, LockError};
use crate::store::account::{AccountError, AccountStore, StoredAccount};

/// What an account is made with, if there is none.
#[derive(Clone, Default)]
pub struct AccountSetup {
    /// Which of several at the CA.
    pub name: Option<String>,
    /// `mailto:` URLs.
    pub contacts: Vec<String>,
    /// Whether the user agreed to the CA's terms.
    pub agree_tos: bool,
    /// The binding some CAs ask for: key id and MAC key.
    pub eab: Option<(String, zeroize::Zeroizing<Vec<u8>>)>,
}

impl std::fmt::Debug for AccountSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kid = self.eab.as_ref().map(|(kid, _)| kid);
        f.debug_struct("AccountSetup").field("name", &self.name).field("eab", &kid).finish_non_exhaustive()
    }
}

/// The account at the CA; made, if there is none.
pub async fn open_account(
    session: &Session<'_>,
    client: &AcmeClient,
    setup: &AccountSetup,
    server: &Url,
) -> Result<AccountHandle, AccountUseError> {
    let store = AccountStore::new(session.state, server, setup.name.as_deref());
    settle_key_change(client, &store).await?;
    if let Some(account) = opened(session, client, &store)? {
        return Ok(account);
    }
    check_terms(client, setup)?;
    // Of runs that begin at once one makes the account, and the others find it.
    let lock = session.state.account_lock(server, setup.name.as_deref());
    let _lock = FileLock::acquire(&lock, Instant::now() + LOCK_TIME).await?;
    if let Some(account) = opened(session, client, &store)? {
        return Ok(account);
    }
    let key = match stored_key(&store)? {
        Some(key) => key,
        None => {
            let key = AccountKey::generate(AccountKeyType::default()).map_err(AccountUseError::AccountKey)?;
            store.save_key(&key.to_pem())?;
            key
        }
    };
    register(session, client, setup, &store, key).await
}

/// The account on disk, if the CA has confirmed it.
fn opened(
    session: &Session<'_>,
    client: &AcmeClient,
    store: &AccountStore,
) -> Result<Option<AccountHandle>, AccountUseError> {
    let Some(StoredAccount { key_pem, url: Some(url), .. }) = store.load()? else { return Ok(None) };
    let key = AccountKey::from_pem(&key_pem).map_err(AccountUseError::AccountKey)?;
    session.tell(Event::Account { url: url.to_string(), created: false });
    Ok(Some(client.with_account(Arc::new(key), url.into())))
}

/// For another run to make the account.
const LOCK_TIME: Duration = Duration::from_secs(60);

/// The account on disk; none is made.
pub async fn existing_account(client: &AcmeClient, store: &AccountStore) -> Result<AccountHandle, AccountUseError> {
    settle_key_change(client, store).await?;
    let url = store.load()?.and_then(|stored| stored.url);
    let url = url.ok_or_else(|| AccountUseError::NoAccount { server: store.server().clone() })?;
    let key = stored_key(store)?.ok_or(AccountUseError::NoAccountKey)?;
    Ok(client.with_account(Arc::new(key), url.into()))
}

/// Changes the account's key; both are kept until it is known which of them the CA takes.
pub async fn roll_key(client: &AcmeClient, store: &AccountStore, kind: AccountKeyType) -> Result<(), AccountUseError> {
    let account = existing_account(client, store).await?;
    let key = AccountKey::generate(kind).map_err(AccountUseError::AccountKey)?;
    store.save_next_key(&key.to_pem())?;
    match account.change_key(&key).await {
        Ok(()) => Ok(store.take_next_key()?),
        Err(error) if is_definite(&error) => {
            store.drop_next_key()?;
            Err(AccountUseError::KeyNotChanged(error))
        }
        Err(error) => Err(AccountUseError::KeyChangeUnknown(error)),
    }
}

/// Takes over a key that the CA knows; an account with another key is not replaced.
pub async fn import_account(
    client: &AcmeClient,
    store: &AccountStore,
    key: AccountKey,
) -> Result<AccountHandle, AccountUseError> {
    if stored_key(store)?.is_some_and(|stored| stored.thumbprint() != key.thumbprint()) {
        return Err(AccountUseError::Occupied { server: store.server().clone() });
    }
    let lookup = Registration { only_existing: true, ..Registration::default() };
    let account = client.register(&key, lookup).await.map_err(AccountUseError::NotFound)?;
    let url = Url::parse(&account.url).map_err(|_| AccountUseError::AccountUrl { url: account.url.clone() })?;
    store.save_key(&key.to_pem())?;
    store.save_url(&url, &account.contact)?;
    Ok(client.with_account(Arc::new(key), account.url))
}

/// Whether the CA has surely not done what it was asked.
fn is_definite(error: &AcmeError) -> bool {
    match error {
        AcmeError::Refused { status, .. } => (400..500).contains(status),
        AcmeError::NotOffered { .. } | AcmeError::Key(_) => true,
        _ => false,
    }
}

/// Finds out what became of a change of key that a run did not see the end of.
async fn settle_key_change(client: &AcmeClient, store: &AccountStore) -> Result<(), AccountUseError> {
    let Some(pem) = store.next_key()? else { return Ok(()) };
    let key = AccountKey::from_pem(&pem).map_err(AccountUseError::AccountKey)?;
    let lookup = Registration { only_existing: true, ..Registration::default() };
    match client.register(&key, lookup).await {
        Ok(_) => Ok(store.take_next_key()?),
        Err(error) if is_unknown_account(&error) => Ok(store.drop_next_key()?),
        Err(error) => Err(AccountUseError::KeyChangeUnknown(error)),
    }
}

fn stored_key(store: &AccountStore) -> Result<Option<AccountKey>, AccountUseError> {
    let stored = store.load()?;
    stored.map(|stored| AccountKey::from_pem(&stored.key_pem)).transpose().map_err(AccountUseError::AccountKey)
}

/// Registers the key on disk anew, as the CA does not know it any more.
pub(super) async fn register_again(
    session: &Session<'_>,
    client: &AcmeClient,
    setup: &AccountSetup,
    server: &Url,
) -> Result<AccountHandle, AccountUseError> {
    let store = AccountStore::new(session.state, server, setup.name.as_deref());
    let key = stored_key(&store)?.ok_or(AccountUseError::NoAccountKey)?;
    register(session, client, setup, &store, key).await
}

async fn register(
    session: &Session<'_>,
    client: &AcmeClient,
    setup: &AccountSetup,
    store: &AccountStore,
    key: AccountKey,
) -> Result<AccountHandle, AccountUseError> {
    check_terms(client, setup)?;
    let eab = setup.eab.clone().map(|(kid, mac_key)| ExternalAccount { kid, mac_key });
    let registration =
        Registration { contacts: setup.contacts.clone(), agree_tos: setup.agree_tos, eab, only_existing: false };
    let account = client.register(&key, registration).await.map_err(AccountUseError::NotMade)?;
    let url = Url::parse(&account.url).map_err(|_| AccountUseError::AccountUrl { url: account.url.clone() })?;
    store.save_url(&url, &setup.contacts)?;
    session.tell(Event::Account { url: account.url.clone(), created: true });
    Ok(client.with_account(Arc::new(key), account.url))
}

fn check_terms(client: &AcmeClient, setup: &AccountSetup) -> Result<(), AccountUseError> {
    let meta = &client.directory().meta;
    if let (Some(url), false) = (&meta.terms_of_service, setup.agree_tos) {
        return Err(AccountUseError::TermsNotAgreed { url: url.clone() });
    }
    if meta.external_account_required && setup.eab.is_none() {
        return Err(AccountUseError::NoBinding);
    }
    Ok(())
}

pub(super) fn is_unknown_account(error: &AcmeError) -> bool {
    error.problem().is_some_and(|problem| problem.kind() == ProblemKind::AccountDoesNotExist)
}

/// Why there is no account to ask with.
#[derive(Debug, thiserror::Error)]
pub enum AccountUseError {
    /// The CA made none.
    #[error("the CA did not make an account")]
    NotMade(#[source] AcmeError),
    /// Another run makes it, and takes too long.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// There is none.
    #[error("there is no account at {server}; `acmite account list` shows those there are, `acmite issue` makes one")]
    NoAccount {
        /// The CA's directory.
        server: Url,
    },
    /// There is another one already.
    #[error("there is another account at {server} already; give the one to import a name with --account")]
    Occupied {
        /// The CA's directory.
        server: Url,
    },
    /// The CA does not know the key.
    #[error("the CA does not know the account; give the --server where it was made")]
    NotFound(#[source] AcmeError),
    /// The CA did not take the new key.
    #[error("the CA did not change the account's key; the old one stays")]
    KeyNotChanged(#[source] AcmeError),
    /// It is not known which key the CA takes.
    #[error("it is not known whether the CA has changed the account's key; both are kept, and the next run finds out")]
    KeyChangeUnknown(#[source] AcmeError),
    /// The CA's terms were not agreed to.
    #[error(
        "the CA asks to agree to its terms of service at {url}; read them, and agree with --agree-tos of `acmite issue` or agree_tos in acmite.toml"
    )]
    TermsNotAgreed {
        /// The terms.
        url: String,
    },
    /// The CA wants to know who the account is for.
    #[error("the CA takes accounts only with a key from its site; give --eab-kid and --eab-hmac-key-file")]
    NoBinding,
    /// The account's URL is none.
    #[error("the CA gave the account the URL {url:?}, which is none; check that the directory is that of an ACME CA")]
    AccountUrl {
        /// As it was sent.
        url: String,
    },
    /// The account on disk cannot be used.
    #[error(transparent)]
    Stored(#[from] AccountError),
    /// The account's key is gone.
    #[error("the account's key is gone while acmite runs; restore it from a copy or run again to make a new account")]
    NoAccountKey,
    /// The account's key cannot be used or made.
    #[error("the account's key cannot be used")]
    AccountKey(#[source] KeyError),
}
