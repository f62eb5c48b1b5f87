//! Exchanges against an OpenAPI description, 3.0 or 3.1: operation, parameters, content types, bodies.

mod check;
mod document;
mod schema;

pub use check::{Sent, violations};
pub use document::{Description, ReadError, read};
