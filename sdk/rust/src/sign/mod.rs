//! How vendors want requests signed, each on the functions of [`crate::secret`] alone: the key stays in the host.
//!
//! A signature covers what the host will send, which the provider knows from its manifest: method, path, query, body.
//! The manifest needs a sink for it, `secrets = { "header:authorization" = ["derived secret_key"] }`.

mod date;
pub mod jwt;
pub mod ovh;
pub mod sigv4;
pub mod tc3;

use crate::{Context, Error, Part, secret};

/// An origin of the manifest as "https://host[:port]"; empty if there is no such origin.
pub fn origin<'a>(context: &'a Context, origin: &str) -> &'a str {
    context.origins.iter().find(|pair| pair.name == origin).map_or("", |pair| pair.value.as_str())
}

/// The host and port of an origin, as the Host header has them.
pub fn host<'a>(context: &'a Context, origin: &str) -> &'a str {
    let url = self::origin(context, origin);
    url.split_once("://").map_or(url, |(_, host)| host)
}

/// SHA-256 in lower case hex.
fn sha256(parts: &[Part]) -> Result<secret::Secret, Error> {
    let digest = secret::digest(secret::Hash::Sha256, parts)?;
    secret::encode(secret::Encoding::Hex, &crate::parts![digest])
}

/// HMAC with SHA-256 under a key that is made step by step: each text of `steps` is signed with the outcome before it.
fn hmac_chain(first: &[Part], steps: &[&str]) -> Result<secret::Secret, Error> {
    let mut key = secret::encode(secret::Encoding::None, first)?;
    for step in steps {
        key = secret::hmac(secret::Hash::Sha256, &crate::parts![key], &crate::parts![*step])?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_that_of_the_origin() {
        let context = crate::testing::context("example.com", &[]);
        assert_eq!((origin(&context, "api"), host(&context, "api")), ("https://api.example", "api.example"));
        assert_eq!((origin(&context, "none"), host(&context, "none")), ("", ""));
    }
}
