//! Whether the place for a challenge's record is found, and what stands there already.

use std::collections::BTreeSet;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use tokio::time::Instant;

use super::condition::{Condition, Lacking, Mistake};
use crate::dns::{Dns, Sight, Target, ZoneError};
use crate::name::DnsName;

/// The place for the record of `label` at `base`, or why there is none.
pub(super) async fn place(dns: &Dns, label: &str, base: &DnsName) -> Result<Target, Condition> {
    let found = dns.record_target(label, base, Instant::now() + ZONE_SEARCH_TIME).await;
    found.map_err(|error| trouble(base, &error))
}

const ZONE_SEARCH_TIME: Duration = Duration::from_secs(30);

fn trouble(base: &DnsName, error: &ZoneError) -> Condition {
    let (name, why) = (base.to_string(), error.to_string());
    match error {
        ZoneError::Loop { name, .. } => Condition::CnameAstray { chain: vec![base.clone(), name.clone()], why },
        ZoneError::LongChain { .. } => Condition::CnameAstray { chain: vec![base.clone()], why },
        // The name that was asked about is not of the challenge's own: a CNAME led there.
        ZoneError::NoZone { name: end } | ZoneError::NoTopLevel { name: end } if !end.is_within(base) => {
            Condition::CnameAstray { chain: vec![base.clone(), end.clone()], why }
        }
        ZoneError::Late { .. } | ZoneError::Unanswered { .. } | ZoneError::NoResolver { .. } => {
            Condition::DnsUnanswered { name, why }
        }
        _ => Condition::ZoneNotFound { name, why },
    }
}

/// What stands at the place on every authoritative server, and what resolvers say of it. `expected` are values that
/// runs of acmite are known to have published there.
pub(super) async fn standing(dns: &Dns, target: &Target, expected: &BTreeSet<String>) -> Vec<Condition> {
    let sights = dns.sights(&target.zone, &target.name).await;
    let mut found = failing(target, &sights);
    let all: BTreeSet<&String> = sights.iter().filter_map(Sight::values).flatten().collect();
    found.extend(lagging(target, &sights, &all));
    found.extend(all.iter().filter_map(|value| mistaken(&target.name, value)));
    let strange: Vec<String> =
        all.iter().filter(|value| is_value(value) && !expected.contains(**value)).map(|one| (*one).clone()).collect();
    if !strange.is_empty() {
        found.push(Condition::StaleValue { name: target.name.clone(), values: strange });
    }
    // Asked about a name without values, a resolver would keep the "no" until after they are published.
    if !all.is_empty() {
        found.extend(outdated(dns, target, &all).await);
    }
    found.extend(put_twice(dns, target).await);
    found
}

fn failing(target: &Target, sights: &[Sight]) -> Vec<Condition> {
    let useless = sights.iter().filter(|sight| sight.values().is_none());
    let one = |sight: &Sight| {
        let (server, answer) = (sight.server.clone(), sight.answer.to_string());
        Condition::NameServerFailing { zone: target.zone.apex.clone(), server, answer }
    };
    useless.map(one).collect()
}

fn lagging(target: &Target, sights: &[Sight], all: &BTreeSet<&String>) -> Option<Condition> {
    let newest = sights.iter().filter_map(|sight| sight.soa).max_by_key(|soa| soa.serial)?;
    let behind = |sight: &Sight| {
        let shown = sight.values()?;
        let values: Vec<String> =
            all.iter().filter(|value| !shown.contains(**value)).map(|one| (*one).clone()).collect();
        let serials = sight.soa.map(|soa| (soa.serial, newest.serial)).filter(|(own, newest)| own != newest);
        (!values.is_empty()).then(|| Lacking { server: sight.server.clone(), values, behind: serials })
    };
    let lacking: Vec<Lacking> = sights.iter().filter_map(behind).collect();
    let name = target.name.clone();
    (!lacking.is_empty()).then_some(Condition::NotPropagated { name, lacking, wait_seconds: newest.refresh })
}

async fn outdated(dns: &Dns, target: &Target, all: &BTreeSet<&String>) -> Vec<Condition> {
    let kept = dns.kept(&target.name).await.into_iter();
    let others = kept.filter(|kept| kept.values.iter().collect::<BTreeSet<_>>() != *all);
    let one = |kept: crate::dns::Kept| {
        let (name, resolver, wait_seconds) = (target.name.clone(), kept.resolver, kept.seconds);
        if kept.values.is_empty() {
            return Condition::CachedNegatively { name, resolver, wait_seconds };
        }
        Condition::CachedOld { name, resolver, values: kept.values.into_iter().collect(), wait_seconds }
    };
    others.map(one).collect()
}

/// Where a provider's form adds the zone's name to a record's name, and the user gave it in full.
async fn put_twice(dns: &Dns, target: &Target) -> Option<Condition> {
    let name = DnsName::parse(&format!("{}.{}", target.name, target.zone.apex)).ok()?;
    let sights = dns.sights(&target.zone, &name).await;
    let value = sights.iter().filter_map(Sight::values).flatten().find(|value| is_value(value))?.clone();
    Some(Condition::WrongRecord { name, value, mistake: Mistake::ZoneTwice })
}

fn mistaken(name: &DnsName, value: &str) -> Option<Condition> {
    let unquoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let mistake = match (unquoted, value.split_once('.')) {
        (Some(inner), _) if is_value(inner) => Mistake::Quoted,
        (_, Some((token, thumbprint))) if !token.is_empty() && is_value(thumbprint) => Mistake::KeyAuthorization,
        _ => return None,
    };
    Some(Condition::WrongRecord { name: name.clone(), value: value.to_owned(), mistake })
}

/// Whether it reads as a SHA-256 digest in base64url, as RFC 8555 section 8.4 has it.
fn is_value(text: &str) -> bool {
    BASE64URL_NOPAD.decode(text.as_bytes()).is_ok_and(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ";

    #[test]
    fn mistakes_of_hand_made_records_are_told_apart_from_values_and_foreign_text() {
        let name = DnsName::parse("_acme-challenge.example.com").expect("a name");
        let seen = |value: &str| match mistaken(&name, value) {
            Some(Condition::WrongRecord { mistake, .. }) => Some(mistake),
            _ => None,
        };
        assert_eq!(seen(&format!("\"{VALUE}\"")), Some(Mistake::Quoted));
        assert_eq!(seen(&format!("token.{VALUE}")), Some(Mistake::KeyAuthorization));
        assert!(is_value(VALUE) && seen(VALUE).is_none());
        assert!(!is_value("foreign") && seen("v=spf1 include:example.com").is_none());
    }
}
