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

#[cfg(test)]
mod tests {
    use acmite_sdk::ErrorKind;
    use acmite_sdk::testing::{Recording, context, txt};
    use serde_json::json;

    use super::*;

    const NAME: &str = "_acme-challenge.example.com";

    fn zone(recording: Recording) -> Recording {
        recording.reply("zone", 200, include_str!("../fixtures/zone.json")).path("zone", "example.com.")
    }

    #[test]
    fn one_read_and_one_write_serve_every_name() {
        let records = [txt(NAME, "one"), txt("_acme-challenge.www.example.com", "two")];
        let record = |content: &str, disabled| json!({"content": content, "disabled": disabled});
        let set = |name: &str, ttl: u32, records: serde_json::Value| json!({"name": name, "type": "TXT", "changetype": "REPLACE", "ttl": ttl, "records": records});
        let joined = json!([record("\"foreign\"", true), record("\"one\"", false)]);
        let body = json!({"rrsets": [
            set("_acme-challenge.example.com.", 300, joined),
            set("_acme-challenge.www.example.com.", 60, json!([record("\"two\"", false)])),
        ]});
        let script = zone(Recording::new()).reply("patch", 204, "").path("zone", "example.com.").json(body);
        let ran = script.run(|| PowerDns::present(&context("example.com", &[]), &records));
        assert!(ran.result.expect("published").is_empty());
    }

    #[test]
    fn nothing_is_written_where_nothing_is_to_do() {
        let absent = [txt(NAME, "never")];
        let ran = zone(Recording::new()).run(|| PowerDns::cleanup(&context("example.com", &[]), &absent, &[]));
        ran.result.expect("removed already");
    }

    #[test]
    fn check_reads_the_zone_if_there_is_one() {
        assert!(zone(Recording::new()).run(|| PowerDns::check(&context("example.com", &[]))).result.is_ok());
        assert!(Recording::new().run(|| PowerDns::check(&context("", &[]))).result.is_ok());
        let denied = Recording::new().reply("zone", 401, "Unauthorized").path("zone", "example.com.");
        let told = denied.run(|| PowerDns::check(&context("example.com", &[]))).result.expect_err("an error");
        assert_eq!((told.kind, told.message.as_str()), (ErrorKind::Denied, "zone: Unauthorized"));
    }
}
