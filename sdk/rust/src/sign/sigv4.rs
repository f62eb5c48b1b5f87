//! AWS Signature Version 4, in the Authorization header.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html> (seen 2026-11-24).
//! Signed are the host, `x-amz-date`, which the manifest must allow as a header, and a temporary key's token.

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
    /// The field that holds the token of a temporary key, if it has a value; the manifest places it in the header
    /// `x-amz-security-token`.
    pub session_token: Option<&'a str>,
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
        let request_and_host = format!("{method}\n{path}\n{query}\nhost:{host}\nx-amz-date:{date}\n");
        let token = self.session_token.and_then(|field| secret::credential(field).ok());
        let (signed_headers, hashed) = match token {
            None => (SIGNED_HEADERS, sha256(&parts![request_and_host, format!("\n{SIGNED_HEADERS}\n"), payload])?),
            Some(token) => {
                let names = format!("\n\n{SIGNED_HEADERS_WITH_TOKEN}\n");
                let canonical = parts![request_and_host, "x-amz-security-token:", token, names, payload];
                (SIGNED_HEADERS_WITH_TOKEN, sha256(&canonical)?)
            }
        };
        let key = self.key(day)?;
        let to_sign = parts![format!("{ALGORITHM}\n{date}\n{scope}\n"), hashed];
        let signature = secret::encode(Encoding::Hex, &parts![secret::hmac(Hash::Sha256, &parts![key], &to_sign)?])?;
        let credential = format!("{ALGORITHM} Credential={}/{scope}, ", self.access_key_id);
        let rest = format!("SignedHeaders={signed_headers}, Signature=");
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
const SIGNED_HEADERS_WITH_TOKEN: &str = "host;x-amz-date;x-amz-security-token";

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::http;
    use crate::testing::Recording;

    const SIGNER: Signer<'_> = Signer {
        access_key_id: "AKIDEXAMPLE",
        secret_access_key: "secret_access_key",
        session_token: Some("session_token"),
        region: "us-east-1",
        service: "service",
        now: 1_440_938_160,
    };

    /// AWS's own cases, from the test suite of aws-c-auth (Apache-2.0, see the folder): 24 of 38. Six sign other headers
    /// and two a form with its length (`get-header-*`, `post-header-key-sort`, `post-header-value-case`,
    /// `post-x-www-form-urlencoded*`), which acmite's requests never do; six have a path like `/a/..` made normal before it
    /// is signed (`get-*-normalized` but for `get-space-normalized`), which the host refuses to send.
    fn cases() -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/aws-sigv4");
        let entries = std::fs::read_dir(folder).expect("the cases").map(|entry| entry.expect("an entry").path());
        entries.filter(|path| path.is_dir()).collect()
    }

    /// The token that a case signs; those that do not sign theirs come without the file.
    fn token(case: &Path) -> Option<String> {
        let context = std::fs::read(case.join("context.json")).ok()?;
        let context: serde_json::Value = serde_json::from_slice(&context).expect("JSON");
        Some(context["credentials"]["token"].as_str().expect("a token").to_owned())
    }

    fn recording() -> Recording {
        Recording::new().secret_value("secret_access_key", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
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
        assert_eq!(cases.len(), 24);
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
            let token = token(&case);
            let signed = if token.is_some() { SIGNED_HEADERS_WITH_TOKEN } else { SIGNED_HEADERS };
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders={signed}, Signature={}",
                signature.trim()
            );
            let script = match &token {
                Some(token) => recording().secret_value("session_token", token),
                None => recording(),
            };
            let script = script
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

    /// What `botocore.auth.SigV4Auth` of botocore 1.44.8 puts into the header of the same requests at the same time.
    #[test]
    fn a_query_and_a_body_are_signed_as_botocore_signs_them() {
        let signer = Signer { service: "route53", now: 1_795_521_600, ..SIGNER };
        let (host, path) = ("route53.amazonaws.com", "/2013-04-01/hostedzone/Z1PA6795UKMFR9/rrset");
        let query = [("maxitems", "1"), ("name", "_acme-challenge.example.com."), ("type", "TXT")];
        let body = "<ChangeResourceRecordSetsRequest/>";
        let header = |signature: &str| {
            let scope = "AKIDEXAMPLE/20261124/us-east-1/route53/aws4_request";
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={signature}")
        };
        let expect = |script: Recording, signature: &str| {
            let script = script.reply("rrset", 200, "").header("x-amz-date", "20261124T120000Z");
            script.inject("header:authorization", &header(signature))
        };
        let script = Recording::new().secret_value("secret_access_key", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let script = expect(script, "b17292b19fa1ba165764673cdd8e06e445c4367b6c82e317bd334de1d5d63983");
        let script = query.iter().fold(script, |script, (name, value)| script.query(name, value));
        let script = expect(script, "78e235dde252a8bc14fd437c61c8d1b42b2771db13e7193e1689a15d63b49142").body(body);
        script.run(|| {
            let read = query.iter().fold(http::request("rrset"), |request, (name, value)| request.query(name, value));
            signer.sign(read, "GET", host, path).expect("signed").send().expect("a reply");
            let write = http::request("rrset").body(body);
            signer.sign(write, "POST", host, path).expect("signed").send().expect("a reply");
        });
    }
}
