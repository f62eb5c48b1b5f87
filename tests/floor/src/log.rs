//! Each request as it ended.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub(crate) struct Log {
    started: Instant,
    lines: Mutex<String>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), lines: Mutex::default() }
    }

    /// When a request begins.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn note(&self, began: Duration, method: &str, url: &str, status: u16) {
        let (now, mut lines) = (self.now(), self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        let (end, took) = (now.as_secs_f64() * 1000.0, (now - began).as_secs_f64() * 1000.0);
        writeln!(lines, "{end:>9.1} ms  {took:>8.1} ms  {status}  {method:<5}  {url}").unwrap_or_default();
    }

    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        std::fs::write(path, self.lines.lock().unwrap_or_else(PoisonError::into_inner).as_bytes())
    }
}
