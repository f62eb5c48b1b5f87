//! Publishing for another ACME client, whose hook comes once to publish and once, in another process, to withdraw.

use futures_util::future::{join_all, try_join_all};
use time::OffsetDateTime;

use super::publish::{Batch, Dns01Options, PlanError, Publisher, Wanted, ZoneFailure, ZoneFault, plan, withdraw};
use super::session::Session;
use crate::causes::chain;
use crate::name::DnsName;
use crate::plugin::provider::Published;
use crate::store::journal::{AskedRecord, Entry, HeldEntry, Journal, JournalError, Kept};

/// What a call that publishes waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AwaitFor {
    /// What it publishes, and what calls before it published for these names.
    Also(Vec<DnsName>),
    /// Nothing: a later call waits.
    Nothing,
}

/// Publishes and waits. What was published is journalled until the other client comes for it; in a zone where that
/// failed nothing stands.
pub async fn publish_for(
    session: &Session<'_>,
    options: &Dns01Options,
    asked: &[AskedRecord],
    wait: &AwaitFor,
    now: OffsetDateTime,
) -> Result<(), OnBehalfError> {
    let batches = plan(session, &wanted(asked)).await?;
    if let Some(batch) = batches.iter().find(|batch| !batch.fits_at_once()) {
        return Err(OnBehalfError::TooManyValues { zone: batch.zone.apex.clone() });
    }
    let errand = |batch| Errand { session, options, batch, asked, waits: *wait != AwaitFor::Nothing };
    let errands: Vec<Errand<'_>> = batches.iter().map(errand).collect();
    let (done, earlier) = tokio::join!(
        join_all(errands.iter().map(|errand| errand.run(now + KEPT))),
        await_earlier(session, options, asked, wait),
    );
    let failures: Vec<ZoneFailure> = done.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() { earlier } else { Err(OnBehalfError::Zones { failures }) }
}

/// A client that has not come for its records after this is not going to.
const KEPT: time::Duration = time::Duration::hours(6);

/// Withdraws what was published for any of these values; gives how many batches could not be, which stay in the journal.
pub async fn withdraw_for(session: &Session<'_>, values: &[String]) -> Result<usize, OnBehalfError> {
    let claimed =
        Journal::<Entry>::new(session.state).claim(|entry| entry.records.iter().any(|(_, v)| values.contains(v)))?;
    let removed = claimed.into_iter().map(|entry| async move {
        let zone = entry.entry().zone.clone();
        let found = session.providers.for_entry(entry.entry());
        let instance = found.map_err(|source| PlanError::NoProvider { zone, source })?;
        Ok::<_, OnBehalfError>(withdraw(session, &instance, entry).await)
    });
    Ok(try_join_all(removed).await?.into_iter().filter(|removed| !removed).count())
}

/// One zone of one call.
struct Errand<'a> {
    session: &'a Session<'a>,
    options: &'a Dns01Options,
    batch: &'a Batch,
    asked: &'a [AskedRecord],
    waits: bool,
}

impl Errand<'_> {
    async fn run(&self, until: OffsetDateTime) -> Result<(), ZoneFailure> {
        let publisher = publisher(self.session, self.options, self.batch);
        let asked = self.batch.wanted.iter().map(|index| self.asked[*index].clone()).collect();
        let begun = publisher.begin_kept(Kept { until, asked });
        let mut entry = begun.map_err(|fault| publisher.failure(fault))?;
        if let Err(fault) = self.publish(&publisher, &mut entry).await {
            publisher.withdraw(entry).await;
            return Err(publisher.failure(fault));
        }
        Ok(())
    }

    async fn publish(&self, publisher: &Publisher<'_>, entry: &mut HeldEntry) -> Result<(), ZoneFault> {
        if self.waits { publisher.publish_and_wait(entry).await } else { publisher.publish(entry).await.map(|_| ()) }
    }
}

/// Waits for what calls before this one published without waiting.
async fn await_earlier(
    session: &Session<'_>,
    options: &Dns01Options,
    own: &[AskedRecord],
    wait: &AwaitFor,
) -> Result<(), OnBehalfError> {
    let AwaitFor::Also(names) = wait else { return Ok(()) };
    let is_earlier = |one: &AskedRecord| names.contains(&one.name) && own.iter().all(|own| own.value != one.value);
    let fits = |entry: &Entry| entry.kept.iter().flat_map(|kept| &kept.asked).any(is_earlier);
    let entries = Journal::<Entry>::new(session.state).kept(fits)?;
    try_join_all(entries.iter().map(|entry| await_entry(session, options, entry))).await.map(|_| ())
}

async fn await_entry(session: &Session<'_>, options: &Dns01Options, entry: &Entry) -> Result<(), OnBehalfError> {
    let published = Published { state: entry.state.clone(), memory: entry.memory.clone() };
    let asked = entry.kept.as_ref().map(|kept| kept.asked.as_slice()).unwrap_or_default();
    for batch in &plan(session, &wanted(asked)).await? {
        let publisher = publisher(session, options, batch);
        let failed = |fault| OnBehalfError::Zones { failures: vec![publisher.failure(fault)] };
        publisher.wait(&published).await.map_err(failed)?;
    }
    Ok(())
}

fn publisher<'a>(session: &'a Session<'a>, options: &'a Dns01Options, batch: &'a Batch) -> Publisher<'a> {
    Publisher { session, options, certificate: "", batch }
}

fn wanted(asked: &[AskedRecord]) -> Vec<Wanted> {
    let one = |one: &AskedRecord| Wanted { name: one.name.clone(), label: one.label.clone(), value: one.value.clone() };
    asked.iter().map(one).collect()
}

/// Why another client's records do not stand, or still do.
#[derive(Debug, thiserror::Error)]
pub enum OnBehalfError {
    /// It is not known what to publish where.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// What is published cannot be looked up.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The provider would need the client to wait for an answer between two values.
    #[error(
        "the provider of the zone {zone} holds too few values at a name for all that are asked for at once; \
         `acmite issue` proves them one after the other"
    )]
    TooManyValues {
        /// The zone's apex.
        zone: DnsName,
    },
    /// In some zones it failed.
    #[error("{}", .failures.iter().map(|failure| chain(failure)).collect::<Vec<_>>().join("\n"))]
    Zones {
        /// One for each of them.
        failures: Vec<ZoneFailure>,
    },
}
