//! What of a provider's settings and secrets is known only when it is called.

use std::pin::Pin;

use zeroize::Zeroizing;

use crate::name::DnsName;

/// Gives values for each call anew: keys that end, or settings that differ from zone to zone.
pub trait Supply: Send + Sync {
    /// What a call for this zone has besides what it always has; `now` is in Unix seconds.
    fn supplied<'a>(&'a self, zone: Option<&'a DnsName>, now: u64) -> Supplying<'a>;

    /// The provider's API has refused what was given: it is not to be given again.
    fn refused(&self);
}

/// Values on their way.
pub type Supplying<'a> = Pin<Box<dyn Future<Output = Result<Supplied, SupplyError>> + Send + 'a>>;

/// Values for one call.
#[derive(Default)]
pub struct Supplied {
    /// Plain fields.
    pub settings: Vec<(String, String)>,
    /// Secret fields.
    pub secrets: Vec<(String, Zeroizing<Vec<u8>>)>,
    /// What stands as if it had been captured, as `token.access_token`.
    pub captures: Vec<(String, Zeroizing<Vec<u8>>)>,
}

/// Why there is nothing to give, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SupplyError(pub String);
