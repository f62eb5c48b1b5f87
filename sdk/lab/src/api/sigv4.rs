//! AWS Signature Version 4 as a server checks it, from "Create a signed AWS API request" in the IAM User Guide.

use super::keyed_hash::{percent, sha256, signature};
use super::server::Request;

/// The code of the error that AWS answers with, if the request is not signed as it should be.
///
/// A temporary key has a token, which its requests must hold and sign.
pub(super) fn check(
    request: &Request,
    key_id: &str,
    secret: &str,
    token: Option<&str>,
    scope: &Scope,
) -> Result<(), &'static str> {
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    let authorization = header("authorization").ok_or("MissingAuthenticationToken")?;
    let given = Given::parse(authorization).ok_or("IncompleteSignature")?;
    let date = header("x-amz-date").filter(|date| date.len() == 16).ok_or("IncompleteSignature")?;
    let day = &date[..8];
    let credential = format!("{}/{}/aws4_request", scope.region, scope.service);
    let (id, of_key) = given.credential.split_once('/').ok_or("IncompleteSignature")?;
    if id != key_id {
        return Err("InvalidClientTokenId");
    }
    let names: Vec<&str> = given.signed_headers.split(';').collect();
    if header("x-amz-security-token") != token || (token.is_some() && !names.contains(&"x-amz-security-token")) {
        return Err("InvalidClientTokenId");
    }
    if of_key != format!("{day}/{credential}")
        || !names.is_sorted()
        || !["host", "x-amz-date"].iter().all(|name| names.contains(name))
    {
        return Err("SignatureDoesNotMatch");
    }
    let lines: Option<String> = names.iter().map(|name| Some(format!("{name}:{}\n", header(name)?.trim()))).collect();
    let canonical = format!(
        "{}\n{}\n{}\n{}\n{}\n{}",
        request.method,
        request.path.split('/').map(percent).collect::<Vec<_>>().join("/"),
        canonical_query(request),
        lines.ok_or("SignatureDoesNotMatch")?,
        given.signed_headers,
        sha256(&request.body)
    );
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{of_key}\n{}", sha256(&canonical));
    let steps = [day, scope.region, scope.service, "aws4_request"];
    match signature(&format!("AWS4{secret}"), &steps, &to_sign) == given.signature {
        true => Ok(()),
        false => Err("SignatureDoesNotMatch"),
    }
}

/// What a key is derived for.
pub(super) struct Scope {
    pub(super) region: &'static str,
    pub(super) service: &'static str,
}

/// The Authorization header taken apart.
struct Given<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Given<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let mut fields = header.strip_prefix("AWS4-HMAC-SHA256 ")?.split(", ");
        let given = Self {
            credential: fields.next()?.strip_prefix("Credential=")?,
            signed_headers: fields.next()?.strip_prefix("SignedHeaders=")?,
            signature: fields.next()?.strip_prefix("Signature=")?,
        };
        fields.next().is_none().then_some(given)
    }
}

fn canonical_query(request: &Request) -> String {
    let mut pairs: Vec<String> =
        request.query.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect();
    pairs.sort();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: Scope = Scope { region: "us-east-1", service: "service" };
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// `get-vanilla` and `post-vanilla-query` of AWS's own test suite.
    fn request(method: &str, query: &[(&str, &str)], signature: &str) -> Request {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        let headers = [
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
            ("authorization", authorization.as_str()),
        ];
        let owned =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Request {
            method: method.into(),
            path: "/".into(),
            query: owned(query),
            query_text: String::new(),
            headers: owned(&headers),
            body: String::new(),
        }
    }

    #[test]
    fn aws_own_signatures_are_taken_and_all_others_are_not() {
        let vanilla = request("GET", &[], "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        assert_eq!(check(&vanilla, "AKIDEXAMPLE", SECRET, None, &SCOPE), Ok(()));
        let query = request(
            "POST",
            &[("Param1", "value1")],
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        );
        assert_eq!(check(&query, "AKIDEXAMPLE", SECRET, None, &SCOPE), Ok(()));
        let refused = |request: &Request| check(request, "AKIDEXAMPLE", SECRET, None, &SCOPE).expect_err("a refusal");
        assert_eq!(refused(&Request { body: "more".into(), ..vanilla.clone() }), "SignatureDoesNotMatch");
        assert_eq!(refused(&Request { path: "/other".into(), ..vanilla.clone() }), "SignatureDoesNotMatch");
        assert_eq!(refused(&Request { query: query.query, ..vanilla.clone() }), "SignatureDoesNotMatch");
        assert_eq!(refused(&Request { headers: Default::default(), ..vanilla.clone() }), "MissingAuthenticationToken");
        assert_eq!(check(&vanilla, "AKIDOTHER", SECRET, None, &SCOPE), Err("InvalidClientTokenId"));
        assert_eq!(check(&vanilla, "AKIDEXAMPLE", SECRET, Some("token"), &SCOPE), Err("InvalidClientTokenId"));
    }
}
