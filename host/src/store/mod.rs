//! What acmite keeps on disk between runs.

pub mod account;
pub mod certificate;
pub mod foreign_account;
pub mod journal;
mod layout;
pub mod plugin_pins;
pub mod quiet;
pub mod renewal;
pub mod renewal_state;
pub mod zone_lock;

pub use layout::{HookKind, StateDir, StateDirError, certificate_name, is_certificate_name};
