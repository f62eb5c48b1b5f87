//! Those who give keys to roles, containers and machines at AWS: STS, a container's endpoint, and version 2 of the
//! instance metadata service.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>,
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html> and "Use IMDSv2" in the EC2 User
//! Guide (seen 2026-11-28).

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::route53::{ROUTE53_TEMPORARY_ID, ROUTE53_TOKEN};
use super::server::{Reply, Request};
use super::sigv4::{self, Scope};

/// The id of the key that may take the role.
pub const AWS_USER_KEY_ID: &str = "AKIAUSEROFTHELAB";
/// Its secret.
pub const AWS_USER_SECRET: &str = "secret/of+the/user";
/// The role that may be taken.
pub const AWS_ROLE_ARN: &str = "arn:aws:iam::123456789012:role/dns";
/// What the role's owner wants to be told.
pub const AWS_EXTERNAL_ID: &str = "external-of-the-lab";
/// The token of the other identity provider.
pub const AWS_WEB_TOKEN: &str = "eyJ.web.token";
/// What a container shows.
pub const AWS_CONTAINER_TOKEN: &str = "Basic container";

/// The rules of all three; they give the temporary key that the mock of Route 53 takes with this secret, for so long.
pub fn aws_identity(secret: String, lifetime: Duration) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/") => sts(request, &secret, lifetime),
        ("GET", "/v2/credentials") => match header(request, "authorization") == Some(AWS_CONTAINER_TOKEN) {
            true => key(&secret, lifetime),
            false => {
                Reply { status: 401, body: json!({"code": "Unauthorized", "message": "wrong authorization token"}) }
            }
        },
        (method, path) => instance(request, method, path, &secret, lifetime),
    }
}

/// A request without the session's token is one of version 1, which this machine does not answer.
fn instance(request: &Request, method: &str, path: &str, secret: &str, lifetime: Duration) -> Reply {
    let text = |status, text: &str| Reply { status, body: Value::from(text) };
    if (method, path) == ("PUT", "/latest/api/token") {
        let seconds = header(request, "x-aws-ec2-metadata-token-ttl-seconds").and_then(|text| text.parse().ok());
        return match seconds.filter(|seconds: &u32| (1..=21_600).contains(seconds)) {
            Some(_) if !request.headers.contains_key("x-forwarded-for") => text(200, SESSION),
            _ => text(400, "Bad Request"),
        };
    }
    if header(request, "x-aws-ec2-metadata-token") != Some(SESSION) {
        return text(401, "Unauthorized");
    }
    match (method, path) {
        ("GET", "/latest/meta-data/iam/security-credentials/") => text(200, "role-of-the-machine"),
        ("GET", "/latest/meta-data/iam/security-credentials/role-of-the-machine") => key(secret, lifetime),
        _ => text(404, "Not Found"),
    }
}

fn key(secret: &str, lifetime: Duration) -> Reply {
    let body = json!({"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": ROUTE53_TEMPORARY_ID,
        "SecretAccessKey": secret, "Token": ROUTE53_TOKEN, "Expiration": end(lifetime)});
    Reply { status: 200, body }
}

fn sts(request: &Request, secret: &str, lifetime: Duration) -> Reply {
    let Some(form) = request.form() else { return refused("MissingAction", "No action was given.") };
    let is = |key: &str, value: &str| form.get(key).is_some_and(|given| given == value);
    if !is("Version", "2011-06-15") || !is("RoleArn", AWS_ROLE_ARN) || !form.contains_key("RoleSessionName") {
        return refused("AccessDenied", "Not authorized to perform sts:AssumeRole");
    }
    let action = form.get("Action").map(String::as_str).unwrap_or_default();
    let fault = match action {
        "AssumeRole" => {
            let scope = Scope { region: "eu-central-1", service: "sts" };
            let signed = sigv4::check(request, AWS_USER_KEY_ID, AWS_USER_SECRET, None, &scope);
            let told = is("ExternalId", AWS_EXTERNAL_ID).then_some(()).ok_or("AccessDenied");
            signed.and(told).err()
        }
        "AssumeRoleWithWebIdentity" if request.headers.contains_key("authorization") => {
            Some("the lab wants no signature")
        }
        "AssumeRoleWithWebIdentity" => (!is("WebIdentityToken", AWS_WEB_TOKEN)).then_some("InvalidIdentityToken"),
        _ => Some("InvalidAction"),
    };
    if let Some(code) = fault {
        return refused(code, "The request was refused.");
    }
    let key = format!(
        "<Credentials><AccessKeyId>{ROUTE53_TEMPORARY_ID}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>{ROUTE53_TOKEN}</SessionToken><Expiration>{}</Expiration></Credentials>",
        end(lifetime)
    );
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{key}</{action}Result>\
         </{action}Response>"
    );
    Reply { status: 200, body: body.into() }
}

fn refused(code: &str, message: &str) -> Reply {
    let body = format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>");
    Reply { status: 403, body: body.into() }
}

fn end(lifetime: Duration) -> String {
    (OffsetDateTime::now_utc() + lifetime).format(&Rfc3339).unwrap_or_default()
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).map(String::as_str)
}

const SESSION: &str = "session-of-the-machine==";
