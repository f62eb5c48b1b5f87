//! From names to a stored certificate.

use super::account::{AccountSetup, AccountUseError, is_unknown_account, open_account, register_again};
use super::dns01::Dns01Error;
use super::event::Event;
use super::finish::{self, FinishError};
use super::keep::{Issued, keep};
use super::material;
use super::proof::AnswerError;
use super::prove::{ProofError, prove};
use super::publish::ZoneFault;
use super::request::IssueRequest;
use super::session::Session;
use crate::acme::{AccountHandle, AcmeClient, AcmeError, AuthorizationError, Order, OrderOptions, ProblemKind};
use crate::dns::PropagationCheck;

/// Gets a certificate and stores it; an order that an earlier run could not end is taken up.
pub async fn issue(
    session: &Session<'_>,
    client: &AcmeClient,
    setup: &AccountSetup,
    request: &IssueRequest,
) -> Result<Issued, IssueError> {
    let account = stoppable(session, NOTHING, open_account(session, client, setup, &request.server)).await?;
    material::check(session, request).map_err(FinishError::from)?;
    let resumed = stoppable(session, AN_ORDER, finish::resume(session, &account, request)).await?;
    let obtained = match resumed {
        Some(obtained) => obtained,
        None => {
            let (account, order) = proven_order(session, client, setup, request, account).await?;
            stoppable(session, AN_ORDER, finish::finish(session, &account, &order, request)).await?
        }
    };
    Ok(keep(session, request, obtained).await?)
}

/// Work that may be dropped wherever it waits for the CA, as it may be killed there; says what that leaves.
async fn stoppable<T, E>(
    session: &Session<'_>,
    left: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, IssueError>
where
    IssueError: From<E>,
{
    tokio::select! {
        done = work => Ok(done?),
        () = session.cancel.requested() => Err(IssueError::Interrupted { left }),
    }
}

const NOTHING: &str = "nothing is left behind";
const AN_ORDER: &str = "the next run takes the order up where it stands";

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
        let order;
        (account, order) = stoppable(session, NOTHING, ordered(session, client, setup, request, account)).await?;
        let names = request.names.iter().map(ToString::to_string).collect();
        session.tell(Event::Order { url: order.url.clone(), names });
        match prove(session, &account, &order, &request.proof, &request.certificate, &request.names).await {
            Ok(()) => return Ok((account, order)),
            Err(error) => match unseen_by_the_ca(&error, request) {
                Some(why) if again => session.tell(Event::OrderingAgain { why }),
                _ => return Err(error.into()),
            },
        }
        again = false;
    }
}

/// An order, of a new account where the CA has lost the old one.
async fn ordered(
    session: &Session<'_>,
    client: &AcmeClient,
    setup: &AccountSetup,
    request: &IssueRequest,
    mut account: AccountHandle,
) -> Result<(AccountHandle, Order), IssueError> {
    let ordered = match new_order(client, &account, request).await {
        Err(error) if is_unknown_account(&error) => {
            account = register_again(session, client, setup, &request.server).await?;
            new_order(client, &account, request).await
        }
        ordered => ordered,
    };
    Ok((account, ordered.map_err(ca("take the order"))?))
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

/// Also where the certificate is not known to the CA, or was got by another account; and a CA may stumble over the id:
/// Pebble 2.10.1 looks a serial up without the zero that DER puts in front of some, one in 256, and answers 500.
fn refuses_to_replace(error: &AcmeError) -> bool {
    use ProblemKind::{AlreadyReplaced, Malformed, ServerInternal, Unauthorized};
    let refusals = [AlreadyReplaced, Malformed, ServerInternal, Unauthorized];
    error.problem().is_some_and(|problem| refusals.contains(&problem.kind()))
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
    /// The user stopped it.
    #[error("interrupted; {left}")]
    Interrupted {
        /// What that leaves.
        left: &'static str,
    },
    /// The order was proven, and no certificate was stored.
    #[error(transparent)]
    Finish(#[from] FinishError),
}

impl IssueError {
    /// What the CA said, if that is what failed.
    pub fn ca(&self) -> Option<&AcmeError> {
        match self {
            Self::Ca { source, .. } | Self::Finish(FinishError::Ca { source, .. }) => Some(source),
            Self::Proof(error) => error.ca(),
            Self::Account(AccountUseError::NotMade(source)) => Some(source),
            Self::Account(_) | Self::Finish(_) | Self::Interrupted { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, kind: &str) -> AcmeError {
        let problem = serde_json::json!({"type": format!("urn:ietf:params:acme:error:{kind}"), "detail": "no"});
        let problem = Box::new(serde_json::from_value(problem).expect("a problem"));
        AcmeError::Refused { url: "https://ca.example/order".to_owned(), status, problem, retry_after: None }
    }

    #[test]
    fn an_order_that_fails_over_what_it_replaces_is_made_without_and_a_rate_limit_is_respected() {
        for (status, kind) in [(409, "alreadyReplaced"), (500, "serverInternal"), (400, "malformed")] {
            assert!(refuses_to_replace(&refusal(status, kind)), "{kind}");
        }
        assert!(!refuses_to_replace(&refusal(429, "rateLimited")));
        assert!(!refuses_to_replace(&refusal(403, "rejectedIdentifier")));
    }
}
