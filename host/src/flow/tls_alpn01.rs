//! Proving names by tls-alpn-01, from a TLS server of one's own (RFC 8737).

use std::collections::BTreeMap;

use super::event::Event;
use super::http01::lock_port;
use super::proof::{AnswerError, ChoiceError, Chosen, answer};
use super::session::Session;
use crate::acme::AccountHandle;
use crate::pki::{ValidationCertificate, ValidationCertificateError};
use crate::secure_file::LockError;
use crate::serve::{Shown, TlsServeError, serve_validation_certificates};

/// Proves names from a TLS server of acmite's own.
pub(super) async fn prove(
    session: &Session<'_>,
    account: &AccountHandle,
    port: u16,
    proofs: &[Chosen<'_>],
) -> Result<(), TlsAlpn01Error> {
    let certificates = certificates(account, proofs)?;
    let _lock = tokio::select! {
        lock = lock_port(session, port) => lock?,
        () = session.cancel.requested() => return Err(TlsAlpn01Error::Interrupted),
    };
    let server = serve_validation_certificates(port, certificates)?;
    session.tell(Event::serving(&server, proofs.len()));
    tokio::select! {
        answered = answer(session, account, None, proofs) => Ok(answered?),
        () = session.cancel.requested() => Err(TlsAlpn01Error::Interrupted),
    }
}

/// By the server name a CA asks for.
fn certificates(account: &AccountHandle, proofs: &[Chosen<'_>]) -> Result<BTreeMap<String, Shown>, TlsAlpn01Error> {
    let one = |proof: &Chosen<'_>| {
        let digest = account.key_authorization_digest(proof.token()?);
        let ValidationCertificate { certificate, key } = ValidationCertificate::new(proof.host(), &digest)?;
        Ok((proof.host().server_name(), Shown { certificate, key }))
    };
    proofs.iter().map(one).collect()
}

/// Why names were not proven by tls-alpn-01.
#[derive(Debug, thiserror::Error)]
pub enum TlsAlpn01Error {
    /// A challenge lacks its token.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// A certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] ValidationCertificateError),
    /// Another run has the port.
    #[error("another run of acmite has the port")]
    Lock(#[from] LockError),
    /// The certificates could not be served.
    #[error(transparent)]
    Serve(#[from] TlsServeError),
    /// The CA did not see them.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
}
