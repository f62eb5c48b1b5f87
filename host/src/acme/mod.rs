//! The ACME protocol (RFC 8555), one file an object; what to do with it is decided in `flow`.
//!
//! instant-acme is not used: its 0.8.5 tries a bad nonce three times, walks authorizations one after another, has P-256
//! account keys only, no alternate chains, and hands a new account's key over only after the CA took it.

pub mod problem;

mod pem;

pub mod place;

pub mod jws;

pub mod jwk;

mod pauses;

pub mod error;

pub mod http;

pub mod directory;

pub mod account;

pub mod order;

pub mod challenge;

pub mod authorization;

pub mod certificate;

pub mod ari;

pub mod client;

pub use account::{Account, ExternalAccount, Registration};
pub use ari::RenewalInfo;
pub use authorization::{Authorization, AuthorizationError, AuthorizationStatus};
pub use certificate::CertificateChain;
pub use challenge::{Challenge, ChallengeKind, ChallengeStatus, Token, TokenError};
pub use client::{AccountHandle, AcmeClient};
pub use directory::Directory;
pub use error::AcmeError;
pub use http::HttpOptions;
pub use jws::{AccountKey, AccountKeyType, KeyError};
pub use order::{Order, OrderOptions, OrderStatus};
pub use problem::{Problem, ProblemKind};
