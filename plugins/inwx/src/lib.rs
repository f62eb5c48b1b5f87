//! INWX. JSON-RPC API: <https://www.inwx.com/en/help/apidoc>; login, second factor and envelope as INWX's own client has
//! them (inwx-domrobot 3.2.0 of PyPI, read 2026-11-24), codes and the cookie's name as others' clients have them.
//!
//! A login gives a session, kept for the run; an account with a second factor unlocks it with a code, and each code is
//! taken once. One read shows the whole domain; records are made and removed one by one, so for n new values `present`
//! asks n + 3 times and `cleanup` n + 1 times. Names are absolute, TTLs below 300 are refused
//! (<https://kb.inwx.com/en-us/3-nameserver/120-can-i-change-the-ttl>), and errors come with status 200.

mod api;
mod session;

use acmite_sdk::{Context, Error, Provider, Txt, txt, zone};

struct Inwx;

impl Provider for Inwx {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        let there = session::within(context, || api::txt_records(context))?;
        let is_missing = |record: &&Txt| !there.iter().any(|known| is(known, record));
        api::create_all(context, records.iter().filter(is_missing))?;
        Ok(Vec::new())
    }

    fn cleanup(context: &Context, records: &[Txt], _state: &[u8]) -> Result<(), Error> {
        let there = session::within(context, || api::txt_records(context))?;
        api::delete_all(there.iter().filter(|known| records.iter().any(|record| is(known, record))))
    }

    fn check(context: &Context) -> Result<(), Error> {
        session::within(context, || match context.zone.is_empty() {
            true => api::account(),
            false => api::txt_records(context).map(|_| ()),
        })
    }
}

/// Content comes back as it was given, in quotes only if it was given so.
fn is(known: &api::Record, record: &Txt) -> bool {
    let same_value = known.content == record.value || txt::unquoted(&known.content) == record.value;
    zone::same(&known.name, &record.name) && same_value
}

acmite_sdk::export!(Inwx);

#[cfg(test)]
mod tests;
