//! Publishing TXT records, in each zone by its provider: found, journalled, published, seen by all servers, withdrawn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{Instant, timeout_at};

use super::event::Event;
use super::proof::AnswerError;
use super::retry::until_settled;
use super::rounds::rounds;
use super::session::{Instance, Session, SourceError};
use crate::backoff::Backoff;
use crate::causes::chain;
use crate::dns::{Expectation, PropagationError, PropagationOptions, Target, Zone, ZoneError};
use crate::name::DnsName;
use crate::plugin::manifest::Semantics;
use crate::plugin::provider::{CallError, Published, Settlement};
use crate::plugin::wire::TxtRecord;
use crate::store::journal::{Entry, HeldEntry, Journal, JournalError, Kept};
use crate::store::zone_lock::{ZoneLock, ZoneLockError};

/// How to publish, and how to wait until it is seen.
#[derive(Clone, Copy, Debug)]
pub struct Dns01Options {
    /// How to wait for the name servers.
    pub propagation: PropagationOptions,
    /// TTL in seconds for new records; providers may need more.
    pub ttl: u32,
}

/// A value that is to stand at `LABEL.NAME`, or where CNAMEs at exactly that name lead.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) name: DnsName,
    /// `_acme-challenge`, say.
    pub(super) label: String,
    pub(super) value: String,
}

/// What is to be done in one zone.
pub(super) struct Batch {
    pub(super) zone: Zone,
    instance: Arc<Instance>,
    pub(super) records: Vec<TxtRecord>,
    /// Which of those that were wanted the records are.
    pub(super) wanted: Vec<usize>,
}

/// Finds the zone and the provider of each record.
pub(super) async fn plan(session: &Session<'_>, wanted: &[Wanted]) -> Result<Vec<Batch>, PlanError> {
    let targets = find_targets(session, wanted).await?;
    let mut batches: BTreeMap<DnsName, Batch> = BTreeMap::new();
    let mut delegated: BTreeMap<DnsName, usize> = BTreeMap::new();
    for (index, (one, target)) in wanted.iter().zip(targets).enumerate() {
        let apex = target.zone.apex.clone();
        if !batches.contains_key(&apex) {
            let found = session.providers.for_zone(&apex);
            let instance = found.map_err(|source| PlanError::NoProvider { zone: apex.clone(), source })?;
            let empty = Batch { zone: target.zone.clone(), instance, records: Vec::new(), wanted: Vec::new() };
            batches.insert(apex.clone(), empty);
        }
        let batch = batches.get_mut(&apex).expect("it was put there above");
        *delegated.entry(apex).or_default() += usize::from(!target.chain.is_empty());
        batch.records.push(TxtRecord { name: target.name, value: one.value.clone() });
        batch.wanted.push(index);
    }
    for (zone, batch) in &batches {
        session.tell(batch.found(delegated.get(zone).copied().unwrap_or_default()));
    }
    Ok(batches.into_values().collect())
}

/// In the order of what is wanted.
async fn find_targets(session: &Session<'_>, wanted: &[Wanted]) -> Result<Vec<Target>, PlanError> {
    let places: BTreeSet<(&DnsName, &str)> = wanted.iter().map(|one| (&one.name, one.label.as_str())).collect();
    let deadline = Instant::now() + ZONE_SEARCH_TIME;
    let searches = places.into_iter().map(|(name, label)| async move {
        let target = session.dns.record_target(label, name, deadline).await;
        let target = target.map_err(|source| PlanError::NoZone { name: name.clone(), source })?;
        Ok::<_, PlanError>(((name, label), target))
    });
    let found = tokio::select! {
        found = try_join_all(searches) => found?,
        () = session.cancel.requested() => return Err(PlanError::Interrupted),
    };
    let found: BTreeMap<(&DnsName, &str), Target> = found.into_iter().collect();
    Ok(wanted.iter().map(|one| found[&(&one.name, one.label.as_str())].clone()).collect())
}

const ZONE_SEARCH_TIME: Duration = Duration::from_secs(60);

impl Batch {
    /// Whether the provider holds all of it at once.
    pub(super) fn fits_at_once(&self) -> bool {
        let Semantics::Slots(most) = self.instance.provider.manifest().semantics else { return true };
        let names: Vec<&DnsName> = self.records.iter().map(|record| &record.name).collect();
        rounds(&names, most.into()).len() == 1
    }

    /// As much at once as the provider holds at a name; what comes later is proven when the earlier is withdrawn.
    pub(super) fn in_rounds(self) -> Vec<Self> {
        let Semantics::Slots(most) = self.instance.provider.manifest().semantics else { return vec![self] };
        let names: Vec<&DnsName> = self.records.iter().map(|record| &record.name).collect();
        let round = |positions: Vec<usize>| Self {
            zone: self.zone.clone(),
            instance: Arc::clone(&self.instance),
            records: positions.iter().map(|&at| self.records[at].clone()).collect(),
            wanted: positions.iter().map(|&at| self.wanted[at]).collect(),
        };
        rounds(&names, most.into()).into_iter().map(round).collect()
    }

    /// The values that are to stand at each name.
    pub(super) fn expectation(&self) -> Expectation {
        let mut expected = Expectation::new();
        for record in &self.records {
            expected.entry(record.name.clone()).or_default().insert(record.value.clone());
        }
        expected
    }

    fn found(&self, delegated: usize) -> Event {
        let names: BTreeSet<DnsName> = self.records.iter().map(|record| record.name.clone()).collect();
        Event::ZoneFound {
            zone: self.zone.apex.clone(),
            plugin: self.instance.reference.spec.clone(),
            names: names.into_iter().collect(),
            delegated,
        }
    }
}

/// Publishes the records of one batch.
pub(super) struct Publisher<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) options: &'a Dns01Options,
    pub(super) certificate: &'a str,
    pub(super) batch: &'a Batch,
}

impl Publisher<'_> {
    /// Writes down what is going to be published.
    pub(super) fn begin(&self) -> Result<HeldEntry, ZoneFault> {
        Ok(Journal::new(self.session.state).begin(self.entry())?)
    }

    /// The same for what another process comes for.
    pub(super) fn begin_kept(&self, kept: Kept) -> Result<HeldEntry, ZoneFault> {
        let entry = Entry { kept: Some(kept), ..self.entry() };
        Ok(Journal::new(self.session.state).begin(entry)?)
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
            kept: None,
        }
    }

    /// Publishes, and waits until all servers that count show it; only the waiting is given up when the user wishes.
    pub(super) async fn publish_and_wait(&self, entry: &mut HeldEntry) -> Result<(), ZoneFault> {
        let published = self.publish(entry).await?;
        tokio::select! {
            waited = self.wait(&published) => waited,
            () = self.session.cancel.requested() => Err(ZoneFault::Interrupted),
        }
    }

    /// Removes what was published.
    pub(super) async fn withdraw(&self, entry: HeldEntry) {
        withdraw(self.session, &self.batch.instance, entry).await;
    }

    /// The failure of this zone.
    pub(super) fn failure(&self, fault: ZoneFault) -> ZoneFailure {
        ZoneFailure { zone: self.batch.zone.apex.clone(), fault }
    }

    /// Not given up halfway: what a provider has begun it ends, so that the clean-up sees all of it.
    pub(super) async fn publish(&self, entry: &mut HeldEntry) -> Result<Published, ZoneFault> {
        let Batch { zone, instance, records, .. } = self.batch;
        let deadline = Instant::now() + PUBLISH_TIME;
        let _lock = tokio::select! {
            lock = lock_zone(self.session, instance, &zone.apex, deadline) => lock?,
            () = self.session.cancel.requested() => return Err(ZoneFault::Interrupted),
        };
        let (plugin, values) = (instance.id().to_owned(), records.len());
        self.session.tell(Event::Publishing { zone: zone.apex.clone(), plugin, values });
        let started = Instant::now();
        let stood = entry.may_stand();
        entry.set_may_stand(true);
        let has_written = AtomicBool::new(stood);
        let on_failure = |error: &CallError| {
            has_written.fetch_or(error.has_written, Ordering::Relaxed);
            self.session.tell(retrying(&zone.apex, error));
        };
        let present = || instance.provider.present(&zone.apex, records, self.options.ttl);
        let cancel = Some(&self.session.cancel);
        let published = until_settled(cancel, deadline, on_failure, present).await.inspect_err(|error| {
            entry.set_may_stand(error.has_written || has_written.load(Ordering::Relaxed));
        })?;
        entry.record(&published.state, &published.memory)?;
        self.session.tell(Event::Published { zone: zone.apex.clone(), took_ms: milliseconds(started) });
        Ok(published)
    }

    /// Until all servers that count show it.
    pub(super) async fn wait(&self, published: &Published) -> Result<(), ZoneFault> {
        let zone = &self.batch.zone;
        let started = Instant::now();
        self.settle(published, started + self.options.propagation.timeout).await?;
        let observe = |seen| self.session.tell(Event::Propagation { zone: zone.apex.clone(), seen });
        self.session
            .dns
            .await_propagation(zone, &self.batch.expectation(), &self.options.propagation, &observe)
            .await?;
        // An anycast provider's servers may agree here and not yet where the CA asks.
        tokio::time::sleep(self.batch.instance.provider.manifest().settle).await;
        self.session.tell(Event::Propagated { zone: zone.apex.clone(), took_ms: milliseconds(started) });
        Ok(())
    }

    /// Until the provider says that its own servers have it.
    async fn settle(&self, published: &Published, deadline: Instant) -> Result<(), ZoneFault> {
        let Batch { zone, instance, records, .. } = self.batch;
        let on_failure = |error: &CallError| self.session.tell(retrying(&zone.apex, error));
        let mut backoff = Backoff::new(FIRST_POLL, LONGEST_POLL, deadline);
        loop {
            let settled = || instance.provider.settled(&zone.apex, records, published);
            let Settlement::Pending(pause) = until_settled(None, deadline, on_failure, settled).await? else {
                return Ok(());
            };
            if !backoff.pause(pause.min(LONGEST_POLL)).await {
                return Err(ZoneFault::NotSettled { waited: self.options.propagation.timeout });
            }
        }
    }
}

/// Removes what an entry of the journal names, and the entry with it; if that fails, the entry stays for the next run.
/// The provider is not asked where nothing can stand, as it may be for want of the very right. Gives whether it was removed.
pub(super) async fn withdraw(session: &Session<'_>, instance: &Instance, entry: HeldEntry) -> bool {
    let zone = entry.entry().zone.clone();
    let deadline = Instant::now() + CLEANUP_TIME;
    let stood = entry.may_stand();
    let removed = match stood {
        true => timeout_at(deadline, remove(session, instance, entry.entry(), deadline)).await,
        false => Ok(Ok(())),
    };
    let done = match removed {
        Ok(Ok(())) => entry.finish().map_err(|error| chain(&error)),
        Ok(Err(fault)) => Err(chain(&fault)),
        Err(_) => Err(format!("not done within {} s", CLEANUP_TIME.as_secs())),
    };
    let is_done = done.is_ok();
    match done {
        Ok(()) if stood => session.tell(Event::CleanedUp { zone }),
        Ok(()) => {}
        Err(error) => session.tell(Event::NotCleanedUp { zone, error }),
    }
    is_done
}

/// Removes what an entry names, while the zone is this process's.
pub(super) async fn remove(
    session: &Session<'_>,
    instance: &Instance,
    entry: &Entry,
    deadline: Instant,
) -> Result<(), ZoneFault> {
    let _lock = lock_zone(session, instance, &entry.zone, deadline).await?;
    let published = Published { state: entry.state.clone(), memory: entry.memory.clone() };
    let records: Vec<TxtRecord> =
        entry.records.iter().map(|(name, value)| TxtRecord { name: name.clone(), value: value.clone() }).collect();
    let on_failure = |error: &CallError| session.tell(retrying(&entry.zone, error));
    Ok(until_settled(None, deadline, on_failure, || instance.provider.cleanup(&entry.zone, &records, &published))
        .await?)
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

/// Publishing in a busy zone waits for the others in it.
const PUBLISH_TIME: Duration = Duration::from_secs(300);
const CLEANUP_TIME: Duration = Duration::from_secs(120);
const FIRST_POLL: Duration = Duration::from_millis(250);
const LONGEST_POLL: Duration = Duration::from_secs(10);

/// Why it is not known what to publish where.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
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
