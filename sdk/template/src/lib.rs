//! Quillzone, an invented API to start from. Name the vendor's page here and the date it was read: <URL> (seen DATE).
//!
//! Say the least privilege, how zones are named, whether records, sets or zones are changed, how many requests n values
//! cost, how pages and names and TXT values are written, and the rate limit, each with its page.

mod api;

use acmite_sdk::{Context, Error, Provider, Txt, zone};

struct Quillzone;

impl Provider for Quillzone {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        let there = api::txt_records(context)?;
        let missing = records.iter().filter(|record| !there.iter().any(|known| is(known, record, context)));
        api::create_all(context, missing)?;
        Ok(Vec::new())
    }

    fn cleanup(context: &Context, records: &[Txt], _state: &[u8]) -> Result<(), Error> {
        let there = api::txt_records(context)?;
        let ours = there.iter().filter(|known| records.iter().any(|record| is(known, record, context)));
        api::delete_all(context, ours)
    }

    fn check(context: &Context) -> Result<(), Error> {
        if context.zone.is_empty() {
            return api::any_zone();
        }
        api::txt_records(context).map(|_| ())
    }
}

fn is(known: &api::Record, record: &Txt, context: &Context) -> bool {
    let label = zone::relative_or(&record.name, &context.zone, "@");
    label.is_some_and(|label| label.eq_ignore_ascii_case(&known.host)) && known.text == record.value
}

acmite_sdk::export!(Quillzone);

#[cfg(test)]
mod tests;
