//! Mock provider APIs over the lab's zones; they check what they are sent.

mod aws_identity;
mod azure;
mod cloudflare;
mod digitalocean;
mod dnspod;
mod duckdns;
mod entra_identity;
mod google;
mod google_identity;
mod hetzner;
mod inwx;
mod keyed_hash;
mod linode;
mod namecheap;
mod names;
mod ovh;
mod porkbun;
mod powerdns;
mod quillzone;
mod route53;
mod server;
mod sigv4;
pub mod text;

pub use aws_identity::{
    AWS_CONTAINER_TOKEN, AWS_EXTERNAL_ID, AWS_ROLE_ARN, AWS_USER_KEY_ID, AWS_USER_SECRET, AWS_WEB_TOKEN, aws_identity,
};
pub use azure::{AZURE_CLIENT, AZURE_GROUP, AZURE_SUBSCRIPTION, AZURE_TENANT, azure};
pub use cloudflare::{CLOUDFLARE_EMAIL, CloudflareToken, cloudflare};
pub use digitalocean::digitalocean;
pub use dnspod::{DNSPOD_KEY_ID, dnspod};
pub use duckdns::duckdns;
pub use entra_identity::{ENTRA_APP_HEADER, ENTRA_FEDERATED_TOKEN, entra_identity};
pub use google::{GOOGLE_EMAIL, GOOGLE_PROJECT, google};
pub use google_identity::{GOOGLE_AUDIENCE, GOOGLE_SUBJECT_TOKEN, google_identity};
pub use hetzner::hetzner;
pub use inwx::{INWX_SHARED_SECRET, INWX_USER, InwxFactor, inwx};
pub use linode::linode;
pub use namecheap::{NAMECHEAP_CLIENT_IP, NAMECHEAP_USER, namecheap};
pub use ovh::{OVH_APPLICATION_KEY, OVH_CLIENT_ID, OVH_CONSUMER_KEY, ovh};
pub use porkbun::{PORKBUN_KEY, porkbun};
pub use powerdns::powerdns;
pub use quillzone::quillzone;
pub use route53::{ROUTE53_KEY_ID, ROUTE53_TEMPORARY_ID, ROUTE53_TOKEN, route53};
pub use server::{Fault, MockApi, Reply, Request, RequestLog};
