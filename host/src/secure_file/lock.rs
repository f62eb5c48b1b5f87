//! A lock between processes, gone with the process that holds it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use tokio::time::Instant;

use crate::backoff::Backoff;

/// An exclusive lock on a file (`flock`), held until dropped; the file holds its holder's process id.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Takes the lock if it is free; [`LockError::Held`] at once if not. The file is made where it is missing.
    pub fn try_acquire(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Unusable { path: path.to_owned(), source };
        loop {
            let mut file = open(path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let holder = read_holder(&mut file);
                    return Err(LockError::Held { path: path.to_owned(), holder, waited: Duration::ZERO });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            // The holder before may have removed the file: then this lock is on a file that nobody else will see.
            if is_at(&file, path).map_err(failed)? {
                // Who holds it is good to know, and not worth failing for: cleaning up must go on a full disk.
                if let Err(error) = write_holder(&file) {
                    tracing::debug!(path = %path.display(), %error, "the holder of a lock is not written down");
                }
                return Ok(Self { file, path: path.to_owned() });
            }
        }
    }

    /// Takes the lock, waiting for it until `deadline`.
    ///
    /// It is asked for again every [`POLL_CAP`] at the latest, rather than by a blocking call in a thread: that could
    /// not be called off, and would take the lock after all when nobody wants it any more.
    pub async fn acquire(path: &Path, deadline: Instant) -> Result<Self, LockError> {
        let start = Instant::now();
        let mut backoff = Backoff::new(POLL_FIRST, POLL_CAP, deadline);
        loop {
            match Self::try_acquire(path) {
                Err(LockError::Held { path, holder, .. }) => {
                    if !backoff.pause(Duration::ZERO).await {
                        return Err(LockError::Held { path, holder, waited: start.elapsed() });
                    }
                }
                done => return done,
            }
        }
    }

    /// As [`Self::acquire`], for at most `timeout`, blocking the thread: for locks held for milliseconds.
    pub fn acquire_blocking(path: &Path, timeout: Duration) -> Result<Self, LockError> {
        let start = std::time::Instant::now();
        let mut pause = POLL_FIRST;
        loop {
            match Self::try_acquire(path) {
                Err(LockError::Held { path, holder, .. }) if start.elapsed() >= timeout => {
                    return Err(LockError::Held { path, holder, waited: start.elapsed() });
                }
                Err(LockError::Held { .. }) => std::thread::sleep(pause),
                done => return done,
            }
            pause = (pause * 2).min(POLL_CAP);
        }
    }

    /// Removes the file and gives the lock up.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// The file that is locked.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

const POLL_FIRST: Duration = Duration::from_millis(4);
const POLL_CAP: Duration = Duration::from_millis(20);

impl Drop for FileLock {
    fn drop(&mut self) {
        // A reader must not take this process for the holder any more; the lock itself ends with the file.
        let _ = self.file.set_len(0);
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(path)
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn write_holder(file: &File) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all_at(std::process::id().to_string().as_bytes(), 0)
}

fn read_holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{} is locked by {} (waited {:.1} s); wait until it is done, or end it", path.display(), process(*holder), waited.as_secs_f64())]
    Held {
        /// The file.
        path: PathBuf,
        /// Process id of the holder, where it had written it.
        holder: Option<u32>,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The system refuses it.
    #[error("cannot lock {}; check that this user may write there", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn process(holder: Option<u32>) -> String {
    holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_until_dropped_and_names_its_holder() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let held = FileLock::try_acquire(&path).expect("free");
        let refused = FileLock::try_acquire(&path).expect_err("held");
        assert!(matches!(refused, LockError::Held { holder: Some(pid), .. } if pid == std::process::id()));
        drop(held);
        FileLock::try_acquire(&path).expect("free again");
    }

    #[test]
    fn a_lock_on_a_file_that_was_removed_is_not_taken_for_the_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let held = FileLock::try_acquire(&path).expect("free");
        held.remove().expect("removed");
        let again = FileLock::try_acquire(&path).expect("free");
        assert!(is_at(&again.file, &path).expect("readable"));
        assert!(FileLock::try_acquire(&path).is_err());
    }

    #[tokio::test]
    async fn waiting_ends_at_the_deadline() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let _held = FileLock::try_acquire(&path).expect("free");
        let deadline = Instant::now() + Duration::from_millis(30);
        let refused = FileLock::acquire(&path, deadline).await.expect_err("held");
        assert!(matches!(refused, LockError::Held { waited, .. } if waited >= Duration::from_millis(30)));
    }
}
