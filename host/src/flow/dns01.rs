//! Proving names by dns-01: publish, wait, answer, withdraw; zones side by side, in rounds where a name holds too few
//! values for all at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::time::{Instant, timeout_at};

use super::event::Event;
use super::proof::{AnswerError, ChoiceError, Chosen, answer};
use super::retry::until_settled;
use super::rounds::rounds;
use super::session::{Instance, Session, SourceError};
use crate::acme::AccountHandle;
use crate::backoff::Backoff;
use crate::dns::{Expectation, PropagationError, PropagationOptions, Target, Zone, ZoneError};
use crate::name::{DnsName, Host};
use crate::plugin::manifest::Semantics;
use crate::plugin::provider::{CallError, Published, Settlement};
use crate::plugin::wire::TxtRecord;
use crate::store::journal::{Entry, HeldEntry, Journal, JournalError};
use crate::store::zone_lock::{ZoneLock, ZoneLockError};

/// How to prove.
#[derive(Clone, Copy, Debug)]
pub struct Dns01Options {
    /// How to wait for the name servers.
    pub propagation: PropagationOptions,
    /// TTL in seconds for new records; providers may need more.
    pub ttl: u32,
}

/// Proves names by records. When it returns, whatever was published is removed again, or stands in the journal.
pub(super) async fn prove(
    session: &Session<'_>,
    account: &AccountHandle,
    proofs: &[Chosen<'_>],
    options: &Dns01Options,
    certificate: &str,
) -> Result<(), Dns01Error> {
    let batches = plan(session, account, proofs).await?;
    let proofs = batches.into_iter().map(|batch| async move {
        for batch in &batch.in_rounds() {
            ZoneProof { session, account, options, certificate, batch }.run().await?;
        }
        Ok(())
    });
    let failures: Vec<ZoneFailure> = join_all(proofs).await.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() { Ok(()) } else { Err(Dns01Error::Zones { failures }) }
}

/// What is to be done in one zone.
struct Batch<'a> {
    zone: Zone,
    instance: Arc<Instance>,
    records: Vec<TxtRecord>,
    proofs: Vec<Chosen<'a>>,
}

impl Batch<'_> {
    /// As much at once as the provider holds at a name; what comes later is proven when the earlier is withdrawn.
    fn in_rounds(self) -> Vec<Self> {
        let Semantics::Slots(most) = self.instance.provider.manifest().semantics else { return vec![self] };
        let names: Vec<&DnsName> = self.records.iter().map(|record| &record.name).collect();
        let round = |positions: Vec<usize>| Self {
            zone: self.zone.clone(),
            instance: Arc::clone(&self.instance),
            records: positions.iter().map(|&at| self.records[at].clone()).collect(),
            proofs: positions.iter().map(|&at| self.proofs[at]).collect(),
        };
        rounds(&names, most.into()).into_iter().map(round).collect()
    }
}

async fn plan<'a>(
    session: &Session<'_>,
    account: &AccountHandle,
    proofs: &[Chosen<'a>],
) -> Result<Vec<Batch<'a>>, Dns01Error> {
    let targets = find_targets(session, proofs).await?;
    let mut batches: BTreeMap<DnsName, Batch<'a>> = BTreeMap::new();
    let mut delegated: BTreeMap<DnsName, usize> = BTreeMap::new();
    for proof in proofs {
        let target = &targets[name(proof)?];
        let apex = target.zone.apex.clone();
        if !batches.contains_key(&apex) {
            let instance = session
                .providers
                .for_zone(&apex)
                .map_err(|source| Dns01Error::NoProvider { zone: apex.clone(), source })?;
            let empty = Batch { zone: target.zone.clone(), instance, records: Vec::new(), proofs: Vec::new() };
            batches.insert(apex.clone(), empty);
        }
        let batch = batches.get_mut(&apex).expect("it was put there above");
        let value = account.dns01_value(proof.token()?);
        batch.records.push(TxtRecord { name: target.name.clone(), value });
        batch.proofs.push(*proof);
        *delegated.entry(apex).or_default() += usize::from(!target.chain.is_empty());
    }
    for (zone, batch) in &batches {
        let names: BTreeSet<DnsName> = batch.records.iter().map(|record| record.name.clone()).collect();
        session.tell(Event::ZoneFound {
            zone: zone.clone(),
            plugin: batch.instance.reference.spec.clone(),
            names: names.into_iter().collect(),
            delegated: delegated.get(zone).copied().unwrap_or_default(),
        });
    }
    Ok(batches.into_values().collect())
}

fn name<'a>(proof: &Chosen<'a>) -> Result<&'a DnsName, Dns01Error> {
    proof.host().dns().ok_or_else(|| Dns01Error::Address { name: proof.host().clone() })
}

async fn find_targets(session: &Session<'_>, proofs: &[Chosen<'_>]) -> Result<BTreeMap<DnsName, Target>, Dns01Error> {
    let names: BTreeSet<&DnsName> = proofs.iter().map(name).collect::<Result<_, _>>()?;
    let deadline = Instant::now() + ZONE_SEARCH_TIME;
    let searches = names.into_iter().map(|name| async move {
        let target = session.dns.challenge_target(name, deadline).await;
        target.map(|target| (name.clone(), target)).map_err(|source| Dns01Error::NoZone { name: name.clone(), source })
    });
    let found = tokio::select! {
        found = try_join_all(searches) => found?,
        () = session.cancel.requested() => return Err(Dns01Error::Interrupted),
    };
    Ok(found.into_iter().collect())
}

const ZONE_SEARCH_TIME: Duration = Duration::from_secs(60);

struct ZoneProof<'a> {
    session: &'a Session<'a>,
    account: &'a AccountHandle,
    options: &'a Dns01Options,
    certificate: &'a str,
    batch: &'a Batch<'a>,
}

impl ZoneProof<'_> {
    async fn run(self) -> Result<(), ZoneFailure> {
        let failure = |fault| ZoneFailure { zone: self.batch.zone.apex.clone(), fault };
        let mut entry = Journal::new(self.session.state).begin(self.entry()).map_err(|e| failure(e.into()))?;
        let outcome = self.prove(&mut entry).await;
        // Also after a failure and after Ctrl-C; what cannot be removed now stays in the journal.
        withdraw(self.session, &self.batch.instance, entry).await;
        outcome.map_err(failure)
    }

    fn entry(&self) -> Entry {
        let Batch { zone, instance, records, .. } = self.batch;
        Entry {
            plugin: instance.reference.clone(),
            credentials: instance.credentials.clone(),
            zone: zone.apex.clone(),
            records: records.iter().map(|record| (record.name.clone(), record.value.clone())).collect(),
            resolvers: self.session.resolvers.iter().map(ToString::to_string).collect(),
            certificate: self.certificate.to_owned(),
            state: Vec::new(),
            memory: Vec::new(),
        }
    }

    async fn prove(&self, entry: &mut HeldEntry) -> Result<(), ZoneFault> {
        let published = self.publish(entry).await?;
        tokio::select! {
            outcome = self.wait_and_answer(&published) => outcome,
            () = self.session.cancel.requested() => Err(ZoneFault::Interrupted),
        }
    }

    /// Not given up halfway: what a provider has begun it ends, so that the clean-up sees all of it.
    async fn publish(&self, entry: &mut HeldEntry) -> Result<Published, ZoneFault> {
        let Batch { zone, instance, records, .. } = self.batch;
        let deadline = Instant::now() + PUBLISH_TIME;
        let _lock = tokio::select! {
            lock = lock_zone(self.session, instance, &zone.apex, deadline) => lock?,
            () = self.session.cancel.requested() => return Err(ZoneFault::Interrupted),
        };
        let (plugin, values) = (instance.id().to_owned(), records.len());
        self.session.tell(Event::Publishing { zone: zone.apex.clone(), plugin, values });
        let started = Instant::now();
        let on_failure = |error: &CallError| self.session.tell(retrying(&zone.apex, error));
        let present = || instance.provider.present(&zone.apex, records, self.options.ttl);
        let published = until_settled(deadline, on_failure, present).await?;
        entry.record(&published.state, &published.memory)?;
        self.session.tell(Event::Published { zone: zone.apex.clone(), took_ms: milliseconds(started) });
        Ok(published)
    }

    async fn wait_and_answer(&self, published: &Published) -> Result<(), ZoneFault> {
        let zone = &self.batch.zone;
        let started = Instant::now();
        self.settle(published, started + self.options.propagation.timeout).await?;
        let observe = |seen| self.session.tell(Event::Propagation { zone: zone.apex.clone(), seen });
        self.session.dns.await_propagation(zone, &self.expectation(), &self.options.propagation, &observe).await?;
        // An anycast provider's servers may agree here and not yet where the CA asks.
        tokio::time::sleep(self.batch.instance.provider.manifest().settle).await;
        self.session.tell(Event::Propagated { zone: zone.apex.clone(), took_ms: milliseconds(started) });
        Ok(answer(self.session, self.account, Some(&zone.apex), &self.batch.proofs).await?)
    }

    /// Until the provider says that its own servers have it.
    async fn settle(&self, published: &Published, deadline: Instant) -> Result<(), ZoneFault> {
        let Batch { zone, instance, records, .. } = self.batch;
        let on_failure = |error: &CallError| self.session.tell(retrying(&zone.apex, error));
        let mut backoff = Backoff::new(FIRST_POLL, LONGEST_POLL, deadline);
        loop {
            let settled = || instance.provider.settled(&zone.apex, records, published);
            let Settlement::Pending(pause) = until_settled(deadline, on_failure, settled).await? else {
                return Ok(());
            };
            if !backoff.pause(pause.min(LONGEST_POLL)).await {
                return Err(ZoneFault::NotSettled { waited: self.options.propagation.timeout });
            }
        }
    }

    fn expectation(&self) -> Expectation {
        let mut expected = Expectation::new();
        for record in &self.batch.records {
            expected.entry(record.name.clone()).or_default().insert(record.value.clone());
        }
        expected
    }
}

/// Removes what an entry of the journal names, and the entry with it; if that fails, the entry stays for the next run.
/// Gives whether it was removed.
pub(super) async fn withdraw(session: &Session<'_>, instance: &Instance, entry: HeldEntry) -> bool {
    let zone = entry.entry().zone.clone();
    let deadline = Instant::now() + CLEANUP_TIME;
    let removed = match timeout_at(deadline, remove(session, instance, entry.entry(), deadline)).await {
        Ok(Ok(())) => entry.finish().map_err(|error| chain(&error)),
        Ok(Err(fault)) => Err(chain(&fault)),
        Err(_) => Err(format!("not done within {} s", CLEANUP_TIME.as_secs())),
    };
    match removed {
        Ok(()) => session.tell(Event::CleanedUp { zone }),
        Err(error) => {
            session.tell(Event::NotCleanedUp { zone, error });
            return false;
        }
    }
    true
}

async fn remove(session: &Session<'_>, instance: &Instance, entry: &Entry, deadline: Instant) -> Result<(), ZoneFault> {
    let _lock = lock_zone(session, instance, &entry.zone, deadline).await?;
    let published = Published { state: entry.state.clone(), memory: entry.memory.clone() };
    let records: Vec<TxtRecord> =
        entry.records.iter().map(|(name, value)| TxtRecord { name: name.clone(), value: value.clone() }).collect();
    let on_failure = |error: &CallError| session.tell(retrying(&entry.zone, error));
    Ok(until_settled(deadline, on_failure, || instance.provider.cleanup(&entry.zone, &records, &published)).await?)
}

async fn lock_zone(
    session: &Session<'_>,
    instance: &Instance,
    zone: &DnsName,
    deadline: Instant,
) -> Result<ZoneLock, ZoneLockError> {
    let key = format!("{} {zone}", instance.id());
    match ZoneLock::acquire(session.state, &key, Instant::now()).await {
        Err(ZoneLockError::Held { .. }) => {
            session.tell(Event::WaitingForZone { zone: zone.clone() });
            ZoneLock::acquire(session.state, &key, deadline).await
        }
        done => done,
    }
}

fn retrying(zone: &DnsName, error: &CallError) -> Event {
    Event::Retrying { zone: zone.clone(), error: error.to_string() }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Publishing in a busy zone waits for the others in it.
const PUBLISH_TIME: Duration = Duration::from_secs(300);
const CLEANUP_TIME: Duration = Duration::from_secs(120);
const FIRST_POLL: Duration = Duration::from_millis(250);
const LONGEST_POLL: Duration = Duration::from_secs(10);

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
    /// It is not known where a name's record belongs.
    #[error("could not find the zone for {name}")]
    NoZone {
        /// The name.
        name: DnsName,
        /// Why not.
        source: ZoneError,
    },
    /// No provider is responsible for a zone, or it cannot be used.
    #[error("could not get a provider for the zone {zone}: {source}")]
    NoProvider {
        /// The zone.
        zone: DnsName,
        /// Why not.
        source: SourceError,
    },
    /// The user stopped it.
    #[error("interrupted; nothing is published")]
    Interrupted,
    /// In some zones it failed.
    #[error("{}", .failures.iter().map(chain_of).collect::<Vec<_>>().join("\n"))]
    Zones {
        /// One for each of them.
        failures: Vec<ZoneFailure>,
    },
}

fn chain_of(failure: &ZoneFailure) -> String {
    chain(failure)
}

/// A zone whose names were not proven.
#[derive(Debug, thiserror::Error)]
#[error("could not prove the names in the zone {zone}")]
pub struct ZoneFailure {
    /// The zone's apex.
    pub zone: DnsName,
    /// What went wrong.
    #[source]
    pub fault: ZoneFault,
}

/// What can go wrong in one zone.
#[derive(Debug, thiserror::Error)]
pub enum ZoneFault {
    /// The journal cannot be written, so that nothing may be published.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another process kept the zone.
    #[error(transparent)]
    Lock(#[from] ZoneLockError),
    /// The provider failed.
    #[error(transparent)]
    Provider(#[from] CallError),
    /// The provider's own servers do not have it yet.
    #[error("the provider has not finished after {} s; wait longer with --propagation-timeout", waited.as_secs())]
    NotSettled {
        /// How long was waited.
        waited: Duration,
    },
    /// The name servers do not show it.
    #[error(transparent)]
    Propagation(#[from] PropagationError),
    /// The CA did not see them.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
}
