//! Those who give tokens for Azure without a client secret: Entra's token endpoint for assertions, the managed identity of a
//! machine and that of an app.
//!
//! "Microsoft identity platform application authentication certificate credentials", "How to use managed identities for
//! Azure resources on an Azure VM to acquire an access token" and "How to use managed identities for App Service" (seen
//! 2026-11-28).

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::azure::{AZURE_CLIENT, AZURE_TENANT};
use super::server::{Reply, Request};

/// The token of the other identity provider.
pub const ENTRA_FEDERATED_TOKEN: &str = "eyJ.federated.token";
/// What an app shows.
pub const ENTRA_APP_HEADER: &str = "header-of-the-app";

/// The rules of all of them; they give the token that the mock of Azure DNS takes for this client secret. An assertion is
/// the federated token, or one signed by the key of `certificate` (DER).
pub fn entra_identity(client_secret: &str, certificate: Vec<u8>) -> impl Fn(&Request) -> Reply + Send + Sync + use<> {
    let token = format!("token-for-{client_secret}");
    move |request| {
        let header = |name: &str| request.headers.get(name).map(String::as_str);
        let query = |name: &str| request.query.get(name).map(String::as_str);
        let is_for_azure = query("resource") == Some("https://management.azure.com/");
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", path) if path == format!("/{AZURE_TENANT}/oauth2/v2.0/token") => {
                match proven(request, &certificate) {
                    Some(()) => Reply {
                        status: 200,
                        body: json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token}),
                    },
                    None => {
                        refused(401, "invalid_client", "AADSTS700027: The certificate or assertion is not registered.")
                    }
                }
            }
            ("GET", "/metadata/identity/oauth2/token") => match header("metadata") {
                Some("true") if is_for_azure && query("api-version") == Some("2018-02-01") => identity(request, &token),
                _ => refused(400, "bad_request_102", "Required metadata header not specified"),
            },
            ("GET", "/msi/token") => match header("x-identity-header") == Some(ENTRA_APP_HEADER) {
                true if is_for_azure && query("api-version") == Some("2019-08-01") => identity(request, &token),
                _ => refused(401, "unauthorized", "wrong header"),
            },
            _ => refused(404, "not_found", "no such path"),
        }
    }
}

/// The system's identity, or the user's that has the application's id. The numbers are texts here.
fn identity(request: &Request, token: &str) -> Reply {
    match request.query.get("client_id") {
        Some(id) if id != AZURE_CLIENT => refused(400, "invalid_request", "Identity not found"),
        _ => {
            let body =
                json!({"access_token": token, "token_type": "Bearer", "expires_on": (now() + 86_399).to_string()});
            Reply { status: 200, body }
        }
    }
}

fn proven(request: &Request, certificate: &[u8]) -> Option<()> {
    let form = request.form()?;
    let is = |key: &str, value: &str| form.get(key).is_some_and(|given| given == value);
    let is_right = is("client_id", AZURE_CLIENT)
        && is("grant_type", "client_credentials")
        && is("scope", "https://management.azure.com/.default")
        && is("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let assertion = form.get("client_assertion").filter(|_| is_right)?;
    if assertion == ENTRA_FEDERATED_TOKEN {
        return Some(());
    }
    let (message, signature) = assertion.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let json = |part: &str| serde_json::from_slice::<Value>(&BASE64URL_NOPAD.decode(part.as_bytes()).ok()?).ok();
    let (header, claims) = (json(header)?, json(claims)?);
    let thumbprint = |algorithm| BASE64URL_NOPAD.encode(digest(algorithm, certificate).as_ref());
    let (sha1, sha256) = (thumbprint(&SHA1_FOR_LEGACY_USE_ONLY), thumbprint(&SHA256));
    let (begin, end) = (claims["nbf"].as_u64()?, claims["exp"].as_u64()?);
    let is_of_now = begin.abs_diff(now()) < 300 && end > now() && end - begin <= 600;
    let host = request.headers.get("host")?;
    let is_ours = header == json!({"alg": "RS256", "typ": "JWT", "x5t": sha1, "x5t#S256": sha256})
        && claims["iss"] == AZURE_CLIENT
        && claims["sub"] == AZURE_CLIENT
        && claims["jti"].as_str().is_some_and(|id| id.len() >= 16)
        && claims["aud"] == format!("http://{host}{}", request.path);
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &parsed.public_key().subject_public_key.data);
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
    (is_of_now && is_ours && key.verify(message.as_bytes(), &signature).is_ok()).then_some(())
}

fn refused(status: u16, error: &str, text: &str) -> Reply {
    Reply { status, body: json!({"error": error, "error_description": text}) }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
