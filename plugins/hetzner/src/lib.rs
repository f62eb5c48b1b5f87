//! Hetzner DNS. Cloud API v1: <https://docs.hetzner.cloud/reference/cloud#zone-rrset-actions> (seen 2026-11-24). The
//! older API at dns.hetzner.com is another one.
//!
//! The token needs Read & Write. Zones go by their name. Values are added to and removed from the set of a name by an
//! action each, which leaves the others: for n names `present` and `cleanup` ask n + 1 times, more where the zone has
//! over 100 TXT sets: a page holds no more ("List RRSets"). A request takes at most 50 values. An action is done when
//! its status says so, which `settled` looks up ("Actions").
//! A TTL given for a set that has one must be the same ("Add Records to an RRSet"), so it is given for new sets alone.
//! Names are in lower case and below the zone, "@" at its apex; TXT values are in quotes.

mod api;
mod state;

use std::collections::BTreeMap;

use acmite_sdk::{Context, Error, Provider, Settlement, Txt, txt, zone};

struct Hetzner;

impl Provider for Hetzner {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        let labels = by_label(context, records);
        let there = api::txt_sets(context, labels.keys())?;
        let mut additions = Vec::new();
        for (label, values) in labels {
            let set = there.iter().find(|set| set.name == label);
            let missing = values.into_iter().filter(|value| set.is_none_or(|set| set.spelled(value).is_none()));
            let values: Vec<String> = missing.map(|value| txt::quoted(&value)).collect();
            let ttl = set.is_none().then_some(context.ttl);
            additions.extend(api::chunks(&values).map(|records| (label.clone(), api::Addition { ttl, records })));
        }
        Ok(state::bytes(&api::add_all(context, &additions)?))
    }

    fn settled(context: &Context, _records: &[Txt], state: &[u8]) -> Result<Settlement, Error> {
        let running = api::any_running(context, &state::read(state))?;
        Ok(if running { Settlement::Pending(PAUSE_MILLISECONDS) } else { Settlement::Done })
    }

    fn cleanup(context: &Context, records: &[Txt], _state: &[u8]) -> Result<(), Error> {
        let labels = by_label(context, records);
        let there = api::txt_sets(context, labels.keys())?;
        let mut removals = Vec::new();
        for set in there {
            let values = labels.get(&set.name).into_iter().flatten();
            let ours: Vec<String> = values.filter_map(|value| set.spelled(value)).collect();
            removals.extend(api::chunks(&ours).map(|records| (set.name.clone(), api::Removal { records })));
        }
        api::remove_all(context, &removals)
    }

    fn check(context: &Context) -> Result<(), Error> {
        if context.zone.is_empty() {
            return api::any_zone();
        }
        api::txt_sets(context, [APEX.to_owned()].iter()).map(|_| ())
    }
}

/// The values at each name below the zone.
fn by_label(context: &Context, records: &[Txt]) -> BTreeMap<String, Vec<String>> {
    let mut labels: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in records {
        let label = zone::relative_or(&record.name, &context.zone, APEX).unwrap_or_default();
        labels.entry(label.to_ascii_lowercase()).or_default().push(record.value.clone());
    }
    labels
}

const APEX: &str = "@";
/// As often as Hetzner's own clients look.
const PAUSE_MILLISECONDS: u32 = 1000;

acmite_sdk::export!(Hetzner);

#[cfg(test)]
mod tests;
