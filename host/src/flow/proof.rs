//! What all challenges share: one is chosen for each name, and when its proof is there the CA is told to look.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::time::Instant;

use super::event::Event;
use super::method::{Method, MethodError, Methods};
use super::session::Session;
use crate::acme::{
    AccountHandle, AcmeError, Authorization, AuthorizationError, AuthorizationStatus, Challenge, ChallengeKind, Token,
};
use crate::name::{CertName, DnsName, Host};

/// A pending authorization and how it is going to be proven.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen<'a> {
    pub(super) authorization: &'a Authorization,
    pub(super) challenge: &'a Challenge,
    pub(super) method: &'a Method,
}

impl<'a> Chosen<'a> {
    pub(super) fn host(&self) -> &'a Host {
        &self.authorization.name
    }

    /// The challenge's token; [`choose`] sees to it that those that need one have it.
    pub(super) fn token(&self) -> Result<&'a Token, ChoiceError> {
        self.challenge.token.as_ref().ok_or_else(|| ChoiceError::NoToken { name: self.host().clone() })
    }
}

/// Chooses a challenge for every authorization that is pending; nothing but the `ordered` names is proven.
pub(super) fn choose<'a>(
    authorizations: &'a [Authorization],
    ordered: &[CertName],
    methods: &'a Methods,
) -> Result<Vec<Chosen<'a>>, ChoiceError> {
    let pending = authorizations.iter().filter(|one| one.status == AuthorizationStatus::Pending);
    pending.map(|authorization| choose_one(authorization, ordered, methods)).collect()
}

fn choose_one<'a>(
    authorization: &'a Authorization,
    ordered: &[CertName],
    methods: &'a Methods,
) -> Result<Chosen<'a>, ChoiceError> {
    let name = CertName::new(authorization.name.clone(), authorization.wildcard);
    if !ordered.contains(&name) {
        return Err(ChoiceError::NotOrdered { name });
    }
    let method = methods.of(&name)?;
    let kind = method.kind();
    let challenge = authorization.challenge(kind).ok_or_else(|| {
        let offered: Vec<&str> = authorization.challenges.iter().map(|one| one.kind.as_str()).collect();
        ChoiceError::NotOffered { name, kind, offered: offered.join(", ") }
    })?;
    Ok(Chosen { authorization, challenge, method })
}

/// Tells the CA to look at proofs that are there to be seen, and waits until it has decided; `zone` is where they are,
/// if they are in DNS.
pub(super) async fn answer(
    session: &Session<'_>,
    account: &AccountHandle,
    zone: Option<&DnsName>,
    proofs: &[Chosen<'_>],
) -> Result<(), AnswerError> {
    let deadline = Instant::now() + DECISION_TIME;
    try_join_all(proofs.iter().map(|proof| account.answer(proof.challenge))).await?;
    session.tell(Event::Answered { zone: zone.cloned(), challenges: proofs.len() });
    let decisions = proofs.iter().map(|proof| async move {
        account.await_authorization(proof.authorization, deadline).await?;
        let name = CertName::new(proof.host().clone(), proof.authorization.wildcard).to_string();
        session.tell(Event::Proven { name });
        Ok(())
    });
    let refusals: Vec<AuthorizationError> = join_all(decisions).await.into_iter().filter_map(Result::err).collect();
    if refusals.is_empty() { Ok(()) } else { Err(AnswerError::Refused { refusals }) }
}

/// For the CA to look at all names of a group.
const DECISION_TIME: Duration = Duration::from_secs(180);

/// Gives up what is pending still, as CAs allow only so many of them; whether that works changes nothing here.
pub(super) async fn give_up(account: &AccountHandle, authorizations: &[Authorization]) {
    let pending = authorizations.iter().filter(|one| one.status == AuthorizationStatus::Pending);
    let all = join_all(pending.map(|one| give_one_up(account, &one.url)));
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

const GIVE_UP_TIME: Duration = Duration::from_secs(10);

/// Why no challenge could be chosen.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// The user's choice does not fit.
    #[error(transparent)]
    Method(#[from] MethodError),
    /// The CA does not offer it.
    #[error(
        "the CA offers no {kind} challenge for {name}, only: {offered}; choose one of these with --challenge, or another CA"
    )]
    NotOffered {
        /// The name.
        name: CertName,
        /// What was chosen.
        kind: ChallengeKind,
        /// What it offers.
        offered: String,
    },
    /// A name that is none of the order's.
    #[error(
        "the CA asks for a proof of {name}, which was not ordered; nothing is published for it, report it to the CA"
    )]
    NotOrdered {
        /// The name.
        name: CertName,
    },
    /// The challenge lacks what makes it one.
    #[error("the CA sent a challenge without a token for {name}; check that the directory is that of an ACME CA")]
    NoToken {
        /// The name.
        name: Host,
    },
}

/// Why names were not proven though their proofs were there.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The CA could not be told to look.
    #[error(transparent)]
    Ca(#[from] AcmeError),
    /// The CA looked and was not content.
    #[error("{}", .refusals.iter().map(|refusal| format!("{refusal}; {}", refusal.remedy())).collect::<Vec<_>>().join("\n"))]
    Refused {
        /// One for each name.
        refusals: Vec<AuthorizationError>,
    },
}
