//! DigitalOcean DNS. API v2: <https://docs.digitalocean.com/reference/api/digitalocean/#tag/Domain-Records> (seen
//! 2026-11-24).
//!
//! A custom-scoped token needs domain:read, domain:create and domain:delete. Zones go by their name. Records are made
//! and removed one by one, side by side; for n values `present` and `cleanup` ask n + 1 times, more where the zone has
//! over 200 TXT records: a page holds no more ("List All Domain Records"). The filter `name` wants the whole name, but
//! records carry the name below the zone, "@" at its apex. TXT data stands bare, without quotes, as it was sent.
//! A token may ask 5,000 times an hour and, in bursts, 250 times a minute (the API's introduction, "Rate Limit"; the
//! figure for bursts is of an earlier date).

mod api;

use acmite_sdk::{Context, Error, Provider, Txt, zone};

struct DigitalOcean;

impl Provider for DigitalOcean {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        let there = api::txt_records(context, records)?;
        let missing = records.iter().filter(|record| !there.iter().any(|known| is(known, record, context)));
        api::create_all(context, missing)?;
        Ok(Vec::new())
    }

    fn cleanup(context: &Context, records: &[Txt], _state: &[u8]) -> Result<(), Error> {
        let there = api::txt_records(context, records)?;
        let ours = there.iter().filter(|known| records.iter().any(|record| is(known, record, context)));
        api::delete_all(context, ours)
    }

    fn check(context: &Context) -> Result<(), Error> {
        if context.zone.is_empty() {
            return api::any_domain();
        }
        api::txt_records(context, &[Txt { name: context.zone.clone(), value: String::new() }]).map(|_| ())
    }
}

fn is(known: &api::Record, record: &Txt, context: &Context) -> bool {
    let label = zone::relative_or(&record.name, &context.zone, "@");
    label.is_some_and(|label| label.eq_ignore_ascii_case(&known.name)) && known.data == record.value
}

acmite_sdk::export!(DigitalOcean);

#[cfg(test)]
mod tests;
