//! How long an attack ran and how much memory the process took meanwhile.

use std::io::Write;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// Runs one attack alone in this process and prints its figures; how long it took, and MiB beyond what was held before.
///
/// # Panics
/// If the system does not tell.
pub async fn measured<T>(name: &str, attack: impl Future<Output = T>) -> (T, Duration, u64) {
    static TURN: Mutex<()> = Mutex::const_new(());
    let _alone = TURN.lock().await;
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak can be set back");
    let (before, started) = (status("VmRSS:"), Instant::now());
    let result = attack.await;
    let (time, peak) = (started.elapsed(), status("VmHWM:").saturating_sub(before) / 1024);
    figure(&format!("{name:<32} {:>8.2} s {peak:>6} MiB", time.as_secs_f64()));
    (result, time, peak)
}

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
