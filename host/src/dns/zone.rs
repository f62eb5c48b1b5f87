//! Zones and their name servers, as resolvers know them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hickory_proto::op::Message;
use hickory_proto::rr::{RData, RecordType};
use tokio::sync::Semaphore;

use super::answer::{Answer, NameServer, ip, is_answer, rcode, read_name};
use super::memo::{Memo, lock};
use super::resolver::{DNS_PORT, Encrypted, Resolver, ResolverError, of_the_system};
use super::transport::{AskError, Recursion, ask, has_route};
use crate::name::DnsName;

/// Whom to ask.
#[derive(Clone, Debug, Default)]
pub struct DnsOptions {
    /// Resolvers; those of the system if empty. A plain loopback one at a port other than 53 makes name servers at
    /// loopback addresses be asked at that port too, so that a lab needs no privileged port.
    pub resolvers: Vec<Resolver>,
    /// The apex of the zone of every name, where DNS as seen from here does not show it.
    pub zone: Option<DnsName>,
    /// PEM certificates trusted besides the system's for encrypted resolvers.
    pub roots_pem: Option<Vec<u8>>,
}

/// Questions to DNS; clones share what was found.
#[derive(Clone, Debug)]
pub struct Dns(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) resolvers: Vec<Resolver>,
    pub(super) fixed_zone: Option<DnsName>,
    encrypted: Option<Encrypted>,
    turns: Semaphore,
    sent: AtomicU64,
    found: Memo<(DnsName, RecordType), Arc<Message>, Answer>,
    pub(super) steps: Memo<DnsName, Step, ZoneError>,
    known: Mutex<BTreeSet<DnsName>>,
    /// Name servers that gave no answer while zones were searched; they are not asked for that again.
    pub(super) unreached: Mutex<BTreeSet<SocketAddr>>,
    /// Resolvers that were asked about a challenge's name before its values were published.
    pub(super) asked_before: Mutex<BTreeSet<Resolver>>,
    pub(super) families_said: Mutex<BTreeSet<bool>>,
    /// Resolvers that said of an answer that its DNSSEC signatures hold.
    pub(super) validating: Mutex<BTreeSet<Resolver>>,
}

/// The zone a name is in, and the name that a CNAME of its own leads to.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) zone: Zone,
    pub(super) target: Option<DnsName>,
}

/// A zone and its authoritative servers.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its name.
    pub apex: DnsName,
    pub(super) servers: Vec<NameServer>,
    pub(super) unroutable: Vec<NameServer>,
    /// Whether a resolver found the zone signed, and the signatures to hold.
    pub(super) is_signed: bool,
}

impl Zone {
    /// Every address that is asked.
    pub fn servers(&self) -> &[NameServer] {
        &self.servers
    }

    /// Every address that this machine has no route to.
    pub fn unroutable(&self) -> &[NameServer] {
        &self.unroutable
    }
}

impl Dns {
    /// Reads the system's resolvers if none are given.
    pub fn new(options: DnsOptions) -> Result<Self, ResolverError> {
        let resolvers = if options.resolvers.is_empty() { of_the_system()? } else { options.resolvers };
        let all_plain = resolvers.iter().all(|resolver| matches!(resolver, Resolver::Plain(_)));
        let encrypted = if all_plain { None } else { Some(Encrypted::new(options.roots_pem.as_deref())?) };
        Ok(Self(Arc::new(Inner {
            resolvers,
            fixed_zone: options.zone,
            encrypted,
            turns: Semaphore::new(QUESTIONS_IN_FLIGHT),
            sent: AtomicU64::new(0),
            found: Memo::default(),
            steps: Memo::default(),
            known: Mutex::default(),
            unreached: Mutex::default(),
            asked_before: Mutex::default(),
            families_said: Mutex::default(),
            validating: Mutex::default(),
        })))
    }

    /// How many questions were asked so far; one that is sent again or over TCP counts once.
    pub fn questions(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Asks an authoritative server.
    pub(super) async fn ask_authority(
        &self,
        server: SocketAddr,
        name: &DnsName,
        kind: RecordType,
    ) -> Result<Message, AskError> {
        let _turn = self.turn().await;
        ask(server, name, kind, Recursion::None).await
    }

    /// Asks one resolver, whatever was found before.
    pub(super) async fn ask_resolver(
        &self,
        resolver: &Resolver,
        name: &DnsName,
        kind: RecordType,
    ) -> Result<Message, AskError> {
        self.ask_resolver_as(resolver, name, kind, Recursion::Desired).await
    }

    /// The same with another wish for the answer.
    pub(super) async fn ask_resolver_as(
        &self,
        resolver: &Resolver,
        name: &DnsName,
        kind: RecordType,
        recursion: Recursion,
    ) -> Result<Message, AskError> {
        let _turn = self.turn().await;
        match (resolver, &self.0.encrypted) {
            (Resolver::Plain(address), _) => ask(*address, name, kind, recursion).await,
            (_, Some(encrypted)) => encrypted.ask(resolver, name, kind, recursion).await,
            (_, None) => unreachable!("an encrypted resolver has a client from new()"),
        }
    }

    async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        let turn = self.0.turns.acquire().await.ok();
        self.0.sent.fetch_add(1, Ordering::Relaxed);
        turn
    }

    /// What the first resolver that knows says; asked once for all clones unless all fail.
    pub(super) async fn resolve(&self, name: &DnsName, kind: RecordType) -> Result<Arc<Message>, Answer> {
        let search = async {
            let asks = self.0.resolvers.iter().map(|resolver| async move {
                match self.ask_resolver(resolver, name, kind).await {
                    Ok(message) if is_answer(&message) => {
                        if message.metadata.authentic_data {
                            lock(&self.0.validating).insert(resolver.clone());
                        }
                        Ok(Arc::new(message))
                    }
                    Ok(message) => Err(Answer::Failed { rcode: rcode(message.metadata.response_code) }),
                    Err(error) => Err(Answer::NoAnswer(error)),
                }
            });
            first_good(asks).await.map_err(|failed| failed.into_iter().next().unwrap_or(SILENCE))
        };
        self.0.found.find((name.clone(), kind), search).await
    }

    /// The zone whose apex is known, with its servers; `referral` helps where no resolver knows them.
    pub(super) async fn zone_at(&self, apex: DnsName, referral: Option<&Message>) -> Zone {
        let (mut hosts, is_signed) = match self.resolve(&apex, RecordType::NS).await {
            Ok(answer) => (hosts(&answer.answers), answer.metadata.authentic_data),
            Err(_) => (BTreeSet::new(), false),
        };
        if let (true, Some(referral)) = (hosts.is_empty(), referral) {
            hosts = self::hosts(&referral.authorities);
        }
        let looked_up = join_all(hosts.iter().map(|host| self.addresses(host, referral))).await;
        let all: BTreeMap<SocketAddr, DnsName> = looked_up.into_iter().flatten().collect();
        let all = all.into_iter().map(|(address, host)| NameServer { host, address });
        let (servers, unroutable) = all.partition(|server| has_route(server.address));
        lock(&self.0.known).insert(apex.clone());
        Zone { apex, servers, unroutable, is_signed }
    }

    async fn addresses(&self, host: &DnsName, referral: Option<&Message>) -> Vec<(SocketAddr, DnsName)> {
        let kinds = [RecordType::A, RecordType::AAAA];
        let answers = join_all(kinds.map(|kind| self.resolve(host, kind))).await;
        let answers: Vec<Arc<Message>> = answers.into_iter().flatten().collect();
        let mut found: Vec<IpAddr> =
            answers.iter().flat_map(|answer| &answer.answers).filter_map(|record| ip(&record.data)).collect();
        if let (true, Some(referral)) = (found.is_empty(), referral) {
            let glue = referral.additionals.iter().filter(|record| read_name(&record.name).as_ref() == Some(host));
            found.extend(glue.filter_map(|record| ip(&record.data)));
        }
        found.into_iter().map(|ip| (SocketAddr::new(ip, self.port_for(ip)), host.clone())).collect()
    }

    /// 53, but for the name servers of a lab: see [`DnsOptions::resolvers`].
    fn port_for(&self, ip: IpAddr) -> u16 {
        let lab = self.0.resolvers.iter().find_map(|resolver| match resolver {
            Resolver::Plain(address) if address.ip().is_loopback() => Some(address.port()),
            _ => None,
        });
        if ip.is_loopback() { lab.unwrap_or(DNS_PORT) } else { DNS_PORT }
    }

    /// The longest zone found so far that holds `name`; a top-level one only says that more is to be found.
    pub(super) fn known_zone_above(&self, name: &DnsName) -> Option<DnsName> {
        let known = lock(&self.0.known);
        let mut above = std::iter::successors(Some(name.clone()), DnsName::parent);
        above.find(|apex| apex.parent().is_some() && known.contains(apex))
    }
}

/// Over all zones of all clones.
const QUESTIONS_IN_FLIGHT: usize = 64;
const SILENCE: Answer = Answer::NoAnswer(AskError::Silent);

/// Starts one after the other, each when the last has failed or is slow, and gives the first success or all failures.
pub(super) async fn first_good<T, E>(
    asks: impl Iterator<Item = impl Future<Output = Result<T, E>>>,
) -> Result<T, Vec<E>> {
    let (mut asks, mut running, mut failed) = (asks.fuse(), FuturesUnordered::new(), Vec::new());
    loop {
        let started = asks.next().map(|ask| running.push(ask)).is_some();
        let patience = if started { SLOW } else { Duration::MAX };
        match tokio::time::timeout(patience, running.next()).await {
            Ok(Some(Ok(good))) => return Ok(good),
            Ok(Some(Err(error))) => failed.push(error),
            Ok(None) => return Err(failed),
            Err(_slow) => {}
        }
    }
}

/// A healthy server anywhere on earth answers sooner.
const SLOW: Duration = Duration::from_millis(400);

fn hosts(records: &[hickory_proto::rr::Record]) -> BTreeSet<DnsName> {
    let hosts = records.iter().filter_map(|record| match &record.data {
        RData::NS(ns) => read_name(&ns.0),
        _ => None,
    });
    hosts.collect()
}

/// Why the place for a value was not found.
#[derive(Clone, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ZoneError {
    #[error("the zone of {base} was not found in time; check that DNS can be reached")]
    Late { base: DnsName },
    #[error("{base} is too long for a name below it")]
    TooLong { base: DnsName },
    #[error("the CNAMEs from {base} lead back to {name}; correct one of them")]
    Loop { base: DnsName, name: DnsName },
    #[error("more than {limit} CNAMEs follow each other from {base}; shorten the chain")]
    LongChain { base: DnsName, limit: usize },
    #[error("{}", unanswered(.apex, .name, .failed))]
    Unanswered { apex: DnsName, name: DnsName, failed: Vec<(NameServer, Answer)> },
    #[error("{name} is in no zone; check that it is spelt right and delegated, or give its zone with --dns-zone")]
    NoZone { name: DnsName },
    #[error("the last label of {name} is no top-level domain; check the spelling, or name a resolver that knows it")]
    NoTopLevel { name: DnsName },
    #[error("{name} is not in zone {zone}, which was given with --dns-zone; give the zone that holds it")]
    OutsideZone { name: DnsName, zone: DnsName },
    #[error("no resolver has an answer for {name} ({answer}); name another one with --dns-resolver")]
    NoResolver { name: DnsName, answer: Answer },
}

fn unanswered(apex: &DnsName, name: &DnsName, failed: &[(NameServer, Answer)]) -> String {
    let each: Vec<String> = failed.iter().map(|(server, answer)| format!("{server}: {answer}")).collect();
    let servers = if each.is_empty() { "it has none that this machine can reach".into() } else { each.join("; ") };
    format!(
        "no name server of {apex} answers for {name} ({servers}), nor does a resolver; check the delegation and that \
         port 53 is let through"
    )
}
