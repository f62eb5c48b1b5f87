//! How much guests execute, counted for those who measure; acmite itself limits them by time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::Store;

/// Counts what the calls of a provider execute, about one for each WebAssembly instruction (wasmtime's "fuel"), on an
/// engine that [`new_counting_engine`](super::engine::new_counting_engine) made; elsewhere it stays at 0. Copies count
/// together.
#[derive(Clone, Debug, Default)]
pub struct FuelMeter(Arc<AtomicU64>);

impl FuelMeter {
    /// The instructions so far.
    pub fn used(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// A guest without fuel is trapped: here it gets more than it can use up.
    pub(super) fn fill<T>(store: &mut Store<T>) {
        if let Err(error) = store.set_fuel(u64::MAX) {
            tracing::debug!(%error, "the engine does not count instructions");
        }
    }

    pub(super) fn read<T>(&self, store: &Store<T>) {
        let used = store.get_fuel().map_or(0, |left| u64::MAX - left);
        self.0.fetch_add(used, Ordering::Relaxed);
    }
}
