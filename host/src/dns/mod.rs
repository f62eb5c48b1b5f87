//! Finding the zone of a challenge and waiting until its servers show the values.

pub mod propagation;
pub mod transport;
pub mod zone;

pub use propagation::{Expectation, PropagationCheck, PropagationError, PropagationEvent, PropagationOptions};
pub use zone::{Dns, DnsOptions, ResolverError, Target, Zone, ZoneError};
