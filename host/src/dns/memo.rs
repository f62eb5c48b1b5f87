//! What is found once and shared.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// Results by key: found by whoever asks first, waited for by those who ask meanwhile; failures are not kept.
#[derive(Debug)]
pub(super) struct Memo<K, V, E>(Mutex<HashMap<K, Search<V, E>>>);

type Search<V, E> = Arc<OnceCell<Result<V, E>>>;

impl<K, V, E> Default for Memo<K, V, E> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq + Clone, V: Clone, E: Clone> Memo<K, V, E> {
    pub(super) async fn find(&self, key: K, search: impl Future<Output = Result<V, E>>) -> Result<V, E> {
        let cell = Arc::clone(lock(&self.0).entry(key.clone()).or_default());
        let found = cell.get_or_init(|| search).await.clone();
        if found.is_err() {
            let mut kept = lock(&self.0);
            // Another search may have begun since.
            if kept.get(&key).is_some_and(|current| Arc::ptr_eq(current, &cell)) {
                kept.remove(&key);
            }
        }
        found
    }
}

/// What is behind it is whole after every statement, so a panic elsewhere does no harm.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn success_is_kept_and_failure_is_tried_again() {
        let memo = Memo::default();
        assert_eq!(memo.find("key", async { Err("no") }).await, Err("no"));
        assert_eq!(memo.find("key", async { Ok(1) }).await, Ok(1));
        assert_eq!(memo.find("key", async { Err("never run") }).await, Ok(1));
    }
}
