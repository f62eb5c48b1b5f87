//! Amazon Route 53. API 2013-04-01: <https://docs.aws.amazon.com/Route53/latest/APIReference/> (seen 2026-11-24).
//!
//! Sets are read name by name, or for three names and more in one list of the zone if a page holds it, and written whole
//! in one batch, which Route 53 makes wholly or not at all; the change is published when GetChange says INSYNC. For up to
//! two names `present` asks n + 2 times and `cleanup` n + 1 times, for more 3 and 2 times; with over 300 sets in the zone
//! n + 3 and n + 2 times.
//! Requests a second: 10, in bursts 50, for the whole account ("Throttling for Amazon Route 53 API requests").
//! TXT content is in quotes; bytes beyond ASCII are octal there, so values that are not ours go back as they came.

mod api;
mod sets;
mod state;

use acmite_sdk::{Context, Error, Provider, Settlement, Txt};

use crate::state::State;

struct Route53;

impl Provider for Route53 {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        let zone = api::zone_id(context)?;
        let there = api::sets(context, &zone, records)?;
        let changes = api::change(context, &zone, &sets::with(&there, records, context.ttl))?;
        Ok(State { zone, changes }.bytes())
    }

    fn settled(context: &Context, _records: &[Txt], state: &[u8]) -> Result<Settlement, Error> {
        let changes = State::read(state).map(|state| state.changes).unwrap_or_default();
        let settled = api::all_in_sync(context, &changes)?;
        Ok(if settled { Settlement::Done } else { Settlement::Pending(ASK_AGAIN_MILLISECONDS) })
    }

    fn cleanup(context: &Context, records: &[Txt], state: &[u8]) -> Result<(), Error> {
        let zone = match State::read(state) {
            Some(state) => state.zone,
            None => api::zone_id(context)?,
        };
        let there = api::sets(context, &zone, records)?;
        api::change(context, &zone, &sets::without(&there, records)).map(|_| ())
    }

    fn check(context: &Context) -> Result<(), Error> {
        if context.zone.is_empty() {
            return api::any_zone(context);
        }
        let zone = api::zone_id(context)?;
        let apex = Txt { name: context.zone.clone(), value: String::new() };
        api::sets(context, &zone, &[apex]).map(|_| ())
    }
}

/// Changes take up to a minute, most a few seconds.
const ASK_AGAIN_MILLISECONDS: u32 = 3000;

acmite_sdk::export!(Route53);

#[cfg(test)]
mod tests;
