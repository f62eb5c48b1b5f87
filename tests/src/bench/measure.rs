//! One run of a program: how long, how much processor, how much memory.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wait4::Wait4 as _;

/// What one run took.
#[derive(Clone, Debug)]
pub struct Run {
    /// From its start to its end.
    pub wall: Duration,
    /// Its own and the system's for it, children included.
    pub cpu: Duration,
    /// The most memory it held.
    pub peak_bytes: u64,
    /// What was counted at the servers meanwhile.
    pub counts: Counts,
}

/// What the servers were asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests to the CA.
    pub acme: u64,
    /// Requests to the provider's API, or updates of its zone.
    pub provider: u64,
    /// DNS queries, those of the CA included; `None` where the server does not count them.
    pub dns: Option<u64>,
}

impl Counts {
    /// What came since.
    pub fn since(self, before: Self) -> Self {
        let dns = self.dns.zip(before.dns).map(|(now, then)| now - then);
        Self { acme: self.acme - before.acme, provider: self.provider - before.provider, dns }
    }
}

/// Runs a command to its end, its output in `log`.
///
/// # Panics
/// If it fails: what did not do its work is not worth a number.
pub fn run(mut command: Command, log: &Path) -> Run {
    let out = File::create(log).expect("a log");
    command.stdin(Stdio::null()).stderr(out.try_clone().expect("a log")).stdout(out);
    let started = Instant::now();
    let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let used = child.wait4().expect("a child's end");
    let wall = started.elapsed();
    let said = || std::fs::read_to_string(log).unwrap_or_default();
    assert!(used.status.success(), "{command:?}: {}\n{}", used.status, said());
    let cpu = used.rusage.utime + used.rusage.stime;
    Run { wall, cpu, peak_bytes: used.rusage.maxrss, counts: Counts::default() }
}

/// All runs of one client in one scenario.
#[derive(Clone, Debug)]
pub struct Series {
    /// The client.
    pub client: &'static str,
    /// In their order.
    pub runs: Vec<Run>,
}

impl Series {
    /// The median of the wall times.
    pub fn wall(&self) -> Duration {
        median(self.runs.iter().map(|run| run.wall))
    }

    /// The shortest and the longest.
    pub fn range(&self) -> (Duration, Duration) {
        let walls = || self.runs.iter().map(|run| run.wall);
        (walls().min().unwrap_or_default(), walls().max().unwrap_or_default())
    }

    /// The median of the processor times.
    pub fn cpu(&self) -> Duration {
        median(self.runs.iter().map(|run| run.cpu))
    }

    /// The median of the peaks.
    pub fn peak_bytes(&self) -> u64 {
        median(self.runs.iter().map(|run| run.peak_bytes))
    }

    /// Of the last run.
    pub fn counts(&self) -> Counts {
        self.runs.last().map(|run| run.counts).unwrap_or_default()
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let runs: Vec<Value> = self
            .runs
            .iter()
            .map(|Run { wall, cpu, peak_bytes, counts }| {
                json!({"wall_ms": ms(*wall), "cpu_ms": ms(*cpu), "peak_bytes": peak_bytes, "acme_requests": counts.acme,
                       "provider_calls": counts.provider, "dns_queries": counts.dns})
            })
            .collect();
        json!({"client": self.client, "median_wall_ms": ms(self.wall()), "runs": runs})
    }
}

/// Milliseconds with a fraction.
pub fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

fn median<T: Ord + Default + Copy>(all: impl Iterator<Item = T>) -> T {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_one_and_a_count_what_came_since() {
        assert_eq!(median([9, 1, 5].into_iter()), 5);
        let now = Counts { acme: 30, provider: 5, dns: None };
        assert_eq!(now.since(Counts { acme: 10, provider: 1, dns: None }), Counts { acme: 20, provider: 4, dns: None });
    }
}
