//! A lab for ACME clients, in one process, on loopback: name servers and mock provider APIs.

pub mod api;
pub mod dns;
mod lab;

pub use lab::{Builder, Lab, LabDescription, LabError};
