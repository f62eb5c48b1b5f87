//! Temporary credentials from those who give them to a machine, a container or a role.
//!
//! The host fetches them, never a provider: the metadata services of the clouds stay out of a provider's reach.

pub mod aws;
pub mod aws_role;
pub mod entra;
pub mod entra_certificate;
pub mod fetch;
pub mod google;
pub mod grant;

mod aws_metadata;
mod sigv4;
mod sts;
