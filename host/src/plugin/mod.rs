//! Loading, confining and calling providers.

pub mod address;
pub mod engine;
pub mod field;
pub mod guard;
pub mod limits;
pub mod manifest;
pub mod scrub;
pub mod secret;
pub mod template;
pub mod tree;
pub mod wire;

mod bindings;
