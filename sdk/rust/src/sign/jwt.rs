//! JSON Web Tokens (RFC 7519) in compact form, signed with a credential: what OAuth2 takes as an assertion (RFC 7523).

use serde::Serialize;

use crate::secret::{Encoding, Secret, Signing, credential, encode, sign};
use crate::{Error, ErrorKind, error};

/// A token with these claims, signed with RS256 by the PEM key in the secret field `key`; `key_id` names the key.
///
/// Its sink is `["derived KEY"]`.
pub fn rs256(key: &str, key_id: Option<&str>, claims: &impl Serialize) -> Result<Secret, Error> {
    let header = Header { alg: "RS256", typ: "JWT", kid: key_id };
    let signed = encode(Encoding::None, &crate::parts![base64url(&header)?, ".", base64url(claims)?])?;
    let signature = sign(Signing::RsaPkcs1Sha256, credential(key)?, &crate::parts![signed])?;
    let signature = encode(Encoding::Base64url, &crate::parts![signature])?;
    encode(Encoding::None, &crate::parts![signed, ".", signature])
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

fn base64url(part: &impl Serialize) -> Result<Secret, Error> {
    let json = serde_json::to_string(part)
        .map_err(|source| error(ErrorKind::Other, format!("a part of the token is no JSON: {source}")))?;
    encode(Encoding::Base64url, &crate::parts![json])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Recording;

    #[test]
    fn header_and_claims_are_signed_and_the_signature_follows() {
        let claims = serde_json::json!({"iss": "me"});
        let ran = Recording::new().secret("private_key").run(|| rs256("private_key", None, &claims));
        ran.result.expect("a token");
        assert_eq!(
            ran.secret_calls,
            [
                r#"encode(base64url, {"alg":"RS256","typ":"JWT"}) -> #1"#,
                r#"encode(base64url, {"iss":"me"}) -> #2"#,
                "encode(none, #1 . #2) -> #3",
                "credential(private_key) -> #4",
                "sign(rsapkcs1sha256, #4, #3) -> #5",
                "encode(base64url, #5) -> #6",
                "encode(none, #3 . #6) -> #7",
            ]
        );
    }
}
