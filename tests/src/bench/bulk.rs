//! Many certificates of one account by one `acmite apply`: how fast, for how much, and where the time goes.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::measure::{Counts, Run, ms, run};
use super::servers::{HANDLING, powerdns_calls};
use crate::acmite::Acmite;
use crate::pebble::{Options, Pebble, Version, pebble};
use crate::powerdns::{PowerDns, powerdns};
use crate::scene::Scene;

/// One `acmite apply`, with servers of its own so that each begins with empty ones.
#[derive(Clone, Debug)]
pub struct Bulk {
    /// How many certificates, each of one name.
    pub certificates: usize,
    /// How many of them at once.
    pub at_once: u8,
    /// What acmite took.
    pub run: Run,
    /// What Pebble's processor time was meanwhile.
    pub ca_cpu: Duration,
    /// What PowerDNS's was.
    pub dns_cpu: Duration,
    /// Requests to the CA in each second, from the first on.
    pub by_second: Vec<u32>,
}

/// Gets `certificates` over [`ZONES`] zones.
///
/// # Panics
/// If a server is missing or acmite fails.
pub fn bulk(certificates: usize, at_once: u8, log: &Path) -> Bulk {
    let powerdns = powerdns().expect("PowerDNS");
    (0..ZONES).for_each(|number| powerdns.add_zone(&zone(number), 1, &[]));
    let ca = pebble(Version::Newest, powerdns.server.address, &Options::default()).expect("Pebble");
    let scene = Scene::powerdns(&powerdns, &powerdns.api_url);
    // With a few others before it, so that the account is there and the provider's code compiled.
    apply(&scene, &ca, &described(0..WARM_UP, "warm"), at_once, log);
    let before = Seen::now(&ca, &powerdns);
    let done = apply(&scene, &ca, &described(0..certificates, "host"), at_once, log);
    let after = Seen::now(&ca, &powerdns);
    Bulk {
        certificates,
        at_once,
        run: Run { counts: after.counts.since(before.counts), ..done },
        ca_cpu: after.ca_cpu - before.ca_cpu,
        dns_cpu: after.dns_cpu - before.dns_cpu,
        by_second: by_second(&ca.log()[before.log_bytes..]),
    }
}

/// How many zones there are.
pub const ZONES: usize = 20;
const WARM_UP: usize = 2;

fn zone(number: usize) -> String {
    format!("zone{}.test", number % ZONES)
}

fn described(numbers: std::ops::Range<usize>, label: &str) -> String {
    let one =
        |number: usize| format!("[certificate.{label}{number}]\nnames = [\"{label}{number}.{}\"]\n", zone(number));
    numbers.map(one).collect()
}

fn apply(scene: &Scene, ca: &Pebble, certificates: &str, at_once: u8, log: &Path) -> Run {
    let file = scene.private_file("acmite.toml", &scene.described(ca, certificates));
    let command = Acmite::new("apply", &scene.state()).args(["--at-once", &at_once.to_string(), "--config"]);
    run(command.args([file]).into_command(), log)
}

/// What the servers have done so far.
struct Seen {
    counts: Counts,
    ca_cpu: Duration,
    dns_cpu: Duration,
    log_bytes: usize,
}

impl Seen {
    fn now(ca: &Pebble, powerdns: &PowerDns) -> Self {
        let log = ca.log();
        let counts =
            Counts { acme: log.matches(HANDLING).count() as u64, provider: powerdns_calls(powerdns), dns: None };
        Self { counts, ca_cpu: ca.cpu(), dns_cpu: powerdns.server.cpu(), log_bytes: log.len() }
    }
}

/// Its lines begin as `Pebble 2026/11/28 02:24:24 `.
fn by_second(log: &str) -> Vec<u32> {
    let seconds: Vec<u32> = log.lines().filter(|line| line.contains(HANDLING)).filter_map(second_of_day).collect();
    let Some(first) = seconds.first().copied() else { return Vec::new() };
    let mut counts = Vec::new();
    for second in seconds {
        // Midnight may pass.
        let position = ((second + DAY - first) % DAY) as usize;
        counts.resize(counts.len().max(position + 1), 0);
        counts[position] += 1;
    }
    counts
}

const DAY: u32 = 24 * 3600;

fn second_of_day(line: &str) -> Option<u32> {
    let mut clock = line.split(' ').nth(2)?.splitn(3, ':').map(|part| part.parse::<u32>().ok());
    Some(clock.next()?? * 3600 + clock.next()?? * 60 + clock.next()??)
}

impl Bulk {
    /// How many a second.
    pub fn rate(&self) -> f64 {
        self.certificates as f64 / self.run.wall.as_secs_f64()
    }

    /// What one cost, of something that was counted or taken over all.
    pub fn each(&self, all: f64) -> f64 {
        all / self.certificates as f64
    }

    /// For machines.
    pub fn json(&self) -> Value {
        json!({
            "certificates": self.certificates, "at_once": self.at_once, "wall_ms": ms(self.run.wall),
            "certificates_a_second": self.rate(), "acmite_cpu_ms": ms(self.run.cpu), "ca_cpu_ms": ms(self.ca_cpu),
            "powerdns_cpu_ms": ms(self.dns_cpu), "peak_bytes": self.run.peak_bytes,
            "acme_requests": self.run.counts.acme, "provider_calls": self.run.counts.provider,
            "acme_requests_by_second": self.by_second,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_the_second_also_where_there_are_none_and_past_midnight() {
        let line = |clock: &str| format!("Pebble 2026/11/28 {clock} POST /order -> calling handler()\n");
        let log = ["23:59:58", "23:59:58", "00:00:00"].map(line).concat() + "Pebble 2026/11/28 00:00:00 other\n";
        assert_eq!(by_second(&log), [2, 0, 1]);
    }
}
