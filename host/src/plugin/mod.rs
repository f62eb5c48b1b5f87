//! Loading, confining and calling providers.

pub mod field;
pub mod wire;
