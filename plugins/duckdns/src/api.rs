//! The one request there is.

use std::collections::BTreeMap;

use acmite_sdk::http::{self, Reply};
use acmite_sdk::{Error, ErrorKind, error};

/// Asks `endpoint`, "set" or "clear", for every domain with its value.
pub(crate) fn all(endpoint: &str, values: &BTreeMap<&str, &str>) -> Result<(), Error> {
    let update = |(domain, txt): (&&str, &&str)| http::request(endpoint).query("domains", domain).query("txt", txt);
    http::send_all(values.iter().map(update).collect()).into_iter().try_for_each(|reply| checked(reply?))
}

/// It answers OK or KO with status 200, and never why.
fn checked(reply: Reply) -> Result<(), Error> {
    let reply = reply.ok()?;
    match reply.text().trim() {
        "OK" => Ok(()),
        "KO" => Err(error(ErrorKind::Denied, "DuckDNS refused it and does not say why")
            .with_code("KO")
            .with_hint("check the token, and that the name belongs to its account")),
        _ => Err(error(ErrorKind::Upstream, "the reply is neither OK nor KO")),
    }
}
