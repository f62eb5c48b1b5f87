//! Where the values for a name belong: its challenge's name, or what CNAMEs at exactly that name lead to.

use hickory_proto::op::Message;
use tokio::time::{Instant, timeout_at};

use super::answer::{cname, cut_below};
use super::zone::{Dns, Step, Zone, ZoneError};
use crate::name::DnsName;

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

impl Dns {
    /// Where the TXT values of `base` belong; a name that does not exist is as good as one that does.
    pub async fn challenge_target(&self, base: &DnsName, deadline: Instant) -> Result<Target, ZoneError> {
        self.record_target("_acme-challenge", base, deadline).await
    }

    /// Where TXT values meant for `<label>.<base>` belong; the label may be several.
    pub async fn record_target(&self, label: &str, base: &DnsName, deadline: Instant) -> Result<Target, ZoneError> {
        let followed = timeout_at(deadline, self.follow(label, base)).await;
        followed.map_err(|_| ZoneError::Late { base: base.clone() })?
    }

    async fn follow(&self, label: &str, base: &DnsName) -> Result<Target, ZoneError> {
        let mut name = base.child(label).map_err(|_| ZoneError::TooLong { base: base.clone() })?;
        let mut chain: Vec<DnsName> = Vec::new();
        loop {
            let Step { zone, target } = self.0.steps.find(name.clone(), self.step(&name)).await?;
            let Some(target) = target else {
                return self.within_fixed_zone(Target { name, chain, zone });
            };
            if target == name || chain.contains(&target) {
                return Err(ZoneError::Loop { base: base.clone(), name: target });
            }
            if chain.len() == CHAIN_LIMIT {
                return Err(ZoneError::LongChain { base: base.clone(), limit: CHAIN_LIMIT });
            }
            chain.push(std::mem::replace(&mut name, target));
        }
    }

    async fn step(&self, name: &DnsName) -> Result<Step, ZoneError> {
        let (zone, answer) = self.own_zone(name).await?;
        let target = self.owned_cname(&zone, name, &answer).await?;
        Ok(Step { zone, target })
    }

    /// The zone `name` is in, down all delegations, and what it says about the name.
    async fn own_zone(&self, name: &DnsName) -> Result<(Zone, Message), ZoneError> {
        let mut zone = self.zone_above(name).await?;
        loop {
            let answer = self.ask_zone(&zone, name).await?;
            let fixed = self.0.fixed_zone.as_ref() == Some(&zone.apex);
            match cut_below(&answer, &zone.apex, name) {
                // Each cut is further down, so this ends.
                Some(cut) if !fixed => zone = self.zone_at(cut, Some(&answer)).await,
                _ => return Ok((zone, answer)),
            }
        }
    }

    /// The target of the CNAME, unless a name that nobody made has the same one: then it is a wildcard's, which a
    /// record at `name` replaces. One that a DNAME gives differs with each name, and as nothing can be put below a
    /// DNAME, it is followed.
    async fn owned_cname(&self, zone: &Zone, name: &DnsName, answer: &Message) -> Result<Option<DnsName>, ZoneError> {
        let Some(target) = cname(answer, name) else { return Ok(None) };
        let Some(sibling) = random_sibling(name) else { return Ok(Some(target)) };
        let is_wildcard = cname(&self.ask_zone(zone, &sibling).await?, &sibling).as_ref() == Some(&target);
        Ok((!is_wildcard).then_some(target))
    }

    fn within_fixed_zone(&self, target: Target) -> Result<Target, ZoneError> {
        match &self.0.fixed_zone {
            Some(zone) if !target.name.is_within(zone) => {
                Err(ZoneError::OutsideZone { name: target.name, zone: zone.clone() })
            }
            _ => Ok(target),
        }
    }
}

fn random_sibling(name: &DnsName) -> Option<DnsName> {
    let half = || Message::query().metadata.id;
    name.parent()?.child(&format!("acmite-{:04x}{:04x}", half(), half())).ok()
}

/// BIND and Unbound follow as many or fewer.
const CHAIN_LIMIT: usize = 16;
