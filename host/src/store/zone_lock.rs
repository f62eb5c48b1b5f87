//! One process at a time in a zone: set-wide APIs are read, merged and written under it.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::layout::StateDir;
use crate::secure_file::{FileLock, LockError};

/// The lock of one zone at one account of a provider, between processes that share a state folder; held until dropped.
#[derive(Debug)]
pub struct ZoneLock {
    _lock: FileLock,
}

impl ZoneLock {
    /// Waits until no other process has the zone. `key` is any text that names provider, account and zone.
    pub async fn acquire(state: &StateDir, key: &str, deadline: Instant) -> Result<Self, ZoneLockError> {
        match FileLock::acquire(&state.zone_lock(key), deadline).await {
            Ok(lock) => Ok(Self { _lock: lock }),
            Err(LockError::Held { holder, waited, path }) => {
                Err(ZoneLockError::Held { key: key.to_owned(), holder, waited, path })
            }
            Err(source @ LockError::Unusable { .. }) => Err(ZoneLockError::Unusable { source }),
        }
    }
}

/// Why the zone could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ZoneLockError {
    /// Another process is changing it.
    #[error("{} is still changing {key} after {:.1} s; run again when it is done, or end it", holder.map_or("another process".to_owned(), |pid| format!("process {pid}")), waited.as_secs_f64())]
    Held {
        /// What was asked for.
        key: String,
        /// Process id of the holder, where it had written it.
        holder: Option<u32>,
        /// How long it was waited for.
        waited: Duration,
        /// The file that is locked.
        path: PathBuf,
    },
    /// The lock's file cannot be used.
    #[error("the zone cannot be locked")]
    Unusable {
        /// What is wrong with it.
        source: LockError,
    },
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn twenty_at_once_all_get_the_zone_and_never_two_together() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(&folder.path().join("state")).expect("opened");
        let inside = Arc::new(AtomicU32::new(0));
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (state, inside) = (state.clone(), inside.clone());
            tasks.spawn(async move {
                let lock = ZoneLock::acquire(&state, "quillzone example.com", deadline).await.expect("its turn comes");
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two at once");
                // Lets all others try while this one is inside.
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                drop(lock);
            });
        }
        assert_eq!(tasks.join_all().await.len(), 20);
    }

    #[tokio::test]
    async fn another_zone_is_free_and_a_held_one_names_its_holder() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(&folder.path().join("state")).expect("opened");
        let _held = ZoneLock::acquire(&state, "a", Instant::now()).await.expect("free");
        ZoneLock::acquire(&state, "b", Instant::now()).await.expect("free");
        let refused = ZoneLock::acquire(&state, "a", Instant::now()).await.expect_err("held");
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    }
}
