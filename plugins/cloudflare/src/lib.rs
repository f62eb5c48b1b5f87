//! Cloudflare DNS. API v4: <https://developers.cloudflare.com/api/resources/dns/subresources/records/> (seen 2026-11-24).
//!
//! A token is shown as Bearer; the Global API Key with the account's e-mail address works too, and opens all of it
//! (<https://developers.cloudflare.com/fundamentals/api/get-started/keys/>, seen 2026-11-28).
//! The token needs Zone:Read, to find the zone's id, and DNS:Edit. Several records are made or removed by one batch, a
//! transaction, or one by one and side by side where one of them was done before: `present` asks three times and
//! `cleanup` once (three times without its state).
//! Names are A-labels also where the user typed Unicode ("Create DNS Record", Notes). TXT content comes back in quotes.

mod api;
mod state;

use acmite_sdk::{Context, Error, Provider, Txt};

use crate::state::State;

struct Cloudflare;

impl Provider for Cloudflare {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        let zone = api::zone_id(context)?;
        let there = api::txt_records(&zone, records)?;
        let mut state = State::new(&zone);
        let mut missing = Vec::new();
        for record in records {
            match there.iter().find(|known| known.is(record)) {
                Some(known) => state.keep(record, &known.id),
                None => missing.push(record),
            }
        }
        for (record, id) in missing.iter().zip(api::create_all(&zone, &missing, context.ttl)?) {
            if let Some(id) = id {
                state.keep(record, &id);
            }
        }
        Ok(state.bytes())
    }

    fn cleanup(context: &Context, records: &[Txt], state: &[u8]) -> Result<(), Error> {
        let state = State::read(state);
        let mut unknown = Vec::new();
        let mut ids = Vec::new();
        for record in records {
            match state.as_ref().and_then(|state| state.id_of(record)) {
                Some(id) => ids.push(id),
                None => unknown.push(record.clone()),
            }
        }
        if let Some(state) = &state {
            api::delete_all(&state.zone, &ids)?;
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let zone = api::zone_id(context)?;
        let there = api::txt_records(&zone, &unknown)?;
        let ours = there.into_iter().filter(|known| unknown.iter().any(|record| known.is(record)));
        api::delete_all(&zone, &ours.map(|known| known.id).collect::<Vec<_>>())
    }

    fn check(context: &Context) -> Result<(), Error> {
        if context.zone.is_empty() {
            return api::any_zone();
        }
        let zone = api::zone_id(context)?;
        api::txt_records(&zone, &[Txt { name: context.zone.clone(), value: String::new() }]).map(|_| ())
    }
}

acmite_sdk::export!(Cloudflare);

#[cfg(test)]
mod tests;
