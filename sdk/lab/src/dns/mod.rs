//! Authoritative DNS servers over one store of zones, each with its own behaviour; they take signed updates.

mod answer;
mod server;
mod store;
mod tsig;
mod update;

pub use server::{Behaviour, Dns, Mood, QueryLog, StartError};
pub use store::{Entry, Store, StoreError};
pub use tsig::{TsigAlgorithm, TsigKey};
