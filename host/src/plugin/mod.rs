//! Loading, confining and calling providers.

pub mod address;
pub mod bundled;
pub mod cache;
pub mod compile;
pub mod dns_update;
pub mod engine;
pub mod field;
pub mod fuel;
pub mod guard;
pub mod http;
pub mod inspect;
pub mod limits;
pub mod loader;
pub mod manifest;
pub mod overrides;
pub mod page;
pub mod provider;
pub mod reserved;
pub mod scrub;
pub mod secret;
pub mod supply;
pub mod template;
pub mod told;
pub mod tree;
pub mod wire;

mod bindings;
mod call;
mod pace;
