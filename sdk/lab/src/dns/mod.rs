//! Authoritative DNS servers over one store of zones, each with its own behaviour.

mod answer;
mod server;
mod store;

pub use server::{Behaviour, Dns, Mood, QueryLog, StartError};
pub use store::{Entry, Store, StoreError};
