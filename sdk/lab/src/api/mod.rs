//! Mock provider APIs over the lab's zones; they check what they are sent.

mod azure;
mod cloudflare;
mod digitalocean;
mod hetzner;
mod powerdns;
mod server;
mod text;

pub use azure::{AZURE_CLIENT, AZURE_GROUP, AZURE_SUBSCRIPTION, AZURE_TENANT, azure};
pub use cloudflare::{CloudflareToken, cloudflare};
pub use digitalocean::digitalocean;
pub use hetzner::hetzner;
pub use powerdns::powerdns;
pub use server::{Fault, MockApi, Reply, Request, RequestLog};
