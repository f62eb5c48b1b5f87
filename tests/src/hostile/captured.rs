//! What one thread logs, all levels, as the log file of a user who asked for everything would have it.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

use crate::leak::{forms, holds};

/// Keeps what this thread logs while it lives.
pub struct Captured {
    bytes: Buffer,
    _default: tracing::subscriber::DefaultGuard,
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Begins.
    pub fn start() -> Self {
        let bytes = Buffer::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(bytes.clone())
            .finish();
        Self { bytes, _default: tracing::subscriber::set_default(subscriber) }
    }

    /// All so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Checks that no form of the canaries is in what was logged or in `more`.
    ///
    /// # Panics
    /// If one is.
    #[track_caller]
    pub fn assert_no_canary(&self, more: &str) {
        let all = self.text() + more;
        for canary in [super::TOKEN, super::SECRET] {
            let leaked = forms(canary.as_bytes()).into_iter().find(|form| holds(all.as_bytes(), form));
            assert!(
                leaked.is_none(),
                "a canary leaked as {:?}",
                leaked.map(|form| String::from_utf8_lossy(&form).into_owned())
            );
        }
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Buffer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
