//! Namecheap DNS. XML API: <https://www.namecheap.com/support/api/methods/domains-dns/set-hosts/> (seen 2026-11-24).
//!
//! The key is for the whole account, and taken from addresses that the account allows only. `setHosts` deletes every
//! record it is not given (same page), and there is no compare-and-set: the zone is read, written with all it had, and
//! read again. One who writes between our read and our write loses what he wrote; the host's lock keeps out acmite alone.
//! Three requests serve any number of names. The page of `getHosts` shows `<Host>`, the API sends `<host>`.

mod api;

use acmite_sdk::{Context, Error, ErrorKind, Provider, Txt, error, zone};

use crate::api::{Host, Zone};

struct Namecheap;

impl Provider for Namecheap {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        let mut zone = api::zone(context)?;
        let is_there = |record: &&Txt| zone.hosts.iter().any(|host| is(host, record, context));
        let missing: Vec<&Txt> = records.iter().filter(|record| !is_there(record)).collect();
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        zone.hosts.extend(missing.iter().map(|record| host(record, context)));
        written(context, &zone).map(|()| Vec::new())
    }

    fn cleanup(context: &Context, records: &[Txt], _state: &[u8]) -> Result<(), Error> {
        let mut zone = api::zone(context)?;
        let before = zone.hosts.len();
        zone.hosts.retain(|host| !records.iter().any(|record| is(host, record, context)));
        if zone.hosts.len() == before { Ok(()) } else { written(context, &zone) }
    }

    fn check(context: &Context) -> Result<(), Error> {
        if context.zone.is_empty() { Ok(()) } else { api::zone(context).map(|_| ()) }
    }
}

/// Writes the zone and sees whether it is as written: another may have written it at the same time.
fn written(context: &Context, zone: &Zone) -> Result<(), Error> {
    api::set(context, zone)?;
    let mut there = api::zone(context)?.hosts;
    let mut wanted = zone.hosts.clone();
    there.sort();
    wanted.sort();
    match there == wanted {
        true => Ok(()),
        false => Err(error(ErrorKind::Conflict, format!("the zone {} is not as it was written", context.zone))
            .with_hint("see whether all its records are there; another program may have written it at the same time")),
    }
}

fn is(host: &Host, record: &Txt, context: &Context) -> bool {
    let label = zone::relative_or(&record.name, &context.zone, "@");
    let same_name = label.is_some_and(|label| label.eq_ignore_ascii_case(&host.name));
    same_name && host.kind == "TXT" && host.address == record.value
}

fn host(record: &Txt, context: &Context) -> Host {
    Host {
        name: zone::relative_or(&record.name, &context.zone, "@").unwrap_or_default().to_owned(),
        kind: "TXT".to_owned(),
        address: record.value.clone(),
        preference: Some("10".to_owned()),
        ttl: Some(context.ttl.to_string()),
    }
}

acmite_sdk::export!(Namecheap);

#[cfg(test)]
mod tests;
