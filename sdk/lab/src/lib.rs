//! A lab for ACME clients, in one process, on loopback: a CA, name servers and mock provider APIs.

pub mod api;
pub mod ca;
pub mod dns;
mod lab;
mod serve;

pub use serve::Connections;

pub use lab::{Builder, ExternalAccountDescription, Lab, LabDescription, LabError};
