//! Proving the names of an order, each by its challenge, all side by side.

use super::dns_persist01::{self, PersistProofError};
use super::dns01::{self, Dns01Error};
use super::event::Event;
use super::http01::{self, Http01Error};
use super::method::{Method, Methods};
use super::proof::{AnswerError, ChoiceError, Chosen, choose, give_up};
use super::publish::{Dns01Options, ZoneFault};
use super::session::Session;
use super::tls_alpn01::{self, TlsAlpn01Error};
use crate::acme::{AccountHandle, AcmeError, AuthorizationStatus, Order};
use crate::causes::chain;
use crate::name::CertName;

/// How names are proven.
#[derive(Clone, Debug)]
pub struct ProofOptions {
    /// Which name by what.
    pub methods: Methods,
    /// How to publish records and wait for them.
    pub dns01: Dns01Options,
    /// Where the own web server listens.
    pub http_port: u16,
    /// Where the own TLS server listens.
    pub tls_port: u16,
}

/// Proves every authorization of the order that is pending. When it returns, whatever was published is removed again,
/// or stands in the journal.
pub(super) async fn prove(
    session: &Session<'_>,
    account: &AccountHandle,
    order: &Order,
    options: &ProofOptions,
    certificate: &str,
    names: &[CertName],
) -> Result<(), ProofError> {
    let authorizations = tokio::select! {
        read = account.authorizations(order) => read.map_err(ProofError::Unread)?,
        () = session.cancel.requested() => return Err(ProofError::Interrupted),
    };
    let valid = authorizations.iter().filter(|one| one.status == AuthorizationStatus::Valid).count();
    session.tell(Event::Authorizations { pending: authorizations.len() - valid, valid });
    let proven = match choose(&authorizations, names, &options.methods) {
        Ok(chosen) => Proving { session, account, options, certificate }.all(&chosen).await,
        Err(error) => Err(error.into()),
    };
    if proven.is_err() {
        give_up(account, &authorizations).await;
    }
    proven
}

struct Proving<'a> {
    session: &'a Session<'a>,
    account: &'a AccountHandle,
    options: &'a ProofOptions,
    certificate: &'a str,
}

impl Proving<'_> {
    async fn all(&self, chosen: &[Chosen<'_>]) -> Result<(), ProofError> {
        let of = |fits: fn(&Method) -> bool| chosen.iter().filter(|one| fits(one.method)).copied().collect::<Vec<_>>();
        let by_dns = of(Method::publishes);
        let persisted = of(|method| *method == Method::DnsPersist01);
        let standalone = of(|method| *method == Method::Standalone);
        let webroot = of(|method| matches!(method, Method::Webroot(_)));
        let by_tls = of(|method| *method == Method::TlsAlpn01);
        let (dns, lasting, own, files, tls) = tokio::join!(
            self.by_dns(&by_dns),
            self.persisted(&persisted),
            self.standalone(&standalone),
            self.webroot(&webroot),
            self.by_tls(&by_tls),
        );
        let mut failures: Vec<ProofError> =
            [dns, lasting, own, files, tls].into_iter().filter_map(Result::err).collect();
        match failures.len() {
            0 => Ok(()),
            1 => Err(failures.remove(0)),
            _ => Err(ProofError::Several { failures }),
        }
    }

    async fn by_dns(&self, proofs: &[Chosen<'_>]) -> Result<(), ProofError> {
        if proofs.is_empty() {
            return Ok(());
        }
        let Self { session, account, options, certificate } = self;
        Ok(dns01::prove(session, account, proofs, &options.dns01, certificate).await?)
    }

    async fn persisted(&self, proofs: &[Chosen<'_>]) -> Result<(), ProofError> {
        if proofs.is_empty() {
            return Ok(());
        }
        Ok(dns_persist01::prove(self.session, self.account, proofs).await?)
    }

    async fn standalone(&self, proofs: &[Chosen<'_>]) -> Result<(), ProofError> {
        if proofs.is_empty() {
            return Ok(());
        }
        Ok(http01::prove_standalone(self.session, self.account, self.options.http_port, proofs).await?)
    }

    async fn webroot(&self, proofs: &[Chosen<'_>]) -> Result<(), ProofError> {
        if proofs.is_empty() {
            return Ok(());
        }
        Ok(http01::prove_webroot(self.session, self.account, self.certificate, proofs).await?)
    }

    async fn by_tls(&self, proofs: &[Chosen<'_>]) -> Result<(), ProofError> {
        if proofs.is_empty() {
            return Ok(());
        }
        Ok(tls_alpn01::prove(self.session, self.account, self.options.tls_port, proofs).await?)
    }
}

/// Why the names of an order were not proven.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The CA does not show what is to be proven.
    #[error("the CA did not hand out the authorizations")]
    Unread(#[source] AcmeError),
    /// The user stopped it.
    #[error("interrupted; nothing is published")]
    Interrupted,
    /// There is no way to prove a name.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// By records in DNS.
    #[error(transparent)]
    Dns01(#[from] Dns01Error),
    /// By records that last.
    #[error("could not prove the names by dns-persist-01")]
    Persisted(#[from] PersistProofError),
    /// By a web server.
    #[error("could not prove the names by http-01")]
    Http01(#[from] Http01Error),
    /// By a TLS server.
    #[error("could not prove the names by tls-alpn-01")]
    TlsAlpn01(#[from] TlsAlpn01Error),
    /// By more than one of them.
    #[error("{}", .failures.iter().map(|failure| chain(failure)).collect::<Vec<_>>().join("\n"))]
    Several {
        /// One for each of them.
        failures: Vec<ProofError>,
    },
}

impl ProofError {
    /// What the CA said, if that is what failed.
    pub fn ca(&self) -> Option<&AcmeError> {
        match self {
            Self::Unread(error) => Some(error),
            Self::Dns01(Dns01Error::Zones { failures }) => failures.iter().find_map(|failure| match &failure.fault {
                ZoneFault::Answer(AnswerError::Ca(error)) => Some(error),
                _ => None,
            }),
            Self::Http01(Http01Error::Answer(AnswerError::Ca(error)))
            | Self::TlsAlpn01(TlsAlpn01Error::Answer(AnswerError::Ca(error))) => Some(error),
            Self::Several { failures } => failures.iter().find_map(Self::ca),
            _ => None,
        }
    }
}
