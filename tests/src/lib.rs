//! What the tests share: providers built to components, and real name servers on loopback.

pub mod plugins;
pub mod server;
