//! Porkbun. API v3: <https://porkbun.com/api/json/v3/documentation> (v3.7, seen 2026-11-24).
//!
//! Each request is a POST with both keys in its body, where the host puts them. One read shows the whole domain; records
//! are made and removed one by one, so for n new values `present` asks n + 1 times and `cleanup` as often.
//! API access is off for a domain until it is switched on there. TTLs below 600 are refused. Bursts are answered with
//! 503 though no limit is published, so the manifest keeps to few requests a second.

mod api;

use acmite_sdk::{Context, Error, Provider, Txt, txt, zone};

struct Porkbun;

impl Provider for Porkbun {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        let there = api::txt_records(context)?;
        let missing: Vec<&Txt> = records.iter().filter(|record| !there.iter().any(|known| is(known, record))).collect();
        api::create_all(context, &missing)?;
        Ok(Vec::new())
    }

    fn cleanup(context: &Context, records: &[Txt], _state: &[u8]) -> Result<(), Error> {
        let there = api::txt_records(context)?;
        let ours = there.into_iter().filter(|known| records.iter().any(|record| is(known, record)));
        api::delete_all(context, &ours.map(|known| known.id).collect::<Vec<_>>())
    }

    fn check(context: &Context) -> Result<(), Error> {
        if context.zone.is_empty() { api::ping() } else { api::txt_records(context).map(|_| ()) }
    }
}

/// Content comes back as it was given, in quotes only if it was given so.
fn is(known: &api::Record, record: &Txt) -> bool {
    let same_value = known.content == record.value || txt::unquoted(&known.content) == record.value;
    zone::same(&known.name, &record.name) && same_value
}

acmite_sdk::export!(Porkbun);

#[cfg(test)]
mod tests;
