//! DNS UPDATE (RFC 2136), for a provider whose manifest has `[dns_update]`.

use crate::{Txt, host};

pub use crate::bindings::acmite::provider::dns_update::{Rcode, UpdateError};

/// Applies all deletions, then all additions, in as few messages as they fit in; the host signs them.
pub fn apply(additions: &[Txt], deletions: &[Txt], ttl: u32) -> Result<(), UpdateError> {
    host::apply(additions, deletions, ttl)
}

/// Whether the server takes the key and is authoritative for the zone of the call.
pub fn probe() -> Result<bool, UpdateError> {
    host::probe()
}
