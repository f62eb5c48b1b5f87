//! `acmite run` for as long as one likes, with certificates that live for two minutes, and trouble all the time.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::acmite::{Acmite, Running};
use crate::bind::bind;
use crate::name_server::NameServer;
use crate::pebble::{Options, Pebble, Version, pebble};
use crate::scene::{Scene, described};

/// What the process holds at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Since the start.
    pub at: Duration,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
    /// Open file descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: usize,
}

/// What a soak has shown.
#[derive(Clone, Debug)]
pub struct Soaked {
    /// In their order.
    pub samples: Vec<Sample>,
    /// Certificates that were issued or renewed.
    pub got: usize,
    /// What each trouble was, in their order.
    pub troubles: Vec<&'static str>,
    /// What is not as it must be; empty if all is well.
    pub complaints: Vec<String>,
}

/// Runs for `duration`, telling `say` how it goes.
///
/// # Panics
/// If a server is missing, or acmite ends before it is told to.
pub fn soak(duration: Duration, mut say: impl FnMut(&Sample, usize)) -> Soaked {
    let server = bind("hmac-sha256").expect("BIND");
    let profiles = json!({"default": {"description": "two minutes", "validityPeriod": VALIDITY.as_secs()}});
    let more = [("profiles".to_owned(), profiles)].into_iter().collect();
    let ca = pebble(Version::Newest, server.address, &Options { refused_nonces: 10, more, alternate_roots: 0 });
    let stage = Stage { scene: Scene::rfc2136(&server), server, ca: ca.expect("Pebble") };
    stage.describe(CERTIFICATES);
    let config = stage.scene.folder().join("acmite.toml");
    let mut run = Acmite::new("run --json --at-once 4", &stage.scene.state()).args(["--config"]).args([config]).start();
    run.await_events("waiting", 1);
    let (samples, troubles) = stage.trouble(&mut run, duration, &mut say);
    run.signal("TERM");
    let ended = run.finish().expect_code(0).events();
    let mut complaints = stage.complaints(&ended);
    complaints.extend(growth(&samples));
    Soaked { samples, got: got(&ended), troubles, complaints }
}

/// How long a certificate lives. Pebble wants it renewed at any moment until it expires.
const VALIDITY: Duration = Duration::from_secs(120);
const CERTIFICATES: usize = 60;
const PAUSE_BETWEEN_SAMPLES: Duration = Duration::from_secs(2);
const PAUSE_BETWEEN_TROUBLES: Duration = Duration::from_secs(15);
/// Well within what a query to a name server is tried for.
const SILENCE: Duration = Duration::from_secs(4);

struct Stage {
    scene: Scene,
    server: NameServer,
    ca: Pebble,
}

impl Stage {
    /// Puts the file in its place at once.
    fn describe(&self, certificates: usize) {
        let one = |number| format!("[certificate.host{number}]\nnames = [\"host{number}.example.test\"]\n");
        let text = described(&self.server, &self.ca, &(0..certificates).map(one).collect::<String>());
        let new = self.scene.private_file("acmite.toml.new", &text);
        std::fs::rename(new, self.scene.folder().join("acmite.toml")).expect("in its place");
    }

    fn trouble(
        &self,
        run: &mut Running,
        duration: Duration,
        say: &mut impl FnMut(&Sample, usize),
    ) -> (Vec<Sample>, Vec<&'static str>) {
        let started = Instant::now();
        let (mut samples, mut troubles) = (Vec::new(), Vec::new());
        let mut next_trouble = started + PAUSE_BETWEEN_TROUBLES;
        while started.elapsed() < duration {
            assert!(!run.has_ended(), "acmite ended\n{}{}", run.stdout(), run.stderr());
            if Instant::now() >= next_trouble {
                troubles.push(self.make_trouble(troubles.len(), run));
                next_trouble += PAUSE_BETWEEN_TROUBLES;
            }
            let sample = Sample::of(run.id(), started.elapsed());
            say(&sample, got(&run.events()));
            samples.push(sample);
            std::thread::sleep(PAUSE_BETWEEN_SAMPLES);
        }
        (samples, troubles)
    }

    fn make_trouble(&self, number: usize, run: &Running) -> &'static str {
        match number % 4 {
            0 => {
                run.signal("HUP");
                "SIGHUP"
            }
            1 => {
                self.server.signal("STOP");
                std::thread::sleep(SILENCE);
                self.server.signal("CONT");
                "the name server is silent for some seconds"
            }
            2 => {
                self.describe(CERTIFICATES - 10);
                "certificates are taken out of the file"
            }
            _ => {
                self.describe(CERTIFICATES);
                "certificates are put back"
            }
        }
    }

    /// What the run left that it must not leave, or failed at.
    fn complaints(&self, events: &[Value]) -> Vec<String> {
        let mut complaints: BTreeSet<String> = failures(events).collect();
        let records = self.server.all_txt("example.test");
        if records != ["_acme-challenge.example.test. foreign"] {
            complaints.insert(format!("in the zone: {records:?}"));
        }
        let journal = self.scene.journal();
        if !journal.is_empty() {
            complaints.insert(format!("in the journal: {journal:?}"));
        }
        let state = self.scene.state();
        for number in 0..CERTIFICATES - 10 {
            complaints.extend(of_certificate(&state, &format!("host{number}")));
        }
        complaints.into_iter().collect()
    }
}

fn of_certificate(state: &Path, name: &str) -> Option<String> {
    let issued = std::fs::metadata(state.join("live").join(name).join("cert.pem")).and_then(|facts| facts.modified());
    let versions = std::fs::read_dir(state.join("archive").join(name)).map_or(0, Iterator::count);
    match issued.map(|at| at.elapsed().unwrap_or_default()) {
        Err(error) => Some(format!("{name}: {error}")),
        Ok(age) if age > VALIDITY + LATEST => Some(format!("{name}: it was renewed {age:?} ago")),
        Ok(_) if versions > MOST_VERSIONS => Some(format!("{name}: {versions} versions are kept")),
        Ok(_) => None,
    }
}

/// How much later than its end a certificate may be renewed, which the CA may suggest as the moment for it.
const LATEST: Duration = Duration::from_secs(60);
/// The five that stay however old they are, and those of two minutes.
const MOST_VERSIONS: usize = 20;

fn failures(events: &[Value]) -> impl Iterator<Item = String> {
    let certificates = events.iter().filter_map(|event| event["certificates"].as_array()).flatten();
    // What was under way when it was told to stop is not its fault.
    certificates.filter(|one| one["result"] == "failed" && one["exit_code"] != 130).map(ToString::to_string)
}

fn got(events: &[Value]) -> usize {
    events.iter().filter(|event| event["event"] == "stored").count()
}

impl Sample {
    fn of(id: u32, at: Duration) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a running process");
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field of proc_pid_status(5)");
            line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().expect("a number")
        };
        let descriptors = std::fs::read_dir(format!("/proc/{id}/fd")).expect("a running process").count();
        Self { at, rss_bytes: field("VmRSS") * 1024, descriptors, threads: field("Threads") as usize }
    }
}

type Field = fn(&Sample) -> u64;

/// What is more in the last quarter than in the second one, by more than chance.
fn growth(samples: &[Sample]) -> Vec<String> {
    let quarter = samples.len() / 4;
    if quarter == 0 {
        return vec!["too short to tell anything".to_owned()];
    }
    let of = |range: std::ops::Range<usize>, field: Field| {
        let mut values: Vec<u64> = samples[range].iter().map(field).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    let fields: [(&str, u64, Field); 3] = [
        ("bytes of memory", ROOM_BYTES, |sample| sample.rss_bytes),
        ("file descriptors", ROOM_DESCRIPTORS, |sample| sample.descriptors as u64),
        ("threads", ROOM_THREADS, |sample| sample.threads as u64),
    ];
    let compare = |(what, room, field): &(&str, u64, Field)| {
        let (before, after) = (of(quarter..2 * quarter, *field), of(samples.len() - quarter..samples.len(), *field));
        (after > before + room).then(|| format!("{what} grew from {before} to {after}"))
    };
    fields.iter().filter_map(compare).collect()
}

const ROOM_BYTES: u64 = 2 * 1024 * 1024;
const ROOM_DESCRIPTORS: u64 = 8;
const ROOM_THREADS: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(rss_megabytes: impl Iterator<Item = u64>) -> Vec<Sample> {
        let sample = |megabytes| Sample {
            at: Duration::ZERO,
            rss_bytes: megabytes * 1024 * 1024,
            descriptors: 10 + megabytes as usize,
            threads: 4,
        };
        rss_megabytes.map(sample).collect()
    }

    #[test]
    fn what_grows_on_is_told_and_what_has_settled_is_not() {
        assert_eq!(growth(&samples((0..8).map(|number| if number < 2 { 10 } else { 40 }))), Vec::<String>::new());
        assert_eq!(growth(&samples((0..40).map(|number| 10 + number / 4))).len(), 1, "memory");
        assert_eq!(growth(&samples(0..40)).len(), 2, "memory and descriptors");
        assert_eq!(growth(&samples(0..3)).len(), 1, "too short");
    }
}
