//! An ACME CA (RFC 8555) over HTTPS on loopback: dns-01, wildcards, renewal information (RFC 9773), external accounts.

mod account;
mod authorization;
mod certificate;
mod directory;
mod fault;
mod issuer;
mod jws;
mod key_change;
mod nonce;
mod options;
mod order;
mod problem;
mod renewal;
mod server;
mod state;
mod tls;
mod validation;

pub use fault::{Endpoint, Fault, RequestLog};
pub use options::{CaOptions, ExternalAccount, Profile};
pub use server::{Ca, CaError, IssuedCertificate};
pub use state::Reply;
