//! Tencent Cloud DNSPod. API 2021-03-23: <https://www.tencentcloud.com/document/product/1157/49041> (seen 2026-11-24).
//!
//! Each request is a signed POST that names its action in a header; errors come with status 200. One read shows up to
//! 3,000 records; they are made and removed one by one, so for n new values `present` asks n + 1 times and `cleanup` as
//! often. The least TTL depends on the domain's grade, 600 for the free one. Records are made on the default line, whose
//! name differs between the Chinese and the international site and whose id is 0 on both ("CreateRecord").

mod api;

use acmite_sdk::{Context, Error, Provider, Txt, txt, zone};

struct DnsPod;

impl Provider for DnsPod {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        let there = api::txt_records(context)?;
        let is_missing = |record: &&Txt| !there.iter().any(|known| is(known, record, &context.zone));
        api::create_all(context, records.iter().filter(is_missing))?;
        Ok(Vec::new())
    }

    fn cleanup(context: &Context, records: &[Txt], _state: &[u8]) -> Result<(), Error> {
        let there = api::txt_records(context)?;
        let is_ours = |known: &&api::Record| records.iter().any(|record| is(known, record, &context.zone));
        api::delete_all(context, there.iter().filter(is_ours))
    }

    fn check(context: &Context) -> Result<(), Error> {
        if context.zone.is_empty() { api::any_domain(context) } else { api::txt_records(context).map(|_| ()) }
    }
}

/// Names are those below the domain, values are without quotes unless they were given so.
fn is(known: &api::Record, record: &Txt, domain: &str) -> bool {
    let same_name =
        zone::relative_or(&record.name, domain, "@").is_some_and(|name| known.name.eq_ignore_ascii_case(name));
    same_name && (known.value == record.value || txt::unquoted(&known.value) == record.value)
}

acmite_sdk::export!(DnsPod);

#[cfg(test)]
mod tests;
