//! From names to a stored certificate.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::dns01::{self, Dns01Error, ZoneFault};
use super::event::Event;
use super::finish::{self, FinishError, Issued};
use super::request::IssueRequest;
use super::session::Session;
use crate::acme::{
    AccountHandle, AccountKey, AccountKeyType, AcmeClient, AcmeError, Authorization, AuthorizationError,
    AuthorizationStatus, ExternalAccount, KeyError, Order, OrderOptions, ProblemKind, Registration,
};
use crate::dns::PropagationCheck;
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

/// Gets a certificate and stores it; an order that an earlier run could not end is taken up.
pub async fn issue(
    session: &Session<'_>,
    client: &AcmeClient,
    setup: &AccountSetup,
    request: &IssueRequest,
) -> Result<Issued, IssueError> {
    let account = account(session, client, setup, &request.server).await?;
    if let Some(issued) = finish::resume(session, &account, request).await? {
        return Ok(issued);
    }
    let (account, order) = proven_order(session, client, setup, request, account).await?;
    Ok(finish::finish(session, &account, &order, request).await?)
}

/// An order whose authorizations are all valid.
async fn proven_order(
    session: &Session<'_>,
    client: &AcmeClient,
    setup: &AccountSetup,
    request: &IssueRequest,
    mut account: AccountHandle,
) -> Result<(AccountHandle, Order), IssueError> {
    let mut again = true;
    loop {
        let ordered = match new_order(client, &account, request).await {
            Err(error) if is_unknown_account(&error) => {
                let store = AccountStore::new(session.state, &request.server);
                let key = stored_key(&store)?.ok_or(IssueError::NoAccountKey)?;
                account = register(session, client, setup, &store, key).await?;
                new_order(client, &account, request).await
            }
            ordered => ordered,
        };
        let order = ordered.map_err(ca("take the order"))?;
        let names = request.names.iter().map(ToString::to_string).collect();
        session.tell(Event::Order { url: order.url.clone(), names });
        match prove(session, &account, &order, request).await {
            Ok(()) => return Ok((account, order)),
            Err(error) => match unseen_by_the_ca(&error, request) {
                Some(why) if again => session.tell(Event::OrderingAgain { why }),
                _ => return Err(error.into()),
            },
        }
        again = false;
    }
}

/// Names the certificate that is replaced only where the CA takes part in renewal information and accepts it.
async fn new_order(client: &AcmeClient, account: &AccountHandle, request: &IssueRequest) -> Result<Order, AcmeError> {
    let plain = OrderOptions { replaces: None, ..request.order.clone() };
    if request.order.replaces.is_none() || client.directory().renewal_info.is_none() {
        return account.new_order(&request.names, plain).await;
    }
    match account.new_order(&request.names, request.order.clone()).await {
        Err(error) if refuses_to_replace(&error) => {
            tracing::info!(%error, "ordering without naming the certificate that is replaced");
            account.new_order(&request.names, plain).await
        }
        ordered => ordered,
    }
}

/// Also where the certificate is not known to the CA, or was got by another account.
fn refuses_to_replace(error: &AcmeError) -> bool {
    use ProblemKind::{AlreadyReplaced, Malformed, Unauthorized};
    error.problem().is_some_and(|problem| matches!(problem.kind(), AlreadyReplaced | Malformed | Unauthorized))
}

async fn prove(
    session: &Session<'_>,
    account: &AccountHandle,
    order: &Order,
    request: &IssueRequest,
) -> Result<(), ProofError> {
    let authorizations = account.authorizations(order).await.map_err(ProofError::Unread)?;
    let valid = authorizations.iter().filter(|one| one.status == AuthorizationStatus::Valid).count();
    session.tell(Event::Authorizations { pending: authorizations.len() - valid, valid });
    let proven = dns01::prove(session, account, &authorizations, &request.dns01, &request.certificate).await;
    if proven.is_err() {
        give_up(account, &authorizations).await;
    }
    Ok(proven?)
}

/// Gives up what is pending still, as CAs allow only so many of them; whether that works changes nothing here.
async fn give_up(account: &AccountHandle, authorizations: &[Authorization]) {
    let pending = authorizations.iter().filter(|one| one.status == AuthorizationStatus::Pending);
    let all = futures_util::future::join_all(pending.map(|one| give_one_up(account, &one.url)));
    if tokio::time::timeout(GIVE_UP_TIME, all).await.is_err() {
        tracing::debug!("the pending authorizations could not be given up in time");
    }
}

async fn give_one_up(account: &AccountHandle, url: &str) {
    let still_pending = account.authorization(url).await.is_ok_and(|one| one.status == AuthorizationStatus::Pending);
    if still_pending && let Err(error) = account.deactivate_authorization(url).await {
        tracing::debug!(url, %error, "a pending authorization could not be given up");
    }
}

/// The CA's words, if it did not see values that all authoritative servers show, and nothing else went wrong.
fn unseen_by_the_ca(error: &ProofError, request: &IssueRequest) -> Option<String> {
    let ProofError::Dns01(Dns01Error::Zones { failures }) = error else { return None };
    if request.dns01.propagation.check != PropagationCheck::All {
        return None;
    }
    let refusals: Option<Vec<&AuthorizationError>> = failures
        .iter()
        .map(|failure| match &failure.fault {
            ZoneFault::Refused { refusals } => Some(refusals),
            _ => None,
        })
        .collect::<Option<Vec<_>>>()
        .map(|all| all.into_iter().flatten().collect());
    let refusals = refusals?;
    refusals.iter().all(|refusal| is_unseen(refusal)).then(|| refusals.first().map(ToString::to_string))?
}

fn is_unseen(refusal: &AuthorizationError) -> bool {
    use ProblemKind::{Dns, IncorrectResponse, Unauthorized};
    match refusal {
        AuthorizationError::NotProven { problem, .. } => {
            matches!(problem.kind(), Dns | IncorrectResponse | Unauthorized)
        }
        _ => false,
    }
}

/// The account at the CA; made, if there is none.
async fn account(
    session: &Session<'_>,
    client: &AcmeClient,
    setup: &AccountSetup,
    server: &Url,
) -> Result<AccountHandle, IssueError> {
    if let Some(account) = known_account(session.state, client, server)? {
        session.tell(Event::Account { url: account.url().to_owned(), created: false });
        return Ok(account);
    }
    let store = AccountStore::new(session.state, server);
    check_terms(client, setup)?;
    let key = match stored_key(&store)? {
        Some(key) => key,
        None => {
            let key = AccountKey::generate(AccountKeyType::default()).map_err(IssueError::AccountKey)?;
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
) -> Result<Option<AccountHandle>, IssueError> {
    let store = AccountStore::new(state, server);
    let Some(url) = store.load()?.and_then(|stored| stored.url) else { return Ok(None) };
    let key = stored_key(&store)?.ok_or(IssueError::NoAccountKey)?;
    Ok(Some(client.with_account(Arc::new(key), url.into())))
}

fn stored_key(store: &AccountStore) -> Result<Option<AccountKey>, IssueError> {
    let stored = store.load()?;
    stored.map(|stored| AccountKey::from_pem(&stored.key_pem)).transpose().map_err(IssueError::AccountKey)
}

async fn register(
    session: &Session<'_>,
    client: &AcmeClient,
    setup: &AccountSetup,
    store: &AccountStore,
    key: AccountKey,
) -> Result<AccountHandle, IssueError> {
    check_terms(client, setup)?;
    let eab = setup.eab.clone().map(|(kid, mac_key)| ExternalAccount { kid, mac_key });
    let registration =
        Registration { contacts: setup.contacts.clone(), agree_tos: setup.agree_tos, eab, only_existing: false };
    let account = client.register(&key, registration).await.map_err(ca("make an account"))?;
    let url = Url::parse(&account.url).map_err(|_| IssueError::AccountUrl { url: account.url.clone() })?;
    store.save_url(&url, &setup.contacts)?;
    session.tell(Event::Account { url: account.url.clone(), created: true });
    Ok(client.with_account(Arc::new(key), account.url))
}

fn check_terms(client: &AcmeClient, setup: &AccountSetup) -> Result<(), IssueError> {
    let meta = &client.directory().meta;
    if let (Some(url), false) = (&meta.terms_of_service, setup.agree_tos) {
        return Err(IssueError::TermsNotAgreed { url: url.clone() });
    }
    if meta.external_account_required && setup.eab.is_none() {
        return Err(IssueError::NoBinding);
    }
    Ok(())
}

fn is_unknown_account(error: &AcmeError) -> bool {
    error.problem().is_some_and(|problem| problem.kind() == ProblemKind::AccountDoesNotExist)
}

const GIVE_UP_TIME: Duration = Duration::from_secs(10);

fn ca(doing: &'static str) -> impl Fn(AcmeError) -> IssueError {
    move |source| IssueError::Ca { doing, source: Box::new(source) }
}

enum ProofError {
    Unread(AcmeError),
    Dns01(Dns01Error),
}

impl From<Dns01Error> for ProofError {
    fn from(error: Dns01Error) -> Self {
        Self::Dns01(error)
    }
}

impl From<ProofError> for IssueError {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Unread(source) => ca("hand out the authorizations")(source),
            ProofError::Dns01(source) => Self::Proof(source),
        }
    }
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The CA did not do its part.
    #[error("the CA did not {doing}")]
    Ca {
        /// What was asked of it.
        doing: &'static str,
        /// What it said.
        source: Box<AcmeError>,
    },
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
    Account(#[from] AccountError),
    /// The account's key is gone.
    #[error("the account's key is gone while acmite runs; restore it from a copy or run again to make a new account")]
    NoAccountKey,
    /// The account's key cannot be used or made.
    #[error("the account's key cannot be used")]
    AccountKey(#[source] KeyError),
    /// The names were not proven.
    #[error(transparent)]
    Proof(#[from] Dns01Error),
    /// The order was proven, and no certificate was stored.
    #[error(transparent)]
    Finish(#[from] FinishError),
}

impl IssueError {
    /// What the CA said, if that is what failed.
    pub fn ca(&self) -> Option<&AcmeError> {
        match self {
            Self::Ca { source, .. } | Self::Finish(FinishError::Ca { source, .. }) => Some(source),
            Self::Proof(Dns01Error::Zones { failures }) => failures.iter().find_map(|failure| match &failure.fault {
                ZoneFault::Ca(error) => Some(error),
                _ => None,
            }),
            _ => None,
        }
    }
}
