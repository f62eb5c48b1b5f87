//! Keys that AWS gives to a container and to a machine.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html> and, for machines, "Use IMDSv2" in
//! the EC2 User Guide (seen 2026-11-28). Version 1 of the instance metadata service, which any request forged through a
//! machine's software can reach, is never asked.

use serde_json::Value;
use zeroize::Zeroizing;

use crate::identity::aws_role::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN};
use crate::identity::fetch::{Answer, Ask, FetchError, Fetcher, Patience};
use crate::identity::grant::{Grant, unix_seconds};

/// The key of the task or pod that this process runs in.
pub(super) async fn of_container(
    fetcher: &Fetcher,
    url: &str,
    authorization: Option<&str>,
) -> Result<Grant, FetchError> {
    let mut ask = Ask::get("the container's credentials", url.to_owned());
    if let Some(authorization) = authorization {
        ask = ask.header("authorization", authorization);
    }
    given(&ask, &fetcher.send(&ask).await?)
}

/// The key of the role that this machine has.
pub(super) async fn of_instance(fetcher: &Fetcher, endpoint: &str, patience: Patience) -> Result<Grant, FetchError> {
    let base = format!("{}/latest", endpoint.trim_end_matches('/'));
    let ask = Ask::put(IMDS, format!("{base}/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", SESSION_SECONDS)
        .patience(patience);
    let session = fetcher.send(&ask).await?;
    let get = |path: String| {
        Ask::get(IMDS, format!("{base}/meta-data/iam/security-credentials/{path}"))
            .header("x-aws-ec2-metadata-token", session.text())
    };
    let ask = get(String::new());
    let roles = fetcher.send(&ask).await?;
    let role = roles.text().lines().next().filter(|role| is_segment(role)).ok_or_else(|| ask.lacks("a role"))?;
    let ask = get(role.to_owned());
    given(&ask, &fetcher.send(&ask).await?)
}

fn given(ask: &Ask, answer: &Answer) -> Result<Grant, FetchError> {
    let json = answer.json();
    let text = |key: &'static str| {
        let text = json.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(|text| Zeroizing::new(text.to_owned())).ok_or_else(|| ask.lacks(key))
    };
    let values = vec![
        (ACCESS_KEY_ID, text("AccessKeyId")?),
        (SECRET_ACCESS_KEY, text("SecretAccessKey")?),
        (SESSION_TOKEN, text("Token")?),
    ];
    Ok(Grant { values, expires: text("Expiration").ok().and_then(|end| unix_seconds(&end)) })
}

/// Names of roles are letters, digits and "+=,.@-_" (IAM, "IAM name requirements").
fn is_segment(role: &str) -> bool {
    !role.is_empty() && role.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@-_".contains(&b))
}

const IMDS: &str = "the instance metadata service";
/// Six hours; the key is fetched long before it ends.
const SESSION_SECONDS: &str = "21600";
