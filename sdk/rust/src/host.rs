//! What the host does for a provider: in the sandbox the imports of `wit/`, natively the script of a test.

#[cfg(target_arch = "wasm32")]
mod imports {
    pub(crate) use crate::bindings::acmite::provider::dns_update::{apply, probe};
    pub(crate) use crate::bindings::acmite::provider::http::{send, send_all};
    pub(crate) use crate::bindings::acmite::provider::log::write;
    pub(crate) use crate::bindings::acmite::provider::secrets::{credential, digest, encode, hmac, sign, totp};
}

#[cfg(target_arch = "wasm32")]
pub(crate) use imports::*;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::host::*;
