//! Finding the zone of a challenge and waiting until its servers show the values.

pub mod answer;
pub mod cname;
pub mod diagnose;
mod memo;
pub mod poll;
pub mod propagation;
pub mod resolver;
pub mod transport;
mod validation;
pub mod walk;
pub mod watch;
pub mod zone;

pub use answer::{Answer, NameServer, Server};
pub use cname::Target;
pub use diagnose::{CaaRecord, Kept, Sight, Soa};
pub use poll::Expectation;
pub use propagation::{Laggard, PropagationCheck, PropagationError, PropagationEvent, PropagationOptions};
pub use resolver::{Resolver, ResolverError};
pub use zone::{Dns, DnsOptions, Zone, ZoneError};
