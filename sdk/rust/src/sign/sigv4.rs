//! AWS Signature Version 4, in the Authorization header.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html> (seen 2026-11-24).
//! Signed are the host and `x-amz-date`, which the manifest must allow as a header.

use crate::http::{Request, percent};
use crate::secret::{self, Encoding, Hash, Secret};
use crate::sign::{date, hmac_chain, sha256};
use crate::{Error, parts};

/// Whose key signs, and for which service.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// The key's id.
    pub access_key_id: &'a str,
    /// The secret field that holds the key.
    pub secret_access_key: &'a str,
    /// "us-east-1" for a service that has no regions.
    pub region: &'a str,
    /// "route53".
    pub service: &'a str,
    /// Unix time in seconds.
    pub now: u64,
}

impl Signer<'_> {
    /// Signs a request that is whole but for this; `path` is that of the request line, the origin's own included.
    pub fn sign(&self, request: Request, method: &str, host: &str, path: &str) -> Result<Request, Error> {
        let date = date::basic(self.now);
        let (day, _) = date.split_at("yyyymmdd".len());
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let payload = sha256(&parts![request.body_bytes()])?;
        let (path, query) = (canonical_path(path), canonical_query(&request));
        let canonical = format!("{method}\n{path}\n{query}\nhost:{host}\nx-amz-date:{date}\n\n{SIGNED_HEADERS}\n");
        let hashed = sha256(&parts![canonical, payload])?;
        let key = self.key(day)?;
        let to_sign = parts![format!("{ALGORITHM}\n{date}\n{scope}\n"), hashed];
        let signature = secret::encode(Encoding::Hex, &parts![secret::hmac(Hash::Sha256, &parts![key], &to_sign)?])?;
        let credential = format!("{ALGORITHM} Credential={}/{scope}, ", self.access_key_id);
        let rest = format!("SignedHeaders={SIGNED_HEADERS}, Signature=");
        let request = request.header("x-amz-date", &date);
        Ok(request.inject("header:authorization", &parts![credential, rest, signature]))
    }

    fn key(&self, day: &str) -> Result<Secret, Error> {
        let first = parts!["AWS4", secret::credential(self.secret_access_key)?];
        hmac_chain(&first, &[day, self.region, self.service, "aws4_request"])
    }
}

/// Each segment is encoded once more than in the request line, as all services but S3 want it.
fn canonical_path(path: &str) -> String {
    path.split('/').map(percent).collect::<Vec<_>>().join("/")
}

fn canonical_query(request: &Request) -> String {
    let mut pairs: Vec<(String, String)> =
        request.query_pairs().iter().map(|pair| (percent(&pair.name), percent(&pair.value))).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SIGNED_HEADERS: &str = "host;x-amz-date";

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::http;
    use crate::testing::Recording;

    const SIGNER: Signer<'_> = Signer {
        access_key_id: "AKIDEXAMPLE",
        secret_access_key: "secret_access_key",
        region: "us-east-1",
        service: "service",
        now: 1_440_938_160,
    };

    /// AWS's own cases, from the test suite of aws-c-auth (Apache-2.0, see the folder); those that sign other headers,
    /// the body's hash or a path that the host would refuse do not apply.
    fn cases() -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/aws-sigv4");
        let entries = std::fs::read_dir(folder).expect("the cases").map(|entry| entry.expect("an entry").path());
        entries.filter(|path| path.is_dir()).collect()
    }

    fn decoded(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            let number = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            match (first, number.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
                (b'%', Some(byte)) => (bytes.push(byte), rest = &after[2..]).1,
                _ => (bytes.push(*first), rest = after).1,
            }
        }
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn aws_own_cases_are_signed_as_aws_signs_them() {
        let cases = cases();
        assert_eq!(cases.len(), 15);
        for case in cases {
            let read = |file: &str| std::fs::read_to_string(case.join(file)).expect("a file of the case");
            let text = read("request.txt");
            let line = text.lines().next().expect("a request line").strip_suffix(" HTTP/1.1").expect("HTTP/1.1");
            let (method, target) = line.split_once(' ').expect("a method");
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let pairs = query.split('&').filter(|pair| !pair.is_empty());
            let pairs: Vec<(String, String)> = pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decoded(name), decoded(value)))
                .collect();
            let signature = read("header-signature.txt");
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature={}",
                signature.trim()
            );
            let script = Recording::new()
                .secret_value("secret_access_key", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
                .reply("case", 200, "")
                .header("x-amz-date", "20150830T123600Z")
                .inject("header:authorization", &expected);
            let script = pairs.iter().fold(script, |script, (name, value)| script.query(name, value));
            script.run(|| {
                let request =
                    pairs.iter().fold(http::request("case"), |request, (name, value)| request.query(name, value));
                let signed = SIGNER.sign(request, method, "example.amazonaws.com", path).expect("a signature");
                signed.send().expect("a reply");
            });
        }
    }
}
