//! OVHcloud. API v1, /domain/zone: <https://eu.api.ovh.com/console/?section=%2Fdomain&branch=v1>. Signing: "First Steps
//! with the OVHcloud APIs" (seen 2026-11-24).
//!
//! A service account's secret is changed for a token once a run ("Using service accounts to connect to OVHcloud APIs",
//! seen 2026-11-28); with the three keys
//! requests are signed with the time of the API's own clock, which is asked first. A list shows ids alone, so each
//! record at a name is asked for; for n new names `present` asks 2n + 2 times and `cleanup` 3n + 2 times. What is written
//! is published by a refresh, which is asked for even if all is there: that of an earlier, broken call may be missing.
//! TXT content comes back in quotes.

mod api;

use acmite_sdk::{Context, Error, Provider, Txt, txt, zone};

use crate::api::Api;

struct Ovh;

impl Provider for Ovh {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        let api = Api::new(context)?;
        let there = api.txt_records(records)?;
        let is_missing = |record: &&Txt| !there.iter().any(|known| is(known, record, &context.zone));
        api.create_all(records.iter().filter(is_missing))?;
        api.refresh()?;
        Ok(Vec::new())
    }

    fn cleanup(context: &Context, records: &[Txt], _state: &[u8]) -> Result<(), Error> {
        let api = Api::new(context)?;
        let there = api.txt_records(records)?;
        let is_ours = |known: &&api::Record| records.iter().any(|record| is(known, record, &context.zone));
        api.delete_all(there.iter().filter(is_ours))?;
        api.refresh()
    }

    fn check(context: &Context) -> Result<(), Error> {
        let api = Api::new(context)?;
        if context.zone.is_empty() { Ok(()) } else { api.zone() }
    }
}

fn is(known: &api::Record, record: &Txt, apex: &str) -> bool {
    let same_name = zone::relative(&record.name, apex).is_some_and(|name| known.sub_domain.eq_ignore_ascii_case(name));
    same_name && txt::unquoted(&known.target) == record.value
}

acmite_sdk::export!(Ovh);

#[cfg(test)]
mod tests;
