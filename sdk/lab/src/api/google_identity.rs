//! Those who give tokens for Google's APIs without a key: a machine's metadata server, the token exchange, and a service
//! account that is taken by what the exchange gave.
//!
//! <https://cloud.google.com/compute/docs/access/authenticate-workloads>,
//! <https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token> and
//! <https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken> (seen
//! 2026-11-28).

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::google::GOOGLE_PROJECT;
use super::server::{Reply, Request};

/// The token of the other identity provider.
pub const GOOGLE_SUBJECT_TOKEN: &str = "eyJ.subject.token";
/// For whom it was made.
pub const GOOGLE_AUDIENCE: &str =
    "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/lab/providers/lab";

/// The rules of all three; they give the token that the mock of Cloud DNS takes.
pub fn google_identity() -> impl Fn(&Request) -> Reply + Send + Sync {
    |request| match (request.method.as_str(), request.path.as_str()) {
        ("GET", path) if path.starts_with("/computeMetadata/v1/") => metadata(request, path),
        ("POST", "/v1/token") => exchange(request),
        ("POST", "/v1/projects/-/serviceAccounts/acmite:generateAccessToken") => account(request),
        _ => refused(404, "not_found", "no such path"),
    }
}

fn metadata(request: &Request, path: &str) -> Reply {
    let text = |status, text: &str| Reply { status, body: Value::from(text) };
    if request.headers.get("metadata-flavor").is_none_or(|flavor| flavor != "Google") {
        return text(403, "Missing Metadata-Flavor:Google header.");
    }
    match path {
        "/computeMetadata/v1/project/project-id" => text(200, GOOGLE_PROJECT),
        "/computeMetadata/v1/instance/service-accounts/default/token"
            if request.query.get("scopes").is_some_and(|scope| scope == DNS_SCOPE) =>
        {
            Reply { status: 200, body: json!({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}) }
        }
        _ => text(404, "Not Found"),
    }
}

fn exchange(request: &Request) -> Reply {
    let form = request.form().unwrap_or_default();
    let is = |key: &str, value: &str| form.get(key).is_some_and(|given| given == value);
    let is_right = is("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
        && is("audience", GOOGLE_AUDIENCE)
        && is("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")
        && is("subject_token_type", "urn:ietf:params:oauth:token-type:jwt");
    if !is_right || !is("subject_token", GOOGLE_SUBJECT_TOKEN) {
        return refused(400, "invalid_grant", "The given credential is rejected by the attribute condition.");
    }
    let token = if is("scope", DNS_SCOPE) { TOKEN } else { EXCHANGED };
    let body = json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"});
    Reply { status: 200, body }
}

fn account(request: &Request) -> Reply {
    let is_exchanged =
        request.headers.get("authorization").is_some_and(|shown| *shown == format!("Bearer {EXCHANGED}"));
    let wanted = json!({"scope": [DNS_SCOPE], "lifetime": "600s"});
    if !is_exchanged || request.json().is_none_or(|body| body != wanted) {
        let error =
            json!({"code": 403, "status": "PERMISSION_DENIED", "message": "iam.serviceAccounts.getAccessToken denied"});
        return Reply { status: 403, body: json!({"error": error}) };
    }
    let end = (OffsetDateTime::now_utc() + time::Duration::seconds(600)).format(&Rfc3339).unwrap_or_default();
    Reply { status: 200, body: json!({"accessToken": TOKEN, "expireTime": end}) }
}

fn refused(status: u16, error: &str, text: &str) -> Reply {
    Reply { status, body: json!({"error": error, "error_description": text}) }
}

const DNS_SCOPE: &str = "https://www.googleapis.com/auth/ndev.clouddns.readwrite";
const TOKEN: &str = "ya29.lab";
const EXCHANGED: &str = "ya29.exchanged";
