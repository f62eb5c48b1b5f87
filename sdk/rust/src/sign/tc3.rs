//! Tencent Cloud's Signature v3, TC3-HMAC-SHA256.
//!
//! <https://www.tencentcloud.com/document/product/267/37447> (Signature v3, seen 2026-11-24). Signed are content type,
//! host and action; the manifest must allow the header `x-tc-timestamp` and fix `x-tc-action` and `x-tc-version`.

use crate::http::Request;
use crate::secret::{self, Encoding, Hash};
use crate::sign::{date, hmac_chain, sha256};
use crate::{Error, parts};

/// Whose key signs, and for which service.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// The key's id.
    pub secret_id: &'a str,
    /// The secret field that holds the key.
    pub secret_key: &'a str,
    /// "dnspod".
    pub service: &'a str,
    /// Unix time in seconds.
    pub now: u64,
}

impl Signer<'_> {
    /// Signs a POST of JSON to "/" that is whole but for this; `action` is the value of `x-tc-action`.
    pub fn sign(&self, request: Request, host: &str, action: &str) -> Result<Request, Error> {
        self.sign_as(request, host, action, "application/json")
    }

    fn sign_as(&self, request: Request, host: &str, action: &str, content_type: &str) -> Result<Request, Error> {
        let (day, now) = (date::day(self.now), self.now.to_string());
        let scope = format!("{day}/{}/tc3_request", self.service);
        let action = action.to_ascii_lowercase();
        let headers = format!("content-type:{content_type}\nhost:{host}\nx-tc-action:{action}\n");
        let payload = sha256(&parts![request.body_bytes()])?;
        let hashed = sha256(&parts![format!("POST\n/\n\n{headers}\n{SIGNED_HEADERS}\n"), payload])?;
        let first = parts!["TC3", secret::credential(self.secret_key)?];
        let key = hmac_chain(&first, &[&day, self.service, "tc3_request"])?;
        let to_sign = parts![format!("{ALGORITHM}\n{now}\n{scope}\n"), hashed];
        let signature = secret::encode(Encoding::Hex, &parts![secret::hmac(Hash::Sha256, &parts![key], &to_sign)?])?;
        let credential = format!("{ALGORITHM} Credential={}/{scope}, ", self.secret_id);
        let rest = format!("SignedHeaders={SIGNED_HEADERS}, Signature=");
        let request = request.header("x-tc-timestamp", &now);
        Ok(request.inject("header:authorization", &parts![credential, rest, signature]))
    }
}

const ALGORITHM: &str = "TC3-HMAC-SHA256";
const SIGNED_HEADERS: &str = "content-type;host;x-tc-action";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;
    use crate::testing::Recording;

    /// The worked example of <https://cloud.tencent.com/document/api/213/30654>, printed and signed with asterisks as key.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let stars = "*".repeat(32);
        let body = r#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}"#;
        let expected = format!(
            "TC3-HMAC-SHA256 Credential=AKID{stars}/2019-02-25/cvm/tc3_request, \
             SignedHeaders=content-type;host;x-tc-action, \
             Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
        );
        let script = Recording::new()
            .secret_value("secret_key", &stars)
            .reply("instances", 200, "{}")
            .header("x-tc-timestamp", "1551113065")
            .body(body)
            .inject("header:authorization", &expected);
        let id = format!("AKID{stars}");
        let signer = Signer { secret_id: &id, secret_key: "secret_key", service: "cvm", now: 1_551_113_065 };
        script.run(|| {
            let request = http::request("instances").body(body);
            let (host, content_type) = ("cvm.tencentcloudapi.com", "application/json; charset=utf-8");
            let signed = signer.sign_as(request, host, "DescribeInstances", content_type).expect("a signature");
            signed.send().expect("a reply");
        });
    }
}
