//! DuckDNS. HTTP API: <https://www.duckdns.org/spec.jsp> (seen 2026-11-24).
//!
//! A name has one TXT value, which is also that of every name below it, so `_acme-challenge.me` alone is written here. It
//! is written over what is there, and nothing shows it: a second value at one name is refused, `cleanup` empties the
//! name whatever it holds by then, and `check` cannot try the token. A request without `txt` would set the address.

mod api;

use std::collections::BTreeMap;

use acmite_sdk::{Context, Error, ErrorKind, Provider, Txt, error, zone};

struct DuckDns;

impl Provider for DuckDns {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        let mut values: BTreeMap<&str, &str> = BTreeMap::new();
        for record in records {
            let domain = domain(context, &record.name)?;
            let before = values.insert(domain, &record.value);
            if before.is_some_and(|value| value != record.value) {
                return Err(error(ErrorKind::Unsupported, format!("DuckDNS holds one value at {}", record.name))
                    .with_hint("order the name and its wildcard one after the other"));
            }
        }
        api::all("set", &values).map(|()| Vec::new())
    }

    fn cleanup(context: &Context, records: &[Txt], _state: &[u8]) -> Result<(), Error> {
        let mut values = BTreeMap::new();
        for record in records {
            values.insert(domain(context, &record.name)?, record.value.as_str());
        }
        api::all("clear", &values)
    }

    fn check(context: &Context) -> Result<(), Error> {
        if context.zone.is_empty() || zone::same(&context.zone, "duckdns.org") {
            Ok(())
        } else {
            Err(not_here(context))
        }
    }
}

/// What DuckDNS calls a domain: "me" for `_acme-challenge.me.duckdns.org`.
fn domain<'a>(context: &Context, name: &'a str) -> Result<&'a str, Error> {
    if !zone::same(&context.zone, "duckdns.org") {
        return Err(not_here(context));
    }
    let label = zone::relative(name, "duckdns.org").and_then(|label| label.strip_prefix("_acme-challenge."));
    label.filter(|label| !label.contains('.')).ok_or_else(|| {
        error(ErrorKind::Unsupported, format!("DuckDNS has no TXT value of its own at {name}"))
            .with_hint("order NAME.duckdns.org or *.NAME.duckdns.org, or delegate to _acme-challenge.NAME.duckdns.org")
    })
}

fn not_here(context: &Context) -> Error {
    error(ErrorKind::ZoneNotFound, format!("{} is not at DuckDNS, which has duckdns.org alone", context.zone))
}

acmite_sdk::export!(DuckDns);

#[cfg(test)]
mod tests {
    use acmite_sdk::testing::{Recording, context, txt};

    use super::*;

    const NAME: &str = "_acme-challenge.me.duckdns.org";

    fn update(recording: Recording, endpoint: &str, domain: &str, txt: &str, reply: &str) -> Recording {
        recording.reply(endpoint, 200, reply).query("domains", domain).query("txt", txt)
    }

    fn present(script: Recording, records: &[Txt]) -> Result<Vec<u8>, Error> {
        script.run(|| DuckDns::present(&context("duckdns.org", &[]), records)).result
    }

    #[test]
    fn each_name_is_set_once() {
        let script = update(update(Recording::new(), "set", "me", "one", "OK"), "set", "my", "two", "OK\n");
        let records = [txt("_acme-challenge.my.duckdns.org", "two"), txt(NAME, "one"), txt(NAME, "one")];
        assert!(present(script, &records).expect("published").is_empty());
    }

    #[test]
    fn two_values_at_one_name_are_unsupported_before_anything_is_sent() {
        let told = present(Recording::new(), &[txt(NAME, "one"), txt(NAME, "two")]).expect_err("an error");
        assert_eq!(told.kind, ErrorKind::Unsupported);
    }

    #[test]
    fn a_name_is_cleared_once_whatever_it_held() {
        let records = [txt(NAME, "one"), txt(NAME, "two")];
        let script = update(Recording::new(), "clear", "me", "two", "OK");
        let ran = script.run(|| DuckDns::cleanup(&context("duckdns.org", &[]), &records, &[]));
        ran.result.expect("removed");
    }

    #[test]
    fn a_refusal_comes_with_status_200() {
        for (reply, kind) in [("KO", ErrorKind::Denied), ("<html>", ErrorKind::Upstream), ("", ErrorKind::Upstream)] {
            let script = update(Recording::new(), "set", "me", "one", reply);
            assert_eq!(present(script, &[txt(NAME, "one")]).expect_err("an error").kind, kind, "{reply}");
        }
    }

    #[test]
    fn names_that_share_anothers_value_and_other_zones_are_refused() {
        for name in ["_acme-challenge.www.me.duckdns.org", "me.duckdns.org", "_acme-challenge.duckdns.org"] {
            let told = present(Recording::new(), &[txt(name, "one")]).expect_err("an error");
            assert_eq!(told.kind, ErrorKind::Unsupported, "{name}");
        }
        let check = |zone: &str| Recording::new().run(|| DuckDns::check(&context(zone, &[]))).result;
        assert!(check("duckdns.org").is_ok() && check("").is_ok());
        assert_eq!(check("example.com").expect_err("an error").kind, ErrorKind::ZoneNotFound);
    }
}
