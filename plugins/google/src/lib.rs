//! Google Cloud DNS. API v1: <https://cloud.google.com/dns/docs/reference/rest/v1/changes> (seen 2026-11-24).
//!
//! A service account's key signs an assertion, for which the token endpoint gives the token of the run
//! (<https://developers.google.com/identity/protocols/oauth2/service-account>, seen the same day). Sets are read name by
//! name, or for three names and more in one list of the zone if a page holds it, and written whole, all in one atomic
//! change; a deletion that does not match what is there fails all of it, which serves as compare-and-set. For up to two
//! names `present` asks n + 3 times and `cleanup` n + 1 times, for more 4 and 2 times, and in a zone of several pages
//! n + 4 and n + 2 times; `cleanup` asks once more without its state.
//! Names end in a dot, TXT data is in quotes. A private zone may have the same name; the public one is taken.

mod api;
mod login;
mod sets;
mod state;

use acmite_sdk::{Context, Error, Provider, Settlement, Txt};

use crate::state::State;

struct Google;

impl Provider for Google {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        login::token(context)?;
        let zone = api::zone_name(context)?;
        let there = api::sets(&zone, records)?;
        let change = api::change(&zone, &sets::with(&there, records, context.ttl))?;
        Ok(State { zone, change }.bytes())
    }

    fn settled(context: &Context, _records: &[Txt], state: &[u8]) -> Result<Settlement, Error> {
        let Some(State { zone, change: Some(change) }) = State::read(state) else { return Ok(Settlement::Done) };
        login::token(context)?;
        Ok(if api::is_done(&zone, &change)? { Settlement::Done } else { Settlement::Pending(ASK_AGAIN_MILLISECONDS) })
    }

    fn cleanup(context: &Context, records: &[Txt], state: &[u8]) -> Result<(), Error> {
        login::token(context)?;
        let zone = match State::read(state) {
            Some(state) => state.zone,
            None => api::zone_name(context)?,
        };
        let there = api::sets(&zone, records)?;
        api::change(&zone, &sets::without(&there, records)).map(|_| ())
    }

    fn check(context: &Context) -> Result<(), Error> {
        login::token(context)?;
        if context.zone.is_empty() {
            return api::any_zone();
        }
        let apex = Txt { name: context.zone.clone(), value: String::new() };
        api::sets(&api::zone_name(context)?, &[apex]).map(|_| ())
    }
}

const ASK_AGAIN_MILLISECONDS: u32 = 1000;

acmite_sdk::export!(Google);

#[cfg(test)]
mod tests;
