//! The zone a challenge record belongs in, after the CNAMEs that stand at its name.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::dns::transport::ask;
use crate::name::DnsName;

/// Whom to ask.
#[derive(Clone, Debug, Default)]
pub struct DnsOptions {
    /// Resolvers; those of the system if empty. A loopback one at a port other than 53 makes name servers at loopback
    /// addresses be asked at that port too.
    pub resolvers: Vec<SocketAddr>,
}

/// Questions to DNS; clones share what was found.
#[derive(Clone, Debug)]
pub struct Dns {
    pub(super) resolvers: Arc<Vec<SocketAddr>>,
    zones: Arc<Mutex<HashMap<DnsName, Zone>>>,
}

impl Dns {
    /// Reads the system's resolvers if none are given.
    pub fn new(options: DnsOptions) -> Result<Self, ResolverError> {
        let mut resolvers = options.resolvers;
        if resolvers.is_empty() {
            let (config, _) = hickory_resolver::system_conf::read_system_conf()
                .map_err(|error| ResolverError { why: error.to_string() })?;
            resolvers = config.name_servers.iter().map(|server| SocketAddr::new(server.ip, 53)).collect();
        }
        Ok(Self { resolvers: Arc::new(resolvers), zones: Arc::default() })
    }

    /// Where the TXT values of `base` belong: `_acme-challenge.<base>` or what CNAMEs at exactly that name lead to.
    pub async fn challenge_target(&self, base: &DnsName, deadline: Instant) -> Result<Target, ZoneError> {
        self.record_target("_acme-challenge", base, deadline).await
    }

    /// Where TXT values meant for `<label>.<base>` belong; the label may be several.
    pub async fn record_target(&self, label: &str, base: &DnsName, deadline: Instant) -> Result<Target, ZoneError> {
        timeout_at(deadline, self.follow(label, base)).await.map_err(|_| ZoneError::Late { base: base.clone() })?
    }

    async fn follow(&self, label: &str, base: &DnsName) -> Result<Target, ZoneError> {
        let mut name = base.child(label).map_err(|_| ZoneError::TooLong { base: base.clone() })?;
        let mut zone = self.enclosing_zone(base).await?;
        let mut chain = Vec::new();
        for _ in 0..MAX_STEPS {
            let answer = self.ask_zone(&zone, &name).await?;
            if let Some(cut) = referral(&answer, &zone.apex, &name) {
                zone = self.servers_of(cut).await?;
                continue;
            }
            let Some(target) = cname(&answer, &name) else { return Ok(Target { name, chain, zone }) };
            if self.is_wildcard(&zone, &name, &target).await? {
                return Ok(Target { name, chain, zone });
            }
            if target == name || chain.contains(&target) {
                return Err(ZoneError::Loop { name: target });
            }
            chain.push(name);
            zone = self.enclosing_zone(target.parent().as_ref().unwrap_or(&target)).await?;
            name = target;
        }
        Err(ZoneError::Loop { name })
    }

    /// Whether a sibling nobody made has the same CNAME: then it is a wildcard's.
    async fn is_wildcard(&self, zone: &Zone, name: &DnsName, target: &DnsName) -> Result<bool, ZoneError> {
        let Some(parent) = name.parent() else { return Ok(false) };
        let label = format!("acmite-{:04x}{:04x}", Message::query().metadata.id, Message::query().metadata.id);
        let Ok(sibling) = parent.child(&label) else { return Ok(false) };
        Ok(cname(&self.ask_zone(zone, &sibling).await?, &sibling).as_ref() == Some(target))
    }

    async fn ask_zone(&self, zone: &Zone, name: &DnsName) -> Result<Message, ZoneError> {
        for server in &zone.servers {
            if let Ok(answer) = ask(*server, name, RecordType::TXT, false).await
                // A server that gives up on a circle of CNAMEs says SERVFAIL beside them.
                && (matches!(answer.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain)
                    || cname(&answer, name).is_some())
            {
                return Ok(answer);
            }
        }
        Err(ZoneError::Silent { apex: zone.apex.clone() })
    }

    /// The nearest name at or above `name` that has an SOA record.
    async fn enclosing_zone(&self, name: &DnsName) -> Result<Zone, ZoneError> {
        let mut candidate = Some(name.clone());
        while let Some(apex) = candidate {
            if self.zones.lock().await.contains_key(&apex) {
                return self.servers_of(apex).await;
            }
            let answer = self.resolve(&apex, RecordType::SOA).await?;
            let owner = Name::from_ascii(format!("{apex}.")).ok();
            if answer.answers.iter().any(|r| matches!(r.data, RData::SOA(_)) && Some(&r.name) == owner.as_ref()) {
                return self.servers_of(apex).await;
            }
            candidate = apex.parent();
        }
        Err(ZoneError::NoZone { name: name.clone() })
    }

    async fn servers_of(&self, apex: DnsName) -> Result<Zone, ZoneError> {
        // Held while asking, so that many names of one zone ask once.
        let mut zones = self.zones.lock().await;
        if let Some(zone) = zones.get(&apex) {
            return Ok(zone.clone());
        }
        let mut servers = BTreeSet::new();
        for record in self.resolve(&apex, RecordType::NS).await?.answers {
            if let RData::NS(ns) = record.data
                && let Ok(host) = DnsName::parse(&ns.0.to_ascii())
            {
                servers.extend(self.addresses(&host).await?);
            }
        }
        if servers.is_empty() {
            return Err(ZoneError::Silent { apex });
        }
        let zone = Zone { apex: apex.clone(), servers: servers.into_iter().collect() };
        zones.insert(apex, zone.clone());
        Ok(zone)
    }

    async fn addresses(&self, host: &DnsName) -> Result<Vec<SocketAddr>, ZoneError> {
        let mut found = Vec::new();
        for kind in [RecordType::A, RecordType::AAAA] {
            for record in self.resolve(host, kind).await?.answers {
                let ip = match record.data {
                    RData::A(a) => a.0.into(),
                    RData::AAAA(a) => a.0.into(),
                    _ => continue,
                };
                let address = SocketAddr::new(ip, self.port_for(ip));
                if has_route(address) {
                    found.push(address);
                }
            }
        }
        Ok(found)
    }

    fn port_for(&self, ip: std::net::IpAddr) -> u16 {
        let test = self.resolvers.iter().find(|r| ip.is_loopback() && r.ip().is_loopback() && r.port() != 53);
        test.map_or(53, SocketAddr::port)
    }

    async fn resolve(&self, name: &DnsName, kind: RecordType) -> Result<Message, ZoneError> {
        for resolver in self.resolvers.iter() {
            if let Ok(answer) = ask(*resolver, name, kind, true).await
                && matches!(answer.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain)
            {
                return Ok(answer);
            }
        }
        Err(ZoneError::NoResolver { name: name.clone() })
    }
}

/// Where values are to be put.
#[derive(Clone, Debug)]
pub struct Target {
    /// The name of the TXT records.
    pub name: DnsName,
    /// The names that led to it by CNAME.
    pub chain: Vec<DnsName>,
    /// The zone it is in.
    pub zone: Zone,
}

/// A zone and the addresses of its authoritative servers.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its name.
    pub apex: DnsName,
    pub(super) servers: Vec<SocketAddr>,
}

/// The zone cut below `apex` that an answer without records shows: the NS of a referral, or the SOA of a child zone that
/// stands on the same server.
fn referral(answer: &Message, apex: &DnsName, name: &DnsName) -> Option<DnsName> {
    if !answer.answers.is_empty() {
        return None;
    }
    let owners = answer.authorities.iter().filter(|record| match record.data {
        RData::NS(_) => !answer.metadata.authoritative,
        RData::SOA(_) => answer.metadata.authoritative,
        _ => false,
    });
    owners
        .filter_map(|record| DnsName::parse(&record.name.to_ascii()).ok())
        .find(|cut| cut != apex && cut.is_within(apex) && name.is_within(cut))
}

fn cname(answer: &Message, name: &DnsName) -> Option<DnsName> {
    answer.answers.iter().find_map(|record| match &record.data {
        RData::CNAME(target) if DnsName::parse(&record.name.to_ascii()).ok().as_ref() == Some(name) => {
            DnsName::parse(&target.0.to_ascii()).ok()
        }
        _ => None,
    })
}

fn has_route(address: SocketAddr) -> bool {
    let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    std::net::UdpSocket::bind(local).and_then(|socket| socket.connect(address)).is_ok()
}

const MAX_STEPS: usize = 16;

/// The system's resolvers cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the system's DNS resolvers cannot be read ({why}); name one with its address")]
pub struct ResolverError {
    why: String,
}

/// Why the place for a value was not found.
#[derive(Clone, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ZoneError {
    #[error("the zone of {base} was not found in time; check that DNS can be reached")]
    Late { base: DnsName },
    #[error("{base} is too long for a name below it")]
    TooLong { base: DnsName },
    #[error("the CNAMEs at {name} lead in a circle or through more than 16 names; correct them")]
    Loop { name: DnsName },
    #[error("no name server of {apex} answers; check its delegation and that port 53 is let through")]
    Silent { apex: DnsName },
    #[error("{name} is in no zone; check that it is spelt right and delegated")]
    NoZone { name: DnsName },
    #[error("no resolver answers for {name}; name another one")]
    NoResolver { name: DnsName },
}
