//! The one suite for all providers: each case runs the compiled component in the sandbox against what stands in for
//! its API, a mock of the lab or a real name server.
//!
//! A new provider adds a row to `adapters.rs` and a line to `tests/tests/conformance.rs`.

pub mod adapters;
pub mod bench;
pub mod check;
pub mod corrections;
pub mod counter;
pub mod descriptions;
pub mod exchange;
pub mod faults;
pub mod listing;
pub mod login;
pub mod rights;
pub mod settled;
pub mod slots;
pub mod values;
pub mod zones;
