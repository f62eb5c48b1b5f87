//! Azure DNS. REST API 2018-05-01: <https://learn.microsoft.com/en-us/rest/api/dns/record-sets> (seen 2026-11-24).
//!
//! The application needs the role DNS Zone Contributor on the zones. Its secret is changed for a token once a run, unless
//! the host has one of a certificate, a workload's or a managed identity
//! (<https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow>). Sets are written
//! whole: for n names `present` and `cleanup` ask 2n times, each write under the etag that was read, or under "If-None-
//! Match: *" where there was no set ("Create Or Update"). A set that is there is changed by PATCH ("Update"), which
//! leaves its metadata. Names are below the zone, "@" at its apex; TXT values are lists of strings, without quotes.
//! A principal may write 10 times a second in the long run ("Understand how Azure Resource Manager throttles requests").

mod api;
mod sets;

use std::collections::BTreeMap;

use acmite_sdk::{Context, Error, Provider, Txt, zone};

struct Azure;

impl Provider for Azure {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        api::log_in(context)?;
        let labels = by_label(context, records);
        let there = api::sets(context, labels.keys())?;
        let changes = labels.into_iter().zip(there);
        let changes = changes.filter_map(|((label, values), set)| Some((label, sets::with(set, values, context.ttl)?)));
        api::change_all(context, &changes.collect::<Vec<_>>())?;
        Ok(Vec::new())
    }

    fn cleanup(context: &Context, records: &[Txt], _state: &[u8]) -> Result<(), Error> {
        api::log_in(context)?;
        let labels = by_label(context, records);
        let there = api::sets(context, labels.keys())?;
        let changes = labels.into_iter().zip(there);
        let changes = changes.filter_map(|((label, values), set)| Some((label, sets::without(set?, &values)?)));
        api::change_all(context, &changes.collect::<Vec<_>>())
    }

    fn check(context: &Context) -> Result<(), Error> {
        api::log_in(context)?;
        if context.zone.is_empty() {
            return Ok(());
        }
        api::sets(context, [APEX.to_owned()].iter()).map(|_| ())
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

acmite_sdk::export!(Azure);

#[cfg(test)]
mod tests;
