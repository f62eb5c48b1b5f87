//! Roles at AWS's Security Token Service (API of 2011-06-15).
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html> and API_AssumeRoleWithWebIdentity.html beside
//! it (seen 2026-11-28): a form, signed by the key that takes the role, or unsigned with the token of another identity
//! provider; the answer is XML.

use zeroize::Zeroizing;

use crate::identity::aws_role::{ACCESS_KEY_ID, Role, SECRET_ACCESS_KEY, SESSION_TOKEN, StsEndpoint};
use crate::identity::fetch::{Ask, FetchError, Fetcher};
use crate::identity::grant::{Grant, unix_seconds};
use crate::identity::sigv4::{Signing, amz_date, authorization};

/// Takes a role with the key in hand.
pub(super) async fn assume_role(
    fetcher: &Fetcher,
    endpoint: &StsEndpoint,
    role: &Role,
    key: &Grant,
    now: u64,
) -> Result<Grant, FetchError> {
    let mut form = common("AssumeRole", role);
    form.extend(role.external_id.iter().map(|id| ("ExternalId", id.as_str())));
    let ask = Ask::form(GIVER, endpoint.url.clone(), &form);
    given(&ask, fetcher.send(&signed(ask.clone(), endpoint, key, now)).await?.text())
}

/// Takes a role with the token of another identity provider.
pub(super) async fn assume_role_with_web_identity(
    fetcher: &Fetcher,
    endpoint: &StsEndpoint,
    role: &Role,
    token: &str,
) -> Result<Grant, FetchError> {
    let mut form = common("AssumeRoleWithWebIdentity", role);
    form.push(("WebIdentityToken", token));
    let ask = Ask::form(GIVER, endpoint.url.clone(), &form);
    given(&ask, fetcher.send(&ask).await?.text())
}

fn common<'a>(action: &'a str, role: &'a Role) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("Action", action),
        ("Version", "2011-06-15"),
        ("RoleArn", role.arn.as_str()),
        ("RoleSessionName", role.session_name.as_str()),
    ];
    form.extend(role.duration_seconds.iter().map(|seconds| ("DurationSeconds", seconds.as_str())));
    form
}

fn signed(ask: Ask, endpoint: &StsEndpoint, key: &Grant, now: u64) -> Ask {
    let date = amz_date(now);
    let host = endpoint.authority();
    let token = key.value(SESSION_TOKEN);
    let mut headers = vec![("host", host.as_str()), ("x-amz-date", date.as_str())];
    headers.extend(token.map(|token| ("x-amz-security-token", token)));
    let signing = Signing {
        key_id: key.value(ACCESS_KEY_ID).unwrap_or_default(),
        secret: key.value(SECRET_ACCESS_KEY).unwrap_or_default(),
        region: &endpoint.region,
        service: "sts",
    };
    let authorization = authorization(&signing, &headers, ask.body(), &date);
    let ask = ask.header("x-amz-date", &date).header("authorization", &authorization);
    match token {
        Some(token) => ask.header("x-amz-security-token", token),
        None => ask,
    }
}

fn given(ask: &Ask, xml: &str) -> Result<Grant, FetchError> {
    let leaf = |name: &'static str| leaf(xml, name).ok_or_else(|| ask.lacks(name));
    let values = vec![
        (ACCESS_KEY_ID, leaf("AccessKeyId")?),
        (SECRET_ACCESS_KEY, leaf("SecretAccessKey")?),
        (SESSION_TOKEN, leaf("SessionToken")?),
    ];
    Ok(Grant { values, expires: unix_seconds(&leaf("Expiration")?) })
}

/// The text of the first element of that name; those of a key hold neither elements nor entities.
fn leaf(xml: &str, name: &str) -> Option<Zeroizing<String>> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let plain = !text.is_empty() && !text.contains(['<', '&']);
    plain.then(|| Zeroizing::new(text.trim().to_owned()))
}

const GIVER: &str = "AWS STS";
