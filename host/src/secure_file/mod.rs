//! Files that others must neither read nor change: opened without surprises, written whole, locked.

mod core_dump;
mod leftover;
mod lock;
mod named;
mod own;
mod read;
mod write;

pub use core_dump::forbid_core_dumps;
pub use leftover::remove_abandoned;
pub use lock::{FileLock, LockError};
pub use named::{read_named, read_to_its_end};
pub use own::{check_own, read_own};
pub use read::{Policy, SecureReadError, read_private, read_private_with};
pub use write::{
    Owner, SecureWriteError, create_private_dir, remove_durably, sync_dir, write_whole, write_whole_files,
    write_whole_for, write_whole_soon,
};
