//! `--timings`: which step took how long, on the way that nothing else could have shortened.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::flow::Event;

/// When each step was last heard of.
pub(super) struct Timings {
    started: Instant,
    ends: Mutex<[Option<Duration>; STEPS.len()]>,
}

/// In their order. Zones go side by side, so that a step ends with the slowest of them.
const STEPS: [&str; 9] = [
    "account (CA)",
    "order and authorizations (CA)",
    "finding zones (DNS)",
    "publishing (provider, sandboxed)",
    "propagation (name servers)",
    "validation (CA)",
    "removing records (provider, sandboxed)",
    "key and request",
    "certificate (CA) and storing it",
];

impl Timings {
    /// From now.
    pub(super) fn start() -> Self {
        Self { started: Instant::now(), ends: Mutex::default() }
    }

    /// Takes notice of an event.
    pub(super) fn see(&self, event: &Event) {
        if let Some(step) = step_ended_by(event) {
            self.ends.lock().unwrap_or_else(PoisonError::into_inner)[step] = Some(self.started.elapsed());
        }
    }

    /// What is shown: for people, and for machines.
    pub(super) fn shown(&self) -> (String, Value) {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let steps = durations(&*ends);
        let all: Duration = steps.iter().map(|(_, took)| *took).sum();
        let line = |name: &str, took: Duration| format!("{:>9.1} ms  {name}", milliseconds(took));
        let mut lines: Vec<String> = steps.iter().map(|(name, took)| line(name, *took)).collect();
        lines.push(line("in all", all));
        let json: Vec<Value> =
            steps.iter().map(|(name, took)| json!({"step": name, "took_ms": milliseconds(*took)})).collect();
        (lines.join("\n"), json!({"event": "timings", "steps": json, "total_ms": milliseconds(all)}))
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

/// Each step that was taken, from the end of the one before; none is left out of the sum.
fn durations(ends: &[Option<Duration>]) -> Vec<(&'static str, Duration)> {
    let mut before = Duration::ZERO;
    let mut steps = Vec::new();
    for (name, end) in STEPS.iter().zip(ends) {
        let Some(end) = end else { continue };
        steps.push((*name, end.saturating_sub(before)));
        before = before.max(*end);
    }
    steps
}

fn step_ended_by(event: &Event) -> Option<usize> {
    Some(match event {
        Event::Account { .. } => 0,
        Event::Order { .. } | Event::Authorizations { .. } => 1,
        Event::ZoneFound { .. } => 2,
        Event::Published { .. } | Event::Serving { .. } | Event::TokenWritten { .. } => 3,
        Event::Propagated { .. } => 4,
        Event::Proven { .. } => 5,
        Event::CleanedUp { .. } | Event::NotCleanedUp { .. } => 6,
        Event::Finalizing { .. } => 7,
        Event::Stored { .. } => 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_lasts_from_the_end_of_the_one_before_and_all_are_the_whole() {
        let at = |ms| Some(Duration::from_millis(ms));
        let ends = [at(10), at(15), None, at(40), at(35), None, None, None, at(100)];
        let took: Vec<u128> = durations(&ends).iter().map(|(_, took)| took.as_millis()).collect();
        assert_eq!(took, [10, 5, 25, 0, 60]);
    }

    #[test]
    fn each_step_is_ended_by_what_a_run_tells() {
        let timings = Timings::start();
        timings.see(&Event::Account { url: "https://ca.example/1".to_owned(), created: true });
        timings.see(&Event::Proven { name: "example.com".to_owned() });
        timings.see(&Event::OrderingAgain { why: "no".to_owned() });
        let (text, json) = timings.shown();
        assert!(
            text.contains("account (CA)") && text.contains("validation (CA)") && text.ends_with("in all"),
            "{text}"
        );
        assert_eq!(json["steps"].as_array().map(Vec::len), Some(2), "{json}");
    }
}
