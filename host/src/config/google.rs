//! How acmite proves itself to Google where no service account's key is given ("How Application Default Credentials
//! works", seen 2026-11-28).

use serde_json::Value;

use crate::config::environment::Environment;
use crate::identity::google::{ExternalAccount, ExternalAccountError, GoogleSource};

/// The file of Application Default Credentials.
pub const CREDENTIALS_VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

/// Who gives a token: the account that the JSON describes, or this machine; `None` where the JSON is a key.
pub fn google_source(
    json: Option<&[u8]>,
    has_project: bool,
    environment: Environment<'_>,
) -> Result<Option<GoogleSource>, GoogleError> {
    let Some(json) = json else {
        let host = environment.text("GCE_METADATA_HOST").unwrap_or(METADATA_HOST);
        return Ok(Some(GoogleSource::Machine { endpoint: format!("http://{host}"), project: !has_project }));
    };
    let json: Value = serde_json::from_slice(json).unwrap_or_default();
    match json["type"].as_str() {
        Some("external_account") => Ok(Some(GoogleSource::External(ExternalAccount::from_json(&json)?))),
        None | Some("service_account") => Ok(None),
        Some(other) => Err(GoogleError::OtherKind { kind: other.to_owned() }),
    }
}

const METADATA_HOST: &str = "metadata.google.internal";

/// Why a credentials file of Google's cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GoogleError {
    /// It does not say how to get a token.
    #[error(transparent)]
    External(#[from] ExternalAccountError),
    /// A person's, or one that acmite does not know.
    #[error(
        "the Google credentials are of the kind {kind:?}; give those of a service account, or an external account (workload identity federation)"
    )]
    OtherKind {
        /// Its `type`.
        kind: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_the_file_says_who_gives_the_token() {
        let of = |json: &str| google_source(Some(json.as_bytes()), true, Environment(&[]));
        assert!(matches!(of(r#"{"type":"service_account","private_key":"x"}"#), Ok(None)));
        let external = r#"{"type":"external_account","audience":"a","subject_token_type":"t",
            "token_url":"https://sts.googleapis.com/v1/token","credential_source":{"file":"/token"}}"#;
        assert!(matches!(of(external), Ok(Some(GoogleSource::External(_)))));
        let by_url = external.replace("\"file\"", "\"url\"");
        assert!(of(&by_url).expect_err("no file").to_string().contains("/credential_source/file"));
        assert!(of(r#"{"type":"authorized_user"}"#).expect_err("a person's").to_string().contains("authorized_user"));
        let variables = [("GCE_METADATA_HOST".into(), "127.0.0.1:80".into())];
        let Ok(Some(GoogleSource::Machine { endpoint, project })) = google_source(None, false, Environment(&variables))
        else {
            panic!("no machine");
        };
        assert_eq!((endpoint.as_str(), project), ("http://127.0.0.1:80", true));
    }
}
