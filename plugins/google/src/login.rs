//! The token that all requests are sent with.

use acmite_sdk::http::{self, Reply};
use acmite_sdk::sign::jwt;
use acmite_sdk::{Context, Error, ErrorKind, parts, secret, setting};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'static str,
    aud: &'static str,
    iat: u64,
    exp: u64,
}

/// RFC 6749 section 5.2.
#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

/// Asks for a token if the run has none yet.
pub(crate) fn token(context: &Context) -> Result<(), Error> {
    if secret::credential("token.access_token").is_ok() {
        return Ok(());
    }
    let iss = setting(context, "client_email").unwrap_or_default();
    let claims = Claims { iss, scope: SCOPE, aud: AUDIENCE, iat: context.now, exp: context.now + LIFETIME_SECONDS };
    let assertion = jwt::rs256("private_key", None, &claims)?;
    let request = http::request("token").form(&[("grant_type", GRANT)]).inject("body:/assertion", &parts![assertion]);
    request.send()?.ok_or(refined).map(|_| ())
}

/// A wrong key, account or clock comes as 400 invalid_grant.
fn refined(reply: &Reply, error: Error) -> Error {
    let Some(Refusal { error: code, error_description }) = reply.parse() else { return error };
    let message = error_description.unwrap_or_else(|| code.clone());
    error.of_kind(ErrorKind::Denied).with_message(message).with_code(code).with_hint(
        "take the whole key file, see whether key and account still exist, and whether this machine's clock is right",
    )
}

const SCOPE: &str = "https://www.googleapis.com/auth/ndev.clouddns.readwrite";
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The most there is.
const LIFETIME_SECONDS: u64 = 3600;
