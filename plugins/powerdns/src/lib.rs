//! PowerDNS Authoritative Server. HTTP API v1: <https://doc.powerdns.com/authoritative/http-api/zone.html>.
//!
//! Sets are written whole, so that one read and one write serve any number of names. Names are absolute with a final
//! dot, TXT content is in quotes (seen with version 4.7, 2026-11-24).

mod api;
mod sets;

use acmite_sdk::{Context, Error, Provider, Txt};

struct PowerDns;

impl Provider for PowerDns {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        let zone = api::zone(context)?;
        api::patch(context, sets::with(&zone, records, context.ttl))?;
        Ok(Vec::new())
    }

    fn cleanup(context: &Context, records: &[Txt], _state: &[u8]) -> Result<(), Error> {
        let zone = api::zone(context)?;
        api::patch(context, sets::without(&zone, records))
    }

    fn check(context: &Context) -> Result<(), Error> {
        if context.zone.is_empty() { Ok(()) } else { api::zone(context).map(|_| ()) }
    }
}

acmite_sdk::export!(PowerDns);
