//! Zones of three providers at one name server: mocks of Cloudflare's and PowerDNS's APIs, and DNS UPDATE.

use std::fmt::Write as _;

use acmite_lab::Lab;
use hickory_proto::op::OpCode;

use super::measure::{Counts, Run, run};
use super::servers::requests;
use crate::pebble::{Options, Pebble, Version, pebble};
use crate::scene::Scene;

/// Who has the zones, by turns.
pub const PROVIDERS: [&str; 3] = ["cloudflare", "powerdns", "rfc2136"];

/// The lab, a CA that asks it, and acmite with the credentials of all three.
pub struct Mixed {
    lab: Lab,
    ca: Pebble,
    scene: Scene,
    zones: Vec<String>,
    // After the lab, which needs it to end.
    _runtime: tokio::runtime::Runtime,
}

impl Mixed {
    /// With so many zones.
    ///
    /// # Panics
    /// If the lab or Pebble does not start.
    pub fn start(zones: usize) -> Self {
        let zones: Vec<String> = (0..zones).map(|number| format!("zone{number}.test")).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let builder = zones.iter().fold(Lab::builder(), |builder, zone| builder.zone(zone));
        let lab = runtime.block_on(builder.start()).expect("a lab");
        let ca = pebble(Version::Newest, lab.dns.resolver_addr(), &Options::default()).expect("Pebble");
        let scene = Scene::new(PROVIDERS[0], lab.dns.resolver_addr(), &credentials(&lab));
        Self { lab, ca, scene, zones, _runtime: runtime }
    }

    /// So many names in each zone.
    pub fn all_names(&self, in_each: usize) -> Vec<String> {
        (0..self.zones.len()).flat_map(|zone| self.names(zone, in_each)).collect()
    }

    /// So many names in one zone; the first zones belong to [`PROVIDERS`] in their order.
    pub fn names(&self, zone: usize, count: usize) -> Vec<String> {
        (0..count).map(|number| format!("host{number}.{}", self.zones[zone])).collect()
    }

    /// One certificate with a fresh account; compiled providers are kept from run to run.
    ///
    /// # Panics
    /// If acmite fails.
    pub fn issue(&self, names: &[String]) -> Run {
        super::clients::empty(&self.scene.state(), &["cache"]);
        let origins = format!("cloudflare.api={}", self.lab.cloudflare.base_url());
        let rules = self.zones.iter().enumerate();
        let rules = rules.map(|(number, zone)| format!("--dns-plugin={zone}={}", PROVIDERS[number % PROVIDERS.len()]));
        let command = self.scene.issue(&self.ca).args(rules).names(names).env("ACMITE_LAB_ORIGINS", &origins);
        let before = self.counts();
        let done = run(command.into_command(), &self.scene.folder().join("output"));
        Run { counts: self.counts().since(before), ..done }
    }

    fn counts(&self) -> Counts {
        let Lab { dns, cloudflare, powerdns, .. } = &self.lab;
        let (updates, queries): (Vec<_>, Vec<_>) =
            dns.queries().into_iter().partition(|query| query.op_code == OpCode::Update);
        let calls = cloudflare.requests().len() + powerdns.requests().len() + updates.len();
        Counts { acme: requests(&self.ca), provider: calls as u64, dns: Some(queries.len() as u64) }
    }
}

fn credentials(lab: &Lab) -> String {
    let facts = lab.description();
    let mut text = format!("[cloudflare]\napi_token = {:?}\n", facts.cloudflare_token);
    let (url, key) = (&facts.powerdns_url, &facts.powerdns_key);
    let _ = write!(text, "[powerdns]\nserver_url = {url:?}\napi_key = {key:?}\n");
    let (server, tsig) = (facts.nameservers[0], &facts.tsig);
    let _ = write!(
        text,
        "[rfc2136]\nserver = \"{server}\"\ntsig_key_name = {:?}\ntsig_secret = {:?}\ntsig_algorithm = {}\n",
        tsig.name,
        tsig.secret,
        serde_json::to_value(tsig.algorithm).expect("a name")
    );
    text
}
