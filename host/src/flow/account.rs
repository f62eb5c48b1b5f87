//! The account that certificates are asked for with.

use std::sync::Arc;

use url::Url;

use super::event::Event;
use super::session::Session;
use crate::acme::{
    AccountHandle, AccountKey, AccountKeyType, AcmeClient, AcmeError, ExternalAccount, KeyError, ProblemKind,
    Registration,
};
use crate::store::StateDir;
use crate::store::account::{AccountError, AccountStore};

/// What an account is made with, if there is none.
#[derive(Debug, Default)]
pub struct AccountSetup {
    /// `mailto:` URLs.
    pub contacts: Vec<String>,
    /// Whether the user agreed to the CA's terms.
    pub agree_tos: bool,
    /// The binding some CAs ask for: key id and MAC key.
    pub eab: Option<(String, zeroize::Zeroizing<Vec<u8>>)>,
}

/// The account at the CA; made, if there is none.
pub(super) async fn open_account(
    session: &Session<'_>,
    client: &AcmeClient,
    setup: &AccountSetup,
    server: &Url,
) -> Result<AccountHandle, AccountUseError> {
    if let Some(account) = known_account(session.state, client, server)? {
        session.tell(Event::Account { url: account.url().to_owned(), created: false });
        return Ok(account);
    }
    let store = AccountStore::new(session.state, server);
    check_terms(client, setup)?;
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

/// The account at the CA, if there is one.
pub(super) fn known_account(
    state: &StateDir,
    client: &AcmeClient,
    server: &Url,
) -> Result<Option<AccountHandle>, AccountUseError> {
    let store = AccountStore::new(state, server);
    let Some(url) = store.load()?.and_then(|stored| stored.url) else { return Ok(None) };
    let key = stored_key(&store)?.ok_or(AccountUseError::NoAccountKey)?;
    Ok(Some(client.with_account(Arc::new(key), url.into())))
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
    let store = AccountStore::new(session.state, server);
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
    /// The CA's terms were not agreed to.
    #[error("the CA asks to agree to its terms of service at {url}; read them and give --agree-tos")]
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
