//! The servers that all clients of a run share, and what they have counted.

use crate::bind::bind_counting;
use crate::http;
use crate::name_server::NameServer;
use crate::pebble::{Options, Pebble, Version, pebble};
use crate::powerdns::{PowerDns, powerdns};

use super::measure::Counts;

/// The zone of the names, at both name servers.
pub const ZONE: &str = "example.test";

/// A provider with an API, another with DNS UPDATE, and a CA for each, as a CA asks one resolver.
pub struct Servers {
    /// The one with an API.
    pub powerdns: PowerDns,
    /// The CA that asks it.
    pub api_ca: Pebble,
    /// The one with DNS UPDATE.
    pub bind: NameServer,
    /// The CA that asks it.
    pub update_ca: Pebble,
    bind_counts: String,
}

impl Servers {
    /// Starts all; `zones` are the API's, beside [`ZONE`].
    ///
    /// # Panics
    /// If one of them is missing or does not start.
    pub fn start(zones: &[String]) -> Self {
        let powerdns = powerdns().expect("PowerDNS");
        powerdns.add_zone(ZONE, 1, &[]);
        zones.iter().for_each(|zone| powerdns.add_zone(zone, 1, &[]));
        let (bind, bind_counts) = bind_counting("hmac-sha256").expect("BIND");
        let ca = |dns| pebble(Version::Newest, dns, &Options::default()).expect("Pebble");
        let (api_ca, update_ca) = (ca(powerdns.server.address), ca(bind.address));
        Self { powerdns, api_ca, bind, update_ca, bind_counts }
    }

    /// At the API's side.
    pub fn api_counts(&self) -> Counts {
        // The question for the statistics is one of the requests that the log shows.
        let dns = Some(self.statistic("udp-queries") + self.statistic("tcp-queries"));
        Counts { acme: requests(&self.api_ca), provider: powerdns_calls(&self.powerdns), dns }
    }

    /// At the side of DNS UPDATE.
    ///
    /// # Panics
    /// If BIND does not tell it.
    pub fn update_counts(&self) -> Counts {
        let (_, body) = http::send("GET", &self.bind_counts, None, None, None).expect("statistics");
        let statistics: serde_json::Value = serde_json::from_str(&body).expect("statistics");
        // What was not asked yet is left out.
        let count = |operation: &str| statistics["opcodes"][operation].as_u64().unwrap_or(0);
        Counts { acme: requests(&self.update_ca), provider: count("UPDATE"), dns: Some(count("QUERY")) }
    }

    fn statistic(&self, name: &str) -> u64 {
        let path = format!("/api/v1/servers/localhost/statistics?statistic={name}");
        let (_, body) = self.powerdns.call("GET", &path, None);
        let parsed: serde_json::Value = serde_json::from_str(&body).expect("statistics");
        parsed[0]["value"].as_str().and_then(|value| value.parse().ok()).expect("a number")
    }
}

/// Pebble writes a line for each.
pub(super) fn requests(ca: &Pebble) -> u64 {
    ca.log().matches(HANDLING).count() as u64
}

/// What Pebble writes of a request.
pub(super) const HANDLING: &str = "-> calling handler()";

/// Requests about zones that the API has answered.
pub(super) fn powerdns_calls(powerdns: &PowerDns) -> u64 {
    let is_call = |line: &&str| line.contains("/zones/") && line.contains("HTTP/1.1\" ");
    powerdns.server.log().lines().filter(is_call).count() as u64
}
