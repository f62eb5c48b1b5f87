//! What the tests share: providers built to components, real name servers on loopback, network namespaces.

pub mod netns;
pub mod plugins;
pub mod server;
