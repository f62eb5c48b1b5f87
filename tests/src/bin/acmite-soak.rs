//! Lets `acmite run` go on; `cargo xtask soak` builds what it needs and runs it.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use acmite_tests::soak::{Sample, soak};

fn main() -> ExitCode {
    let minutes = std::env::var("SOAK_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let mut told = Duration::ZERO;
    let soaked = soak(Duration::from_secs(minutes * 60), |sample, got| {
        if sample.at >= told {
            say(&line(sample, got));
            told += EVERY;
        }
    });
    if let Some(last) = soaked.samples.last() {
        say(&line(last, soaked.got));
    }
    say(&format!("{} times trouble was made", soaked.troubles.len()));
    for complaint in &soaked.complaints {
        say(&format!("error: {complaint}"));
    }
    if soaked.complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const EVERY: Duration = Duration::from_secs(30);

fn line(sample: &Sample, got: usize) -> String {
    let Sample { at, rss_bytes, descriptors, threads } = sample;
    let megabytes = *rss_bytes as f64 / 1e6;
    format!(
        "{:>5} s  {got:>6} certificates  {megabytes:>5.1} MB  {descriptors:>3} descriptors  {threads:>2} threads",
        at.as_secs()
    )
}

fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}
