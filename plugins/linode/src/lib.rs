//! Linode DNS Manager. API v4: <https://techdocs.akamai.com/linode-api/reference/get-domain-records> (seen 2026-11-24).
//!
//! The token needs the scope domains:read_write. Zones go by their number, which the list of domains tells. Records are
//! made and removed one by one, side by side; for n values `present` and `cleanup` ask n + 2 times, more where the
//! account has over 500 domains or the zone over 500 records of any type: a page holds no more ("List domain records").
//! Names are below the zone, "" at its apex; TXT values stand bare. A TTL is rounded to the nearest of 300, 3600 and ten
//! more ("Create a domain record"). A user may list 200 times a minute and ask 1,600 times a minute otherwise
//! (<https://techdocs.akamai.com/linode-api/reference/rate-limits>, seen 2026-11-24).

mod api;

use acmite_sdk::{Context, Error, Provider, Txt, zone};

struct Linode;

impl Provider for Linode {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        let domain = api::domain_id(context)?;
        let there = api::txt_records(&domain)?;
        let missing = records.iter().filter(|record| !there.iter().any(|known| is(known, record, context)));
        api::create_all(&domain, context, missing)?;
        Ok(Vec::new())
    }

    fn cleanup(context: &Context, records: &[Txt], _state: &[u8]) -> Result<(), Error> {
        let domain = api::domain_id(context)?;
        let there = api::txt_records(&domain)?;
        let ours = there.iter().filter(|known| records.iter().any(|record| is(known, record, context)));
        api::delete_all(&domain, ours)
    }

    fn check(context: &Context) -> Result<(), Error> {
        if context.zone.is_empty() {
            return api::any_domain();
        }
        api::txt_records(&api::domain_id(context)?).map(|_| ())
    }
}

fn is(known: &api::Record, record: &Txt, context: &Context) -> bool {
    let label = zone::relative(&record.name, &context.zone);
    label.is_some_and(|label| label.eq_ignore_ascii_case(&known.name)) && known.target == record.value
}

acmite_sdk::export!(Linode);

#[cfg(test)]
mod tests;
