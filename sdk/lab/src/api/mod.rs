//! Mock provider APIs over the lab's zones; they check what they are sent.

mod cloudflare;
mod digitalocean;
mod hetzner;
mod powerdns;
mod server;
mod text;

pub use cloudflare::{CloudflareToken, cloudflare};
pub use digitalocean::digitalocean;
pub use hetzner::hetzner;
pub use powerdns::powerdns;
pub use server::{Fault, MockApi, Reply, Request, RequestLog};
