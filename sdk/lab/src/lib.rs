//! A lab for ACME clients, in one process, on loopback: name servers, a CA and mock provider APIs.

pub mod dns;
