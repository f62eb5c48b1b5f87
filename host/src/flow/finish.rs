//! From a proven order to a certificate; also from one that an earlier run handed in and did not see the end of.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::event::Event;
use super::material::{Material, MaterialError};
use super::request::{IssueRequest, Keep};
use super::session::Session;
use crate::acme::{AccountHandle, AcmeError, CertificateChain, Order, OrderStatus};
use crate::name::CertName;
use crate::pki::{self, CsrError, Leaf, LeafError};
use crate::store::certificate::{CertificateStore, StoreError};
use crate::store::renewal::RenewalError;
use crate::store::renewal_state::{OpenOrder, RenewalState, RenewalStateError};
use crate::words::one_line;

/// What the CA handed out for an order, checked.
pub(super) struct Obtained {
    /// The certificate and those above it.
    pub(super) chain_pem: String,
    /// The certificate.
    pub(super) leaf: Leaf,
    /// What it was asked for with.
    pub(super) material: Material,
}

/// Hands in a CSR for an order that is proven, and fetches what the CA makes of it.
pub(super) async fn finish(
    session: &Session<'_>,
    account: &AccountHandle,
    order: &Order,
    request: &IssueRequest,
) -> Result<Obtained, FinishError> {
    let material = Material::fresh(session, request).await?;
    if let Keep::Live(_) = request.keep {
        let store = CertificateStore::new(session.state, &request.certificate);
        let key = material.keep(&store)?;
        let mut state = RenewalState::load(session.state, &request.certificate);
        state.order = Some(open_order(order, request, key.clone()));
        state.save(session.state, &request.certificate)?;
        store.discard_other_pending_keys(&key)?;
    }
    obtain(session, account, order, request, material).await
}

/// Takes up an order that was handed in by an earlier run, if there is one for just this and the CA still knows it.
pub(super) async fn resume(
    session: &Session<'_>,
    account: &AccountHandle,
    request: &IssueRequest,
) -> Result<Option<Obtained>, FinishError> {
    let state = RenewalState::load(session.state, &request.certificate);
    let compromised = state.compromised_key;
    let usable = |open: &OpenOrder| Some(&open.key) != compromised.as_ref();
    let wanted = |open: &OpenOrder| usable(open) && is_wanted(open, request, OffsetDateTime::now_utc());
    let Some(open) = state.order.filter(wanted) else {
        return Ok(None);
    };
    let Some(material) = Material::begun(session, request, &open.key)? else { return Ok(None) };
    let order = match account.order(&open.url).await {
        Ok(order) if !matches!(order.status, OrderStatus::Pending | OrderStatus::Invalid) => order,
        Ok(_) => return forget(session, request).map(|()| None),
        Err(error) if is_final(&error) => return forget(session, request).map(|()| None),
        Err(error) => return Err(ca("show the order that was begun")(error)),
    };
    session.tell(Event::Resuming { url: order.url.clone() });
    obtain(session, account, &order, request, material).await.map(Some)
}

fn open_order(order: &Order, request: &IssueRequest, key: String) -> OpenOrder {
    OpenOrder {
        url: order.url.clone(),
        server: request.server.to_string(),
        names: request.names.iter().map(ToString::to_string).collect(),
        key_type: request.key.to_string(),
        profile: request.order.profile.clone(),
        key,
        since: OffsetDateTime::now_utc(),
    }
}

fn is_wanted(open: &OpenOrder, request: &IssueRequest, now: OffsetDateTime) -> bool {
    let wanted = OpenOrder {
        server: request.server.to_string(),
        names: request.names.iter().map(ToString::to_string).collect(),
        key_type: request.key.to_string(),
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
    material: Material,
) -> Result<Obtained, FinishError> {
    session.tell(Event::Finalizing { key_type: request.key.to_string() });
    let csr = material.csr(request)?;
    let order = match account.finalize(order, &csr, Instant::now() + FINALIZE_TIME).await {
        Err(error) if is_final(&error) => {
            forget(session, request)?;
            return Err(ca("issue the certificate")(error));
        }
        finalized => finalized.map_err(ca("issue the certificate"))?,
    };
    let downloaded = account.certificate(&order, request.preferred_chain.as_deref()).await;
    let chain = downloaded.map_err(ca("hand out the certificate"))?;
    let leaf = match checked(&chain, &material, &request.names, &clocks(account)) {
        Ok(leaf) => leaf,
        Err(wrong) => {
            // Asking for it again would give the same.
            forget(session, request)?;
            return Err(wrong);
        }
    };
    if let Some(wanted) = request.preferred_chain.as_ref().filter(|wanted| !chain.has_issuer(wanted)) {
        session.tell(Event::Warning { message: not_offered(wanted, &chain) });
    }
    Ok(Obtained { chain_pem: chain.pem, leaf, material })
}

fn not_offered(wanted: &str, chain: &CertificateChain) -> String {
    let issuers = one_line(&chain.issuers().join(", "));
    format!("the CA offers no chain with an issuer {wanted:?}; its own choice is stored, issued by {issuers}")
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

/// The time here, and as the CA has it: what is wrong by one of them may be the clock's fault.
fn clocks(account: &AccountHandle) -> [OffsetDateTime; 2] {
    let now = OffsetDateTime::now_utc();
    [now, now.saturating_add(account.clock_ahead().unwrap_or_default())]
}

/// The leaf, if the CA sent what was ordered.
fn checked(
    chain: &CertificateChain,
    material: &Material,
    names: &[CertName],
    clocks: &[OffsetDateTime],
) -> Result<Leaf, FinishError> {
    let leaf = Leaf::from_der(&chain.der[0])?;
    let mut ordered: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut certified: Vec<String> = leaf.names.iter().map(|name| name.to_lowercase()).collect();
    ordered.sort();
    certified.sort();
    let wrong = |why| Err(FinishError::WrongCertificate { why });
    if !material.is_of(&leaf) {
        return wrong("it is for another key");
    }
    if ordered != certified {
        return wrong("its names are not those ordered");
    }
    if clocks.iter().all(|now| leaf.not_after <= *now) {
        return wrong("it has expired already");
    }
    if clocks.iter().all(|now| leaf.not_before > now.saturating_add(CLOCK_SKEW)) {
        return wrong("it is not valid yet");
    }
    if !pki::is_chain(&chain.der) {
        return wrong("its chain is not in order");
    }
    Ok(leaf)
}

/// More than clocks that are both kept are apart.
const CLOCK_SKEW: time::Duration = time::Duration::days(1);
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
    /// There is no key or request to hand in.
    #[error(transparent)]
    Material(#[from] MaterialError),
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
}
