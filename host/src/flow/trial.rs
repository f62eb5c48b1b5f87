//! Putting a provider through what acmite relies on, in a zone where that may be done.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Serialize, Serializer};
use tokio::time::Instant;

use super::publish::{Batch, Dns01Options, PlanError, Publisher, Wanted, ZoneFault, plan, remove, withdraw};
use super::session::{Instance, Session};
use crate::backoff::Backoff;
use crate::causes::chain;
use crate::dns::{Answer, Expectation, Server, Sight, Zone};
use crate::name::DnsName;
use crate::plugin::manifest::Semantics;
use crate::plugin::provider::{CallError, CallFault};
use crate::plugin::told::ErrorKind;
use crate::store::journal::{Entry, HeldEntry};

/// What is tried, and where.
#[derive(Clone, Debug)]
pub struct TrialRequest {
    /// A zone that the credential is for; of a provider with a fixed number of values, a name.
    pub zone: DnsName,
    /// How many names are published in one call.
    pub names: usize,
    /// How to publish, and how long to wait for the name servers.
    pub options: Dns01Options,
}

/// What a provider is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// `check` accepts the credential for the zone.
    Credential,
    /// `check` tells a zone that is not there from other faults.
    UnknownZone,
    /// What is published is shown by all name servers, two values at one name where the provider has room for two.
    Values,
    /// Publishing again what stands there changes nothing.
    Again,
    /// Values of others at the same name stay when one's own come and go.
    Others,
    /// Removing works without what publishing gave, as after a crash.
    WithoutState,
    /// Removing what is gone succeeds.
    Gone,
    /// Many names are published by one call and removed by another.
    ManyNames,
    /// A value over 255 bytes with quotes and backslashes stands there as it was given.
    LongValue,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credential => "the credential is accepted for the zone",
            Self::UnknownZone => "a zone that is not there is told from other faults",
            Self::Values => "what is published is shown by all name servers",
            Self::Again => "publishing again changes nothing",
            Self::Others => "values of others at the same name stay",
            Self::WithoutState => "removing works without what publishing gave",
            Self::Gone => "removing what is gone succeeds",
            Self::ManyNames => "many names are published by one call",
            Self::LongValue => "a value over 255 bytes with quotes and backslashes stays as it is",
        })
    }
}

/// How a provider did by one rule.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// The rule.
    pub rule: Rule,
    /// Milliseconds it took, waiting for the name servers included.
    pub took_ms: u64,
    /// Requests that the provider sent for it, HTTP or DNS UPDATE.
    pub requests: u64,
    /// What is wrong, if anything.
    #[serde(rename = "error", serialize_with = "as_text")]
    pub fault: Option<TrialFault>,
}

fn as_text<S: Serializer>(fault: &Option<TrialFault>, serializer: S) -> Result<S::Ok, S::Error> {
    fault.as_ref().map(|fault| chain(fault)).serialize(serializer)
}

/// Tries a provider by all rules that its kind of records allows, and tells of each. What it publishes is below a label
/// that nobody else has, journalled, and removed again; a provider with a fixed number of values gets them at the zone's
/// own name, where it replaces what stands there. After a fault the rules that build on what failed are left out.
///
/// # Errors
/// If it cannot begin, or the user stops it.
pub async fn trial(
    session: &Session<'_>,
    request: &TrialRequest,
    tell: &(dyn Fn(&Verdict) + Send + Sync),
) -> Result<Vec<Verdict>, TrialError> {
    let found = session.providers.for_zone(&request.zone);
    let instance = found.map_err(|source| PlanError::NoProvider { zone: request.zone.clone(), source })?;
    let subject = Subject { session, request, instance };
    let mut judge = Judge { subject: &subject, tell, verdicts: Vec::new() };
    judge.all().await?;
    Ok(judge.verdicts)
}

/// Holds a provider to the rules, in an order in which each builds on those before it.
struct Judge<'a> {
    subject: &'a Subject<'a>,
    tell: &'a (dyn Fn(&Verdict) + Send + Sync),
    verdicts: Vec<Verdict>,
}

impl Judge<'_> {
    async fn all(&mut self) -> Result<(), TrialError> {
        let subject = self.subject;
        let (slots, base) = (subject.slots(), subject.base()?);
        let values = slots.map_or(2, |most| most.min(2));
        let batch = subject.batch((0..values).map(|_| Ok((base.clone(), value()?)))).await?;
        if self.hold(Rule::Credential, subject.credential(&batch.zone.apex)).await?.is_none() {
            return Ok(());
        }
        if slots.is_none() {
            self.hold(Rule::UnknownZone, subject.unknown_zone()).await?;
        }
        if let Some(mut entry) = self.hold(Rule::Values, subject.publish(&batch)).await? {
            let judged = self.shared_name(&batch, &mut entry, &base).await;
            withdraw(subject.session, &subject.instance, entry).await;
            judged?;
        }
        if slots.is_none() {
            let names = (0..subject.request.names).map(|number| Ok((below(&format!("h{number}"), &base)?, value()?)));
            let batch = subject.batch(names).await?;
            self.hold(Rule::ManyNames, subject.come_and_go(&batch)).await?;
            let batch = subject.batch([Ok((base.clone(), LONG.repeat(20)))].into_iter()).await?;
            self.hold(Rule::LongValue, subject.come_and_go(&batch)).await?;
        }
        Ok(())
    }

    /// What can be tried once the values of `batch` stand at `base`.
    async fn shared_name(&mut self, batch: &Batch, entry: &mut HeldEntry, base: &DnsName) -> Result<(), TrialError> {
        let subject = self.subject;
        self.hold(Rule::Again, subject.publish_again(batch, entry)).await?;
        if subject.slots().is_none() {
            let other = subject.batch([Ok((base.clone(), value()?))].into_iter()).await?;
            self.hold(Rule::Others, subject.others(batch, &other)).await?;
        }
        // As another process would that has lost what publishing gave.
        let bare = Entry { state: Vec::new(), memory: Vec::new(), ..entry.entry().clone() };
        if self.hold(Rule::WithoutState, subject.remove(batch, &bare)).await?.is_some() {
            self.hold(Rule::Gone, subject.remove(batch, &bare)).await?;
        }
        Ok(())
    }

    /// What came of `work`; `None` if it broke the rule.
    async fn hold<T>(
        &mut self,
        rule: Rule,
        work: impl Future<Output = Result<T, TrialFault>>,
    ) -> Result<Option<T>, TrialError> {
        let (provider, cancel) = (&self.subject.instance.provider, &self.subject.session.cancel);
        let (started, before) = (Instant::now(), provider.requests());
        if cancel.is_requested() {
            return Err(TrialError::Interrupted);
        }
        let outcome = work.await;
        // What was done is handed on all the same: it may have to be removed.
        if outcome.is_err() && cancel.is_requested() {
            return Err(TrialError::Interrupted);
        }
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let requests = provider.requests() - before;
        let (done, fault) = match outcome {
            Ok(done) => (Some(done), None),
            Err(fault) => (None, Some(fault)),
        };
        let verdict = Verdict { rule, took_ms, requests, fault };
        (self.tell)(&verdict);
        self.verdicts.push(verdict);
        Ok(done)
    }
}

/// The provider that is tried.
struct Subject<'a> {
    session: &'a Session<'a>,
    request: &'a TrialRequest,
    instance: Arc<Instance>,
}

impl Subject<'_> {
    fn slots(&self) -> Option<usize> {
        match self.instance.provider.manifest().semantics {
            Semantics::Slots(most) => Some(most.into()),
            _ => None,
        }
    }

    /// The name whose challenge is published: below a label of this trial's own, or what was named.
    fn base(&self) -> Result<DnsName, TrialError> {
        match self.slots() {
            Some(_) => Ok(self.request.zone.clone()),
            None => below(&format!("acmite-trial-{}", HEXLOWER.encode(&random::<4>()?)), &self.request.zone),
        }
    }

    async fn batch(
        &self,
        values: impl Iterator<Item = Result<(DnsName, String), TrialError>>,
    ) -> Result<Batch, TrialError> {
        let wanted = |(name, value)| Wanted { name, label: "_acme-challenge".to_owned(), value };
        let wanted: Vec<Wanted> = values.map(|value| value.map(wanted)).collect::<Result<_, _>>()?;
        let mut batches = plan(self.session, &wanted).await?;
        match batches.pop() {
            Some(batch) if batches.is_empty() && self.is_tried(&batch.zone.apex) => Ok(batch),
            other => {
                let found = other.into_iter().chain(batches).map(|batch| batch.zone.apex.to_string());
                Err(TrialError::OtherZone { zone: self.request.zone.clone(), found: found.collect() })
            }
        }
    }

    /// Providers with a fixed number of values hand out names within a zone of their own.
    fn is_tried(&self, apex: &DnsName) -> bool {
        self.slots().is_some() || *apex == self.request.zone
    }

    async fn credential(&self, zone: &DnsName) -> Result<(), TrialFault> {
        Ok(self.instance.provider.check(Some(zone)).await?)
    }

    async fn unknown_zone(&self) -> Result<(), TrialFault> {
        // RFC 6761 section 6.4: nobody has it.
        let zone = DnsName::parse("acmite-trial.invalid").expect("a name");
        match self.instance.provider.check(Some(&zone)).await {
            Ok(()) => Err(TrialFault::UnknownZoneAccepted { zone }),
            Err(error) if tells_no_zone(&error) => Ok(()),
            Err(source) => Err(TrialFault::UnknownZoneMistaken { zone, source }),
        }
    }

    /// Published and seen; nothing stands where that failed.
    async fn publish(&self, batch: &Batch) -> Result<HeldEntry, TrialFault> {
        let publisher = self.publisher(batch);
        let mut entry = publisher.begin()?;
        let seen = match publisher.publish_and_wait(&mut entry).await {
            Ok(()) => self.shows_exactly(batch, Sought::All).await,
            Err(fault) => Err(fault.into()),
        };
        match seen {
            Ok(()) => Ok(entry),
            Err(fault) => {
                publisher.withdraw(entry).await;
                Err(fault)
            }
        }
    }

    async fn publish_again(&self, batch: &Batch, entry: &mut HeldEntry) -> Result<(), TrialFault> {
        self.publisher(batch).publish_and_wait(entry).await?;
        self.shows_exactly(batch, Sought::All).await
    }

    async fn others(&self, batch: &Batch, other: &Batch) -> Result<(), TrialFault> {
        let publisher = self.publisher(other);
        let mut entry = publisher.begin()?;
        let published = publisher.publish_and_wait(&mut entry).await;
        let removed = self.withdraw(entry).await;
        published?;
        removed?;
        self.shows_exactly(batch, Sought::All).await
    }

    async fn come_and_go(&self, batch: &Batch) -> Result<(), TrialFault> {
        let entry = self.publish(batch).await?;
        self.withdraw(entry).await?;
        self.shows_exactly(batch, Sought::Nothing).await
    }

    async fn withdraw(&self, entry: HeldEntry) -> Result<(), TrialFault> {
        match withdraw(self.session, &self.instance, entry).await {
            true => Ok(()),
            false => Err(TrialFault::NotRemoved),
        }
    }

    async fn remove(&self, batch: &Batch, entry: &Entry) -> Result<(), TrialFault> {
        remove(self.session, &self.instance, entry, Instant::now() + REMOVAL_TIME).await?;
        self.shows_exactly(batch, Sought::Nothing).await
    }

    /// Waits until all name servers show at each name of a batch its values and no other, or no value at all.
    async fn shows_exactly(&self, batch: &Batch, sought: Sought) -> Result<(), TrialFault> {
        let deadline = Instant::now() + self.request.options.propagation.timeout;
        let mut backoff = Backoff::new(FIRST_LOOK, LONGEST_PAUSE, deadline);
        while let Some(stray) = self.stray(&batch.zone, &batch.expectation(), sought).await {
            let goes_on = tokio::select! {
                goes_on = backoff.pause(Duration::ZERO) => goes_on,
                () = self.session.cancel.requested() => false,
            };
            if !goes_on {
                return Err(stray);
            }
        }
        Ok(())
    }

    async fn stray(&self, zone: &Zone, expected: &Expectation, sought: Sought) -> Option<TrialFault> {
        for (name, values) in expected {
            let none = BTreeSet::new();
            let values = if sought == Sought::All { values } else { &none };
            for Sight { server, answer, .. } in self.session.dns.sights(zone, name).await {
                // One that does not answer for the zone was told of when it was waited for.
                if matches!(&answer, Answer::Values { values: shown, .. } if shown != values) {
                    let server = Server::Authoritative(server);
                    return Some(TrialFault::Shows { server, name: name.clone(), answer, expected: values.len() });
                }
            }
        }
        None
    }

    fn publisher<'a>(&'a self, batch: &'a Batch) -> Publisher<'a> {
        Publisher { session: self.session, options: &self.request.options, certificate: "", batch }
    }
}

/// What is to stand at the names of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sought {
    All,
    Nothing,
}

fn tells_no_zone(error: &CallError) -> bool {
    matches!(&error.fault, CallFault::Told(told) if told.kind == ErrorKind::ZoneNotFound)
}

const LONG: &str = "a \"long\" value\\ ";
const REMOVAL_TIME: Duration = Duration::from_secs(120);
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// In the form of a challenge's, RFC 8555 section 8.4.
fn value() -> Result<String, TrialError> {
    Ok(BASE64URL_NOPAD.encode(&random::<32>()?))
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], TrialError> {
    let mut random = [0; BYTES];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| TrialError::NoRandom)?;
    Ok(random)
}

fn below(label: &str, name: &DnsName) -> Result<DnsName, TrialError> {
    DnsName::parse(&format!("{label}.{name}")).map_err(|_| TrialError::NoRoom { name: name.clone() })
}

/// Why a provider was not tried to the end.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// It is not known what to publish where.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// DNS leads elsewhere.
    #[error(
        "names below {zone} are not in a zone {zone}, as DNS shows it, but in: {}; name that zone, or the resolvers \
         that know yours with --dns-resolver",
        found.join(", ")
    )]
    OtherZone {
        /// The zone that was named.
        zone: DnsName,
        /// Where the records would have to go.
        found: Vec<String>,
    },
    /// A name below it would be longer than a name may be.
    #[error("a name below {name} would be too long")]
    NoRoom {
        /// The name.
        name: DnsName,
    },
    /// The system has no random numbers.
    #[error("the random generator failed")]
    NoRandom,
    /// The user stopped it.
    #[error("interrupted; what was published is removed")]
    Interrupted,
}

/// How a provider broke a rule.
#[derive(Debug, thiserror::Error)]
pub enum TrialFault {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Publishing, waiting or removing failed.
    #[error(transparent)]
    Zone(#[from] ZoneFault),
    /// Removing failed, as an event has told.
    #[error("what was published could not be removed")]
    NotRemoved,
    /// A zone that nobody has was accepted.
    #[error("`check` accepts the zone {zone}, which nobody has; it must tell that the zone is not found")]
    UnknownZoneAccepted {
        /// The zone.
        zone: DnsName,
    },
    /// A zone that nobody has was told as another fault.
    #[error("`check` of the zone {zone}, which nobody has, must tell that the zone is not found")]
    UnknownZoneMistaken {
        /// The zone.
        zone: DnsName,
        /// What it told.
        source: CallError,
    },
    /// Something else stands there.
    #[error("{server} still shows other values at {name} than the {expected} it must: {answer}")]
    Shows {
        /// Who shows it.
        server: Server,
        /// Where.
        name: DnsName,
        /// What.
        answer: Answer,
        /// How many values must stand there.
        expected: usize,
    },
}
