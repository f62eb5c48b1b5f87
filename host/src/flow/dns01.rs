//! Proving names by dns-01 and dns-account-01: publish, wait, answer, withdraw; zones side by side, in
//! rounds where a name holds too few values for all at once.

use futures_util::future::join_all;

use super::method::Method;
use super::proof::{ChoiceError, Chosen, answer};
use super::publish::{Batch, Dns01Options, PlanError, Publisher, Wanted, ZoneFailure, ZoneFault, plan};
use super::session::Session;
use crate::acme::AccountHandle;
use crate::causes::chain;
use crate::name::Host;
use crate::store::journal::HeldEntry;

/// Proves names by records. When it returns, whatever was published is removed again, or stands in the journal.
pub(super) async fn prove(
    session: &Session<'_>,
    account: &AccountHandle,
    proofs: &[Chosen<'_>],
    options: &Dns01Options,
    certificate: &str,
) -> Result<(), Dns01Error> {
    let wanted: Vec<Wanted> = proofs.iter().map(|proof| record(account, proof)).collect::<Result<_, _>>()?;
    let batches = plan(session, &wanted).await?;
    let proven = batches.into_iter().map(|batch| async move {
        for batch in &batch.in_rounds() {
            let proofs = batch.wanted.iter().map(|index| proofs[*index]).collect();
            let publisher = Publisher { session, options, certificate, batch };
            ZoneProof { publisher, account, batch, proofs }.run().await?;
        }
        Ok(())
    });
    let failures: Vec<ZoneFailure> = join_all(proven).await.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() { Ok(()) } else { Err(Dns01Error::Zones { failures }) }
}

fn record(account: &AccountHandle, proof: &Chosen<'_>) -> Result<Wanted, Dns01Error> {
    let name = proof.host().dns().ok_or_else(|| Dns01Error::Address { name: proof.host().clone() })?;
    let label = match proof.method {
        Method::DnsAccount01 => format!("{}._acme-challenge", account.dns_label()),
        _ => "_acme-challenge".to_owned(),
    };
    Ok(Wanted { name: name.clone(), label, value: account.dns01_value(proof.token()?) })
}

struct ZoneProof<'a> {
    publisher: Publisher<'a>,
    account: &'a AccountHandle,
    batch: &'a Batch,
    proofs: Vec<Chosen<'a>>,
}

impl ZoneProof<'_> {
    async fn run(self) -> Result<(), ZoneFailure> {
        let mut entry = self.publisher.begin().map_err(|fault| self.publisher.failure(fault))?;
        let outcome = self.prove(&mut entry).await;
        // Also after a failure and after Ctrl-C; what cannot be removed now stays in the journal.
        self.publisher.withdraw(entry).await;
        outcome.map_err(|fault| self.publisher.failure(fault))
    }

    async fn prove(&self, entry: &mut HeldEntry) -> Result<(), ZoneFault> {
        self.publisher.publish_and_wait(entry).await?;
        let session = self.publisher.session;
        tokio::select! {
            answered = answer(session, self.account, Some(&self.batch.zone.apex), &self.proofs) => Ok(answered?),
            () = session.cancel.requested() => Err(ZoneFault::Interrupted),
        }
    }
}

/// Why names were not proven.
#[derive(Debug, thiserror::Error)]
pub enum Dns01Error {
    /// A challenge lacks its token.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// An address has no place in DNS.
    #[error("{name} cannot be proven by DNS; choose another challenge for it")]
    Address {
        /// The address.
        name: Host,
    },
    /// It is not known what to publish where.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// In some zones it failed.
    #[error("{}", .failures.iter().map(|failure| chain(failure)).collect::<Vec<_>>().join("\n"))]
    Zones {
        /// One for each of them.
        failures: Vec<ZoneFailure>,
    },
}
