//! Certificate keys, signing requests, and what stands in a certificate, and whom it convinces.

pub mod key;

pub mod csr;

pub mod request;

pub mod leaf;

pub mod validation;

pub mod trust;

pub use csr::{CsrError, csr_der};
pub use key::{CertificateKey, CertificateKeyError, KeyType};
pub use leaf::{Leaf, LeafError, is_chain};
pub use request::{CertificateRequest, RequestError};
pub use trust::{TrustError, verify_chain};
pub use validation::{ValidationCertificate, ValidationCertificateError};
