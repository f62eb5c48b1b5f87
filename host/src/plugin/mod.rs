//! Loading, confining and calling providers.

pub mod address;
pub mod engine;
pub mod field;
pub mod limits;
pub mod scrub;
pub mod secret;
pub mod wire;

mod bindings;
