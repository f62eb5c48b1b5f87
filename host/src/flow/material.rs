//! What a certificate is asked for with: a key that acmite makes, or a request that the user made.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::event::Event;
use super::request::{IssueRequest, KeyChoice};
use super::session::Session;
use crate::pki::{self, CertificateKey, CertificateKeyError, CertificateRequest, CsrError, KeyType, Leaf};
use crate::store::certificate::{CertificateStore, StoreError, key_id};
use crate::store::renewal_state::RenewalState;

/// A key with its PEM, or a request.
pub(super) enum Material {
    Own { key: CertificateKey, pem: Zeroizing<String> },
    Requested(Box<CertificateRequest>),
}

impl Material {
    /// For an order that has none yet.
    pub(super) async fn fresh(session: &Session<'_>, request: &IssueRequest) -> Result<Self, MaterialError> {
        match &request.key {
            KeyChoice::Own { kind, reuse } => own(session, request, *kind, *reuse).await,
            KeyChoice::Requested(csr) => Ok(Self::Requested(csr.clone())),
        }
    }

    /// For an order that an earlier run began with what has this id; `None` where it is no longer there or wanted.
    pub(super) fn begun(
        session: &Session<'_>,
        request: &IssueRequest,
        id: &str,
    ) -> Result<Option<Self>, MaterialError> {
        match &request.key {
            KeyChoice::Requested(csr) => Ok((csr.id() == id).then(|| Self::Requested(csr.clone()))),
            KeyChoice::Own { .. } => {
                let pem = CertificateStore::new(session.state, &request.certificate).pending_key(id)?;
                pem.map(|pem| Self::of_pem(&pem)).transpose()
            }
        }
    }

    fn of_pem(pem: &[u8]) -> Result<Self, MaterialError> {
        let text = std::str::from_utf8(pem).map_err(|_| MaterialError::KeyDamaged)?;
        Ok(Self::Own { key: CertificateKey::from_pem(text)?, pem: Zeroizing::new(text.to_owned()) })
    }

    /// Keeps a key before the CA hears of it; gives what [`Self::begun`] finds it by.
    pub(super) fn keep(&self, store: &CertificateStore) -> Result<String, StoreError> {
        match self {
            Self::Own { pem, .. } => store.save_pending_key(pem),
            Self::Requested(csr) => Ok(csr.id()),
        }
    }

    /// What is handed in, DER.
    pub(super) fn csr(&self, request: &IssueRequest) -> Result<Vec<u8>, CsrError> {
        match self {
            Self::Own { key, .. } => pki::csr_der(key, &request.names),
            Self::Requested(csr) => Ok(csr.der().to_vec()),
        }
    }

    /// Whether a certificate is for its key.
    pub(super) fn is_of(&self, leaf: &Leaf) -> bool {
        match self {
            Self::Own { key, .. } => leaf.matches(key),
            Self::Requested(csr) => leaf.is_for(csr.public_key_info()),
        }
    }

    /// Makes a certificate for it the live one.
    pub(super) fn store(&self, store: &CertificateStore, leaf: &str, chain: &str) -> Result<PathBuf, StoreError> {
        match self {
            Self::Own { pem, .. } => store.store(leaf, chain, pem),
            Self::Requested(csr) => store.store_requested(leaf, chain, &csr.to_pem()),
        }
    }
}

async fn own(
    session: &Session<'_>,
    request: &IssueRequest,
    kind: KeyType,
    reuse: bool,
) -> Result<Material, MaterialError> {
    let store = CertificateStore::new(session.state, &request.certificate);
    let current = if reuse { store.current()?.and_then(|stored| stored.key_pem) } else { None };
    match current {
        Some(pem) if Some(key_id(&pem)) == given_up(session, request) => {
            let message = "the certificate's key was given up as compromised; the new one is for a new key".to_owned();
            session.tell(Event::Warning { message });
            new(kind).await
        }
        Some(pem) => Material::of_pem(&pem),
        None => new(kind).await,
    }
}

async fn new(kind: KeyType) -> Result<Material, MaterialError> {
    // RSA takes up to seconds.
    let made = tokio::task::spawn_blocking(move || CertificateKey::generate(kind)).await;
    let key = made.map_err(|_| MaterialError::KeyTask)??;
    Ok(Material::Own { pem: key.to_pem(), key })
}

/// Refuses a request for a key that was given up; acmite cannot make another one.
pub(super) fn check(session: &Session<'_>, request: &IssueRequest) -> Result<(), MaterialError> {
    match &request.key {
        KeyChoice::Requested(csr) if Some(key_id(csr.public_key_info())) == given_up(session, request) => {
            Err(MaterialError::GivenUp)
        }
        _ => Ok(()),
    }
}

fn given_up(session: &Session<'_>, request: &IssueRequest) -> Option<String> {
    RenewalState::load(session.state, &request.certificate).compromised_key
}

/// Why nothing can be handed in.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// The certificate's key was not made.
    #[error(transparent)]
    Key(#[from] CertificateKeyError),
    /// The thread that makes the key died.
    #[error("the certificate's key could not be made; try again")]
    KeyTask,
    /// A key on disk is no text.
    #[error("the certificate's key on disk is damaged; restore it from a copy, or issue without --reuse-key")]
    KeyDamaged,
    /// The key of the request is not to be used again.
    #[error(
        "the key of the certificate request was given up as compromised; make a new key and a request for it, and get \
         the certificate by `acmite issue --csr`"
    )]
    GivenUp,
    /// What is kept of the certificate cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
