//! Questions of someone who looks for a fault: what servers show, what resolvers keep, what CAs are allowed.

use std::collections::BTreeSet;
use std::net::IpAddr;

use futures_util::future::join_all;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use serde::Serialize;

use super::answer::{Answer, NameServer, ip, is_answer, kept_for, read_name};
use super::resolver::Resolver;
use super::transport::Recursion;
use super::zone::{Dns, Zone};
use crate::name::DnsName;
use crate::words::one_line;

/// What one server shows at a name.
#[derive(Clone, Debug)]
pub struct Sight {
    /// The server.
    pub server: NameServer,
    /// Its answer to a TXT question.
    pub answer: Answer,
    /// What it has of the zone's SOA.
    pub soa: Option<Soa>,
}

/// What an SOA record says of the age of what a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soa {
    /// The version of the zone.
    pub serial: u32,
    /// After how many seconds a secondary looks whether there is a newer one.
    pub refresh: u32,
}

impl Sight {
    /// The values, where it answers for the zone.
    pub fn values(&self) -> Option<&BTreeSet<String>> {
        match &self.answer {
            Answer::Values { values, .. } => Some(values),
            _ => None,
        }
    }
}

/// What a resolver says of a name, and for how long it will.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The resolver.
    pub resolver: Resolver,
    /// The TXT values it gives.
    pub values: BTreeSet<String>,
    /// For how many seconds it may say so again without asking anyone: RFC 2308 section 5 for a "no".
    pub seconds: u32,
}

/// A record that says which CAs may issue. RFC 8659 section 4.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaaRecord {
    /// Whether a CA that does not know the tag must not issue.
    pub critical: bool,
    /// `issue`, `issuewild` and others, in small letters.
    pub tag: String,
    /// As it stands there.
    pub value: String,
}

impl Dns {
    /// What every authoritative server of a zone shows at a name.
    pub async fn sights(&self, zone: &Zone, name: &DnsName) -> Vec<Sight> {
        let looks = zone.servers.iter().map(|server| async move {
            let asks = (
                self.ask_authority(server.address, name, RecordType::TXT),
                self.ask_authority(server.address, &zone.apex, RecordType::SOA),
            );
            let (reply, soa) = futures_util::join!(asks.0, asks.1);
            let answer = Answer::of_authority(&reply, name);
            Sight { server: server.clone(), answer, soa: soa.ok().as_ref().and_then(self::soa) }
        });
        join_all(looks).await
    }

    /// What every resolver says of a name. Only for one that is there: they keep a "no", and CAs may share it.
    pub async fn kept(&self, name: &DnsName) -> Vec<Kept> {
        let looks = self.0.resolvers.iter().map(|resolver| async move {
            let message = self.ask_resolver(resolver, name, RecordType::TXT).await.ok().filter(is_answer)?;
            let seconds = kept_for(&message);
            let Answer::Values { values, .. } = Answer::of_recursion(&Ok(message), name) else { return None };
            Some(Kept { resolver: resolver.clone(), values, seconds })
        });
        join_all(looks).await.into_iter().flatten().collect()
    }

    /// Where a name leads, as resolvers know it.
    pub async fn host_addresses(&self, name: &DnsName) -> Result<BTreeSet<IpAddr>, Answer> {
        let answers = join_all([RecordType::A, RecordType::AAAA].map(|kind| self.resolve(name, kind))).await;
        let mut found = BTreeSet::new();
        for answer in answers {
            found.extend(answer?.answers.iter().filter_map(|record| ip(&record.data)));
        }
        Ok(found)
    }

    /// The records that count for a name, with the name they stand at: the nearest set on the way up. RFC 8659 section 3.
    pub async fn caa(&self, name: &DnsName) -> Result<Option<(DnsName, Vec<CaaRecord>)>, (DnsName, Answer)> {
        for candidate in std::iter::successors(Some(name.clone()), DnsName::parent) {
            let answer = match self.resolve(&candidate, RecordType::CAA).await {
                Ok(answer) => answer,
                // Nothing that the name's owner could put right.
                Err(_) if candidate.parent().is_none() => return Ok(None),
                Err(why) => return Err((candidate, why)),
            };
            let records: Vec<CaaRecord> = answer.answers.iter().filter_map(|record| caa(&record.data)).collect();
            if !records.is_empty() {
                // Behind a CNAME it stands elsewhere.
                let owner = answer.answers.iter().find(|record| caa(&record.data).is_some());
                let owner = owner.and_then(|record| read_name(&record.name)).unwrap_or(candidate);
                return Ok(Some((owner, records)));
            }
        }
        Ok(None)
    }

    /// The resolvers that fail for a name only because they validate it.
    pub async fn distrusting(&self, name: &DnsName) -> Vec<Resolver> {
        let looks = self.0.resolvers.iter().map(|resolver| async move {
            let ask = |how| self.ask_resolver_as(resolver, name, RecordType::SOA, how);
            let validated = ask(Recursion::Validated).await.ok()?;
            let fails = validated.metadata.response_code == ResponseCode::ServFail;
            let answers = fails && ask(Recursion::Unchecked).await.is_ok_and(|message| is_answer(&message));
            answers.then(|| resolver.clone())
        });
        join_all(looks).await.into_iter().flatten().collect()
    }
}

fn soa(message: &Message) -> Option<Soa> {
    message.answers.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(Soa { serial: soa.serial, refresh: u32::try_from(soa.refresh).unwrap_or_default() }),
        _ => None,
    })
}

fn caa(data: &RData) -> Option<CaaRecord> {
    let RData::CAA(caa) = data else { return None };
    let value = one_line(&String::from_utf8_lossy(&caa.value));
    Some(CaaRecord { critical: caa.issuer_critical, tag: one_line(&caa.tag.to_ascii_lowercase()), value })
}
