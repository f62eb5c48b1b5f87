//! Mock provider APIs over the lab's zones; they check what they are sent.

mod cloudflare;
mod duckdns;
mod google;
mod namecheap;
mod powerdns;
mod server;
mod text;

pub use cloudflare::{CloudflareToken, cloudflare};
pub use duckdns::duckdns;
pub use google::{GOOGLE_EMAIL, GOOGLE_PROJECT, google};
pub use namecheap::{NAMECHEAP_CLIENT_IP, NAMECHEAP_USER, namecheap};
pub use powerdns::powerdns;
pub use server::{Fault, MockApi, Reply, Request, RequestLog};
