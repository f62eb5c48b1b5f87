//! How long an attack ran and how much memory the process took meanwhile; `docs/hostile-figures.md` keeps one run.

use std::io::Write;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

use crate::plugins::repository;

/// As [`alone`], with a row in the table.
///
/// # Panics
/// If it has none, or the system does not tell.
pub async fn measured<T>(name: &str, attack: impl Future<Output = T>) -> (T, Duration, u64) {
    let (result, time, peak) = alone(attack).await;
    keep(name, time, Some(peak));
    (result, time, peak)
}

/// Waits until no other test of this process runs that takes a turn: what one compiles is not another's memory.
pub async fn turn() -> MutexGuard<'static, ()> {
    static TURNS: Mutex<()> = Mutex::const_new(());
    TURNS.lock().await
}

/// Runs one attack alone in this process; how long it took, and MiB beyond what was held before.
///
/// # Panics
/// If the system does not tell.
pub async fn alone<T>(attack: impl Future<Output = T>) -> (T, Duration, u64) {
    static TURN: Mutex<()> = Mutex::const_new(());
    let _alone = TURN.lock().await;
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak can be set back");
    let (before, started) = (status("VmRSS:"), Instant::now());
    let result = attack.await;
    let (time, peak) = (started.elapsed(), status("VmHWM:").saturating_sub(before) / 1024);
    (result, time, peak)
}

/// Shows the figures of an attack, and holds the table to having a row for it; under `ACMITE_BLESS=1` writes the row.
///
/// # Panics
/// If the row is missing.
pub fn keep(name: &str, time: Duration, peak: Option<u64>) {
    let (time, peak) =
        (format!("{:.2} s", time.as_secs_f64()), peak.map_or_else(String::new, |mib| format!("{mib} MiB")));
    figure(&format!("{name:<32} {time:>10} {peak:>10}"));
    static WRITING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _writing = WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let path = repository().join("docs/hostile-figures.md");
    let text = std::fs::read_to_string(&path).expect("docs/hostile-figures.md");
    if std::env::var_os("ACMITE_BLESS").is_some() {
        std::fs::write(&path, with_row(&text, name, &format!("| {name} | {time} | {peak} |"))).expect("written");
    } else {
        // How long it took differs from run to run.
        assert!(
            text.contains(&format!("| {name} |")),
            "docs/hostile-figures.md lacks {name:?}; ACMITE_BLESS=1 writes it"
        );
    }
}

/// The text with the row in the place of the one of that name, rows in order.
fn with_row(text: &str, name: &str, row: &str) -> String {
    let start = format!("| {name} |");
    let (head, rows) = text.split_at(text.find(RULE).expect("a table") + RULE.len());
    let mut rows: Vec<&str> = rows.lines().filter(|old| !old.starts_with(&start)).chain([row]).collect();
    rows.sort_unstable();
    format!("{head}{}\n", rows.join("\n"))
}

const RULE: &str = "|---|---|---|\n";

/// Shows a line of the suite's table, in spite of the capture of output.
pub fn figure(line: &str) {
    // A figure that cannot be shown is not the test's concern.
    writeln!(std::io::stderr().lock(), "figure: {line}").unwrap_or_default();
}

fn status(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("readable");
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("kilobytes")
}
