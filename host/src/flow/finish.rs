//! From a proven order to a stored certificate; also from one that an earlier run handed in and did not see the end of.

use std::path::PathBuf;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::event::Event;
use super::hooks;
use super::request::{IssueRequest, Keep};
use super::session::Session;
use crate::acme::{AccountHandle, AcmeError, CertificateChain, Order, OrderStatus};
use crate::name::CertName;
use crate::pki::{self, CertificateKey, CertificateKeyError, CsrError, KeyType, Leaf, LeafError};
use crate::store::certificate::{CertificateStore, StoreError, key_id};
use crate::store::renewal::{Renewal, RenewalError, RenewalStore};
use crate::store::renewal_state::{OpenOrder, RenewalState, RenewalStateError};

/// A certificate that the CA handed out.
#[derive(Clone, Debug)]
pub struct Issued {
    /// `live/NAME`; where it was a trial, what is live there is another one.
    pub live: PathBuf,
    /// The certificate.
    pub leaf: Leaf,
}

/// Hands in a CSR for an order that is proven, and stores what the CA makes of it.
pub(super) async fn finish(
    session: &Session<'_>,
    account: &AccountHandle,
    order: &Order,
    request: &IssueRequest,
) -> Result<Issued, FinishError> {
    let key_pem = key(session, request).await?;
    if let Keep::Live(_) = request.keep {
        let store = CertificateStore::new(session.state, &request.certificate);
        let key = store.save_pending_key(&key_pem)?;
        let mut state = RenewalState::load(session.state, &request.certificate);
        state.order = Some(open_order(order, request, key.clone()));
        state.save(session.state, &request.certificate)?;
        store.discard_other_pending_keys(&key)?;
    }
    obtain(session, account, order, request, &key_pem).await
}

/// Takes up an order that was handed in by an earlier run, if there is one for just this and the CA still knows it.
pub(super) async fn resume(
    session: &Session<'_>,
    account: &AccountHandle,
    request: &IssueRequest,
) -> Result<Option<Issued>, FinishError> {
    let state = RenewalState::load(session.state, &request.certificate);
    let compromised = state.compromised_key;
    let usable = |open: &OpenOrder| Some(&open.key) != compromised.as_ref();
    let wanted = |open: &OpenOrder| usable(open) && is_wanted(open, request, OffsetDateTime::now_utc());
    let Some(open) = state.order.filter(wanted) else {
        return Ok(None);
    };
    let store = CertificateStore::new(session.state, &request.certificate);
    let Some(key_pem) = store.pending_key(&open.key)? else { return Ok(None) };
    let key_pem = pem_text(&key_pem)?;
    let order = match account.order(&open.url).await {
        Ok(order) if !matches!(order.status, OrderStatus::Pending | OrderStatus::Invalid) => order,
        Ok(_) => return forget(session, request).map(|()| None),
        Err(error) if is_final(&error) => return forget(session, request).map(|()| None),
        Err(error) => return Err(ca("show the order that was begun")(error)),
    };
    session.tell(Event::Resuming { url: order.url.clone() });
    obtain(session, account, &order, request, &key_pem).await.map(Some)
}

fn open_order(order: &Order, request: &IssueRequest, key: String) -> OpenOrder {
    OpenOrder {
        url: order.url.clone(),
        server: request.server.to_string(),
        names: request.names.iter().map(ToString::to_string).collect(),
        key_type: request.key_type.to_string(),
        profile: request.order.profile.clone(),
        key,
        since: OffsetDateTime::now_utc(),
    }
}

fn is_wanted(open: &OpenOrder, request: &IssueRequest, now: OffsetDateTime) -> bool {
    let wanted = OpenOrder {
        server: request.server.to_string(),
        names: request.names.iter().map(ToString::to_string).collect(),
        key_type: request.key_type.to_string(),
        profile: request.order.profile.clone(),
        ..open.clone()
    };
    matches!(request.keep, Keep::Live(_)) && wanted == *open && now - open.since < OPEN_ORDER_LIFE
}

/// An order that is older would give a certificate that is no longer fresh.
const OPEN_ORDER_LIFE: time::Duration = time::Duration::days(1);

async fn obtain(
    session: &Session<'_>,
    account: &AccountHandle,
    order: &Order,
    request: &IssueRequest,
    key_pem: &str,
) -> Result<Issued, FinishError> {
    session.tell(Event::Finalizing { key_type: request.key_type.to_string() });
    let key = CertificateKey::from_pem(key_pem)?;
    let csr = pki::csr_der(&key, &request.names)?;
    let order = match account.finalize(order, &csr, Instant::now() + FINALIZE_TIME).await {
        Err(error) if is_final(&error) => {
            forget(session, request)?;
            return Err(ca("issue the certificate")(error));
        }
        finalized => finalized.map_err(ca("issue the certificate"))?,
    };
    let downloaded = account.certificate(&order, request.preferred_chain.as_deref()).await;
    let chain = downloaded.map_err(ca("hand out the certificate"))?;
    let leaf = match checked(&chain, &key, &request.names) {
        Ok(leaf) => leaf,
        Err(wrong) => {
            // Asking for it again would give the same.
            forget(session, request)?;
            return Err(wrong);
        }
    };
    let live = match &request.keep {
        Keep::Live(renewal) => store(session, request, renewal, &chain, key_pem)?,
        Keep::Nothing => session.state.live(&request.certificate),
    };
    if let Keep::Live(_) = request.keep {
        let not_after = leaf.not_after.format(&Rfc3339).unwrap_or_default();
        session.tell(Event::Stored { path: live.clone(), not_after });
    }
    Ok(Issued { live, leaf })
}

/// What is owed to the new certificate is written down before it is live, so that a crash in between loses no hook.
fn store(
    session: &Session<'_>,
    request: &IssueRequest,
    renewal: &Renewal,
    chain: &CertificateChain,
    key_pem: &str,
) -> Result<PathBuf, FinishError> {
    let name = &request.certificate;
    let before = RenewalState::load(session.state, name);
    let owed_hooks = hooks::deploy_hooks(session.state, &renewal.hooks);
    let state = RenewalState { owed_hooks, ..before.clone() };
    if state != before {
        state.save(session.state, name)?;
    }
    RenewalStore::new(session.state, name).save(renewal)?;
    let (leaf_pem, chain_pem) = split(&chain.pem);
    let live = CertificateStore::new(session.state, name).store(leaf_pem, chain_pem, key_pem)?;
    let now = Some(OffsetDateTime::now_utc());
    let owed_hooks = state.owed_hooks;
    let state = RenewalState { last_attempt: now, last_success: now, owed_hooks, ..RenewalState::default() };
    state.save(session.state, name)?;
    Ok(live)
}

/// The CA will not come back to this order, so that its key is of no use either.
fn forget(session: &Session<'_>, request: &IssueRequest) -> Result<(), FinishError> {
    let mut state = RenewalState::load(session.state, &request.certificate);
    if let (Keep::Live(_), Some(open)) = (&request.keep, state.order.take()) {
        CertificateStore::new(session.state, &request.certificate).discard_pending_key(&open.key)?;
        state.save(session.state, &request.certificate)?;
    }
    Ok(())
}

fn is_final(error: &AcmeError) -> bool {
    match error {
        AcmeError::OrderInvalid { .. } => true,
        AcmeError::Refused { status, .. } => (400..500).contains(status) && *status != TOO_MANY_REQUESTS,
        _ => false,
    }
}

const TOO_MANY_REQUESTS: u16 = 429;

async fn key(session: &Session<'_>, request: &IssueRequest) -> Result<Zeroizing<String>, FinishError> {
    let current = match request.reuse_key {
        true => CertificateStore::new(session.state, &request.certificate).current()?,
        false => None,
    };
    let compromised = RenewalState::load(session.state, &request.certificate).compromised_key;
    match current {
        Some(stored) if Some(key_id(&stored.key_pem)) == compromised => {
            let message = "the certificate's key was given up as compromised; the new one is for a new key".to_owned();
            session.tell(Event::Warning { message });
            Ok(new_key(request.key_type).await?.to_pem())
        }
        Some(stored) => pem_text(&stored.key_pem),
        None => Ok(new_key(request.key_type).await?.to_pem()),
    }
}

async fn new_key(kind: KeyType) -> Result<CertificateKey, FinishError> {
    // RSA takes up to seconds.
    let made = tokio::task::spawn_blocking(move || CertificateKey::generate(kind)).await;
    Ok(made.map_err(|_| FinishError::KeyTask)??)
}

fn pem_text(bytes: &[u8]) -> Result<Zeroizing<String>, FinishError> {
    let text = std::str::from_utf8(bytes).map_err(|_| FinishError::KeyDamaged)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The leaf, if the CA sent what was ordered.
fn checked(chain: &CertificateChain, key: &CertificateKey, names: &[CertName]) -> Result<Leaf, FinishError> {
    let leaf = Leaf::from_der(&chain.der[0])?;
    let mut ordered: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut certified: Vec<String> = leaf.names.iter().map(|name| name.to_lowercase()).collect();
    ordered.sort();
    certified.sort();
    let wrong = |why| Err(FinishError::WrongCertificate { why });
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

fn ca(doing: &'static str) -> impl Fn(AcmeError) -> FinishError {
    move |source| FinishError::Ca { doing, source: Box::new(source) }
}

/// Why a proven order gave no stored certificate.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// The CA did not do its part.
    #[error("the CA did not {doing}")]
    Ca {
        /// What was asked of it.
        doing: &'static str,
        /// What it said.
        source: Box<AcmeError>,
    },
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
    /// What it remembers could not be kept.
    #[error(transparent)]
    Renewal(#[from] RenewalError),
    /// How it stands could not be kept.
    #[error(transparent)]
    State(#[from] RenewalStateError),
    /// A key on disk is no text.
    #[error("the certificate's key on disk is damaged; restore it from a copy, or issue without --reuse-key")]
    KeyDamaged,
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
