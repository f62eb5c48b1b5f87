//! From a name to the zone that holds it, without asking a resolver about the name itself.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;

use super::answer::{Answer, NameServer, apex_above, cname, cut_below, is_answer};
use super::memo::lock;
use super::zone::{Dns, Zone, ZoneError, first_good};
use crate::name::DnsName;

impl Dns {
    /// A zone that holds `name`, perhaps with cuts further down: they show when its servers are asked.
    ///
    /// A resolver keeps a "no" and may take it for all names below (RFC 8020), and a CA may share it. So resolvers are
    /// asked about names above `name` only, the shortest first, and authoritative servers about the rest of the way.
    pub(super) async fn zone_above(&self, name: &DnsName) -> Result<Zone, ZoneError> {
        if let Some(fixed) = self.0.fixed_zone.as_ref().filter(|fixed| name.is_within(fixed)) {
            return Ok(self.zone_at(fixed.clone(), None).await);
        }
        if let Some(known) = self.known_zone_above(name) {
            return Ok(self.zone_at(known, None).await);
        }
        let (mut top, mut trouble, mut no_such_top) = (None, None, false);
        for candidate in candidates(name) {
            let is_top = candidate.parent().is_none();
            match self.resolve(&candidate, RecordType::SOA).await {
                Ok(answer) => match apex_above(&answer, &candidate) {
                    Some(apex) if apex.parent().is_some() => return Ok(self.zone_at(apex, None).await),
                    Some(apex) => top = Some(apex),
                    None => no_such_top = is_top && answer.metadata.response_code == ResponseCode::NXDomain,
                },
                // One label that cannot be resolved says nothing about the others.
                Err(answer) => trouble = trouble.or(Some(ZoneError::NoResolver { name: candidate, answer })),
            }
        }
        match (top, trouble) {
            (Some(top), _) => Ok(self.zone_at(top, None).await),
            (None, _) if no_such_top => Err(ZoneError::NoTopLevel { name: name.clone() }),
            (None, Some(trouble)) => Err(trouble),
            (None, None) => Err(ZoneError::NoZone { name: name.clone() }),
        }
    }

    /// The zone's own answer to a TXT question; from a resolver, about the CNAME, if no name server gives one.
    pub(super) async fn ask_zone(&self, zone: &Zone, name: &DnsName) -> Result<Message, ZoneError> {
        let unreached = lock(&self.0.unreached).clone();
        let worth_asking = zone.servers.iter().filter(|server| !unreached.contains(&server.address));
        let asks = worth_asking.map(|server| async move {
            let reply = self.ask_authority(server.address, name, RecordType::TXT).await;
            if reply.is_err() {
                lock(&self.0.unreached).insert(server.address);
            }
            match reply {
                Ok(message) if is_of_use(&message, &zone.apex, name) => Ok(message),
                reply => Err((server.clone(), Answer::of_authority(&reply, name))),
            }
        });
        match first_good(asks).await {
            Ok(message) => Ok(message),
            Err(failed) => self.ask_a_resolver_for(zone, name, failed).await,
        }
    }

    /// The last resolver is asked, and it alone: what it keeps then shall not hide the values from the others.
    async fn ask_a_resolver_for(
        &self,
        zone: &Zone,
        name: &DnsName,
        failed: Vec<(NameServer, Answer)>,
    ) -> Result<Message, ZoneError> {
        let unanswered = || ZoneError::Unanswered { apex: zone.apex.clone(), name: name.clone(), failed };
        let Some(resolver) = self.0.resolvers.last() else { return Err(unanswered()) };
        lock(&self.0.asked_before).insert(resolver.clone());
        let reply = self.ask_resolver(resolver, name, RecordType::CNAME).await;
        reply.ok().filter(is_answer).ok_or_else(unanswered)
    }
}

/// The names to ask resolvers about: above `name`, the top level last, as hardly anyone's zone is one.
fn candidates(name: &DnsName) -> Vec<DnsName> {
    let mut above: Vec<DnsName> = std::iter::successors(name.parent(), DnsName::parent).collect();
    let top = above.pop();
    above.reverse();
    if above.is_empty() {
        // Two labels: most likely an apex, which no negative answer can concern.
        above.push(name.clone());
    }
    above.extend(top);
    above
}

/// A server that gives up on a circle of CNAMEs says SERVFAIL beside them; one without the zone has nothing to say.
fn is_of_use(message: &Message, apex: &DnsName, name: &DnsName) -> bool {
    let authoritative = is_answer(message) && message.metadata.authoritative;
    authoritative || cname(message, name).is_some() || cut_below(message, apex, name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(name: &str) -> Vec<String> {
        candidates(&name.parse().expect("a name")).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_above_are_asked_about_from_the_second_level_down_and_the_top_last() {
        assert_eq!(names("_acme-challenge.a.example.com"), ["example.com", "a.example.com", "com"]);
        assert_eq!(names("_acme-challenge.example.com"), ["example.com", "com"]);
        assert_eq!(names("example.com"), ["example.com", "com"]);
    }
}
