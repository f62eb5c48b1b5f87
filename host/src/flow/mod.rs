//! What acmite does, from names to a stored certificate; how it is shown is decided in `cli`.

mod cancel;
mod event;

pub mod session;

pub mod retry;

pub mod dns01;

pub mod leftovers;

pub mod due;

pub mod issue;

pub use cancel::{Cancel, Canceller, cancellation};
pub use dns01::{Dns01Error, Dns01Options, ZoneFailure, ZoneFault};
pub use event::Event;
pub use issue::{AccountSetup, IssueError, IssueRequest, Issued, issue};
pub use leftovers::{Leftover, LeftoversError, LeftoversReport, remove_leftovers};
pub use session::{Instance, ProviderSource, Session, SourceError};
