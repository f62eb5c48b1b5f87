//! From names to a stored certificate.

use std::path::PathBuf;
use std::time::Duration;

use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;
use url::Url;

use super::account::{AccountSetup, AccountUseError, is_unknown_account, open_account, register_again};
use super::dns01::Dns01Error;
use super::event::Event;
use super::proof::AnswerError;
use super::prove::{ProofError, ProofOptions, prove};
use super::publish::ZoneFault;
use super::session::Session;
use crate::acme::{
    AccountHandle, AcmeClient, AcmeError, AuthorizationError, CertificateChain, Order, OrderOptions, ProblemKind,
};
use crate::dns::PropagationCheck;
use crate::name::CertName;
use crate::pki::{self, CertificateKey, CertificateKeyError, CsrError, KeyType, Leaf, LeafError};
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
    pub proof: ProofOptions,
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
    let account = open_account(session, client, setup, &request.server).await?;
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
                account = register_again(session, client, setup, &request.server).await?;
                account.new_order(&request.names, request.order.clone()).await
            }
            ordered => ordered,
        };
        let order = ordered.map_err(ca("take the order"))?;
        let names = request.names.iter().map(ToString::to_string).collect();
        session.tell(Event::Order { url: order.url.clone(), names });
        match prove(session, &account, &order, &request.proof, &request.certificate).await {
            Ok(()) => return Ok((account, order)),
            Err(error) => match unseen_by_the_ca(&error, request) {
                Some(why) if again => session.tell(Event::OrderingAgain { why }),
                _ => return Err(error.into()),
            },
        }
        again = false;
    }
}

/// The CA's words, if it did not see values that all authoritative servers show, and nothing else went wrong.
fn unseen_by_the_ca(error: &ProofError, request: &IssueRequest) -> Option<String> {
    let ProofError::Dns01(Dns01Error::Zones { failures }) = error else { return None };
    if request.proof.dns01.propagation.check != PropagationCheck::All {
        return None;
    }
    let refusals: Option<Vec<&AuthorizationError>> = failures
        .iter()
        .map(|failure| match &failure.fault {
            ZoneFault::Answer(AnswerError::Refused { refusals }) => Some(refusals),
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

fn ca(doing: &'static str) -> impl Fn(AcmeError) -> IssueError {
    move |source| IssueError::Ca { doing, source: Box::new(source) }
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
    /// There is no usable account.
    #[error(transparent)]
    Account(#[from] AccountUseError),
    /// The names were not proven.
    #[error(transparent)]
    Proof(#[from] ProofError),
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
