//! From names to a stored certificate.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;
use url::Url;

use super::dns01::{self, Dns01Error, Dns01Options, ZoneFault};
use super::event::Event;
use super::session::Session;
use crate::acme::{
    AccountHandle, AccountKey, AccountKeyType, AcmeClient, AcmeError, Authorization, AuthorizationError,
    AuthorizationStatus, CertificateChain, ExternalAccount, KeyError, Order, OrderOptions, ProblemKind, Registration,
};
use crate::dns::PropagationCheck;
use crate::name::CertName;
use crate::pki::{self, CertificateKey, CertificateKeyError, CsrError, KeyType, Leaf, LeafError};
use crate::store::account::{AccountError, AccountStore};
use crate::store::certificate::{CertificateStore, StoreError};

/// What is wanted.
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// The CA's directory.
    pub server: Url,
    /// The certificate's names, at least one.
    pub names: Vec<CertName>,
    /// What it is kept as.
    pub certificate: String,
    /// The type of its key.
    pub key_type: KeyType,
    /// Profile, end of validity and what it replaces.
    pub order: OrderOptions,
    /// Common name of an issuer in the chain to take, where the CA offers several.
    pub preferred_chain: Option<String>,
    /// How to prove the names.
    pub dns01: Dns01Options,
}

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

/// A certificate that was stored.
#[derive(Clone, Debug)]
pub struct Issued {
    /// `live/NAME`.
    pub live: PathBuf,
    /// The certificate.
    pub leaf: Leaf,
}

/// Gets a certificate and stores it.
pub async fn issue(
    session: &Session<'_>,
    client: &AcmeClient,
    setup: &AccountSetup,
    request: &IssueRequest,
) -> Result<Issued, IssueError> {
    let store = CertificateStore::new(session.state, &request.certificate);
    let account = account(session, client, setup, &request.server).await?;
    let (account, order) = proven_order(session, client, setup, request, account).await?;
    let key = new_key(request.key_type).await?;
    let key_pem = key.to_pem();
    store.save_pending_key(&key_pem)?;
    session.tell(Event::Finalizing { key_type: request.key_type.to_string() });
    let csr = pki::csr_der(&key, &request.names)?;
    let deadline = Instant::now() + FINALIZE_TIME;
    let order = account.finalize(&order, &csr, deadline).await.map_err(ca("issue the certificate"))?;
    let downloaded = account.certificate(&order, request.preferred_chain.as_deref()).await;
    let chain = downloaded.map_err(ca("hand out the certificate"))?;
    let leaf = checked(&chain, &key, &request.names)?;
    let (leaf_pem, chain_pem) = split(&chain.pem);
    let live = store.store(leaf_pem, chain_pem, &key_pem)?;
    let not_after = leaf.not_after.format(&Rfc3339).unwrap_or_default();
    session.tell(Event::Stored { path: live.clone(), not_after });
    Ok(Issued { live, leaf })
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
        let ordered = match account.new_order(&request.names, request.order.clone()).await {
            Err(error) if is_unknown_account(&error) => {
                let store = AccountStore::new(session.state, &request.server);
                let key = stored_key(&store)?.ok_or(IssueError::NoAccountKey)?;
                account = register(session, client, setup, &store, key).await?;
                account.new_order(&request.names, request.order.clone()).await
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
    let store = AccountStore::new(session.state, server);
    let stored = store.load()?;
    if let Some(url) = stored.as_ref().and_then(|stored| stored.url.clone()) {
        let key = stored_key(&store)?.ok_or(IssueError::NoAccountKey)?;
        session.tell(Event::Account { url: url.to_string(), created: false });
        return Ok(client.with_account(Arc::new(key), url.into()));
    }
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

async fn new_key(kind: KeyType) -> Result<CertificateKey, IssueError> {
    // RSA takes up to seconds.
    let made = tokio::task::spawn_blocking(move || CertificateKey::generate(kind)).await;
    Ok(made.map_err(|_| IssueError::KeyTask)??)
}

/// The leaf, if the CA sent what was ordered.
fn checked(chain: &CertificateChain, key: &CertificateKey, names: &[CertName]) -> Result<Leaf, IssueError> {
    let leaf = Leaf::from_der(&chain.der[0])?;
    let mut ordered: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut certified: Vec<String> = leaf.names.iter().map(|name| name.to_lowercase()).collect();
    ordered.sort();
    certified.sort();
    let wrong = |why| Err(IssueError::WrongCertificate { why });
    if !leaf.matches(key) {
        return wrong("it is for another key");
    }
    if ordered != certified {
        return wrong("its names are not those ordered");
    }
    if !pki::is_chain(&chain.der) {
        return wrong("its chain is not in order");
    }
    Ok(leaf)
}

/// The first certificate of a PEM text, and the others.
fn split(pem: &str) -> (&str, &str) {
    let end = pem.find(PEM_END).map_or(pem.len(), |at| at + PEM_END.len());
    pem.split_at(end)
}

const PEM_END: &str = "-----END CERTIFICATE-----";
/// From the CSR to the certificate.
const FINALIZE_TIME: Duration = Duration::from_secs(300);
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
    /// The certificate's key was not made.
    #[error(transparent)]
    Key(#[from] CertificateKeyError),
    /// The thread that makes the key died.
    #[error("the certificate's key could not be made; try again")]
    KeyTask,
    /// The request was not made.
    #[error(transparent)]
    Csr(#[from] CsrError),
    /// The certificate cannot be read.
    #[error("the CA sent a certificate that cannot be read")]
    Leaf(#[from] LeafError),
    /// The CA sent another certificate than ordered.
    #[error("the CA sent a certificate that was not ordered: {why}; it is not stored, report it to the CA")]
    WrongCertificate {
        /// What is wrong with it.
        why: &'static str,
    },
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_cut_after_its_first_certificate() {
        let one = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";
        let two = "\n-----BEGIN CERTIFICATE-----\nBB==\n-----END CERTIFICATE-----\n";
        assert_eq!(split(&format!("{one}{two}")), (one, two));
        assert_eq!(split(one), (one, ""));
    }
}
