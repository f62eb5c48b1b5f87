//! OVHcloud's signature: "$1$" and the SHA-1 of secret, consumer key, method, URL, body and time.
//!
//! <https://help.ovhcloud.com/csm/en-api-getting-started-ovhcloud-api> ("First Steps with the OVHcloud APIs", seen
//! 2026-11-24). The manifest must allow the header `x-ovh-timestamp` and have the sink
//! `"header:x-ovh-signature" = ["derived application_secret", "derived consumer_key"]`.

use crate::http::{Request, percent};
use crate::secret::{self, Encoding, Hash};
use crate::{Error, parts};

/// Whose key signs, and when.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// The secret field that holds the application secret.
    pub application_secret: &'a str,
    /// The secret field that holds the consumer key.
    pub consumer_key: &'a str,
    /// Unix time in seconds by the API's own clock.
    pub now: u64,
}

impl Signer<'_> {
    /// Signs a request that is whole but for this; `url` is that of the request without its query.
    pub fn sign(&self, request: Request, method: &str, url: &str) -> Result<Request, Error> {
        let now = self.now.to_string();
        let pairs = request.query_pairs().iter();
        let query: Vec<String> =
            pairs.map(|pair| format!("{}={}", percent(&pair.name), percent(&pair.value))).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let line = format!("+{method}+{url}{mark}{}+", query.join("&"));
        let application_secret = secret::credential(self.application_secret)?;
        let consumer_key = secret::credential(self.consumer_key)?;
        let body = request.body_bytes();
        let signed = parts![application_secret, "+", consumer_key, line, body, "+", now.as_str()];
        let signature = secret::encode(Encoding::Hex, &parts![secret::digest(Hash::Sha1, &signed)?])?;
        let request = request.header("x-ovh-timestamp", &now);
        Ok(request.inject("header:x-ovh-signature", &parts!["$1$", signature]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;
    use crate::testing::Recording;

    const SIGNER: Signer<'_> = Signer { application_secret: "as", consumer_key: "ck", now: 1_366_560_945 };

    fn recording() -> Recording {
        let recording = Recording::new().secret_value("as", "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF");
        recording.secret_value("ck", "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1")
    }

    /// Keys, request, time and signature as the guide prints them.
    #[test]
    fn the_guides_example_is_signed_as_published() {
        let script = recording().reply("domains", 200, "[]").header("x-ovh-timestamp", "1366560945");
        let script = script.inject("header:x-ovh-signature", "$1$d3705e8afb27a0d2970a322b96550abfc67bb798");
        script.run(|| {
            let request = http::request("domains");
            SIGNER
                .sign(request, "GET", "https://eu.api.ovh.com/1.0/domains/")
                .expect("signed")
                .send()
                .expect("a reply");
        });
    }

    /// The hash is what `sha1sum` says of the text that the guide describes.
    #[test]
    fn query_and_body_are_signed_as_they_are_sent() {
        let script =
            recording().reply("records", 200, "[]").query("subDomain", "a b").header("x-ovh-timestamp", "1366560945");
        let script =
            script.body("{\"a\":1}").inject("header:x-ovh-signature", "$1$8dbffc0cf8126f50ce8ae42db760e5ac2bfa3a5d");
        script.run(|| {
            let request = http::request("records").query("subDomain", "a b").body("{\"a\":1}");
            SIGNER.sign(request, "POST", "https://eu.api.ovh.com/1.0/x").expect("signed").send().expect("a reply");
        });
    }
}
