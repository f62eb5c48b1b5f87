//! Tokens for Google's APIs: of a machine's service account, or in exchange for the token of another identity provider.
//!
//! <https://cloud.google.com/compute/docs/access/authenticate-workloads> and
//! <https://google.aip.dev/auth/4117> (seen 2026-11-28).

use std::path::PathBuf;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::identity::fetch::{Ask, FetchError, Fetcher, Patience, token_file};
use crate::identity::grant::{ACCESS_TOKEN, Grant, unix_seconds};

/// A giver of a token.
#[derive(Clone, Debug)]
pub enum GoogleSource {
    /// The service account of a machine.
    Machine {
        /// The metadata server, "http://metadata.google.internal".
        endpoint: String,
        /// Whether the project is to be asked for as well.
        project: bool,
    },
    /// An account that another identity provider vouches for.
    External(ExternalAccount),
}

/// The fields of an `external_account` file.
#[derive(Clone, Debug)]
pub struct ExternalAccount {
    audience: String,
    subject_token_type: String,
    token_url: String,
    token_file: PathBuf,
    /// The member that holds the token, where the file is JSON.
    token_member: Option<String>,
    impersonation_url: Option<String>,
    lifetime_seconds: u64,
}

impl ExternalAccount {
    /// Reads what `gcloud iam workload-identity-pools create-cred-config` writes; only tokens in files are read.
    pub fn from_json(json: &Value) -> Result<Self, ExternalAccountError> {
        let text = |pointer: &'static str| json.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let needed = |pointer: &'static str| text(pointer).ok_or(ExternalAccountError { pointer });
        let token_member = match json.pointer("/credential_source/format/type").and_then(Value::as_str) {
            Some("json") => Some(needed("/credential_source/format/subject_token_field_name")?),
            _ => None,
        };
        let lifetime = json.pointer("/service_account_impersonation/token_lifetime_seconds").and_then(Value::as_u64);
        Ok(Self {
            audience: needed("/audience")?,
            subject_token_type: needed("/subject_token_type")?,
            token_url: needed("/token_url")?,
            token_file: needed("/credential_source/file")?.into(),
            token_member,
            impersonation_url: text("/service_account_impersonation_url"),
            lifetime_seconds: lifetime.unwrap_or(DEFAULT_LIFETIME_SECONDS),
        })
    }

    async fn fetch(&self, fetcher: &Fetcher, now: u64) -> Result<Grant, FetchError> {
        let scope = if self.impersonation_url.is_some() { WHOLE_SCOPE } else { DNS_SCOPE };
        let subject = self.subject_token()?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("audience", self.audience.as_str()),
            ("scope", scope),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token_type", self.subject_token_type.as_str()),
            ("subject_token", subject.as_str()),
        ];
        let ask = Ask::form("Google's token exchange", self.token_url.clone(), &form);
        let grant = given(&ask, &fetcher.send(&ask).await?.json(), now)?;
        match &self.impersonation_url {
            Some(url) => self.impersonated(fetcher, url, &grant).await,
            None => Ok(grant),
        }
    }

    async fn impersonated(&self, fetcher: &Fetcher, url: &str, grant: &Grant) -> Result<Grant, FetchError> {
        let body = json!({"scope": [DNS_SCOPE], "lifetime": format!("{}s", self.lifetime_seconds)});
        let bearer = Zeroizing::new(format!("Bearer {}", grant.value(ACCESS_TOKEN).unwrap_or_default()));
        let ask =
            Ask::json("Google's service account", url.to_owned(), &body.to_string()).header("authorization", &bearer);
        let answer = fetcher.send(&ask).await?.json();
        let token = answer["accessToken"].as_str().ok_or_else(|| ask.lacks("accessToken"))?;
        let expires = answer["expireTime"].as_str().and_then(unix_seconds);
        Ok(Grant { values: vec![(ACCESS_TOKEN, Zeroizing::new(token.to_owned()))], expires })
    }

    fn subject_token(&self) -> Result<Zeroizing<String>, FetchError> {
        let text = token_file(SUBJECT, &self.token_file)?;
        let Some(member) = &self.token_member else { return Ok(text) };
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        let token = json[member.as_str()].as_str().map(|token| Zeroizing::new(token.to_owned()));
        token.ok_or_else(|| Ask::get(SUBJECT, String::new()).lacks("the member that subject_token_field_name names"))
    }
}

impl GoogleSource {
    /// A token for a call that begins at `now` (Unix seconds).
    pub async fn fetch(&self, fetcher: &Fetcher, now: u64) -> Result<Grant, FetchError> {
        let (endpoint, project) = match self {
            Self::External(account) => return account.fetch(fetcher, now).await,
            Self::Machine { endpoint, project } => (endpoint, *project),
        };
        let get = |path: &str| {
            let url = format!("{endpoint}/computeMetadata/v1/{path}");
            Ask::get("Google's metadata server", url).header("metadata-flavor", "Google").patience(Patience::Guess)
        };
        let ask = get(&format!("instance/service-accounts/default/token?scopes={DNS_SCOPE}"));
        let mut grant = given(&ask, &fetcher.send(&ask).await?.json(), now)?;
        if project {
            let answer = fetcher.send(&get("project/project-id")).await?;
            grant.values.push((PROJECT, Zeroizing::new(answer.text().to_owned())));
        }
        Ok(grant)
    }
}

fn given(ask: &Ask, json: &Value, now: u64) -> Result<Grant, FetchError> {
    let token = json["access_token"].as_str().filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| ask.lacks("access_token"))?;
    let expires = json["expires_in"].as_u64().map(|seconds| now + seconds);
    Ok(Grant { values: vec![(ACCESS_TOKEN, Zeroizing::new(token.to_owned()))], expires })
}

/// The project, as the field is called.
pub const PROJECT: &str = "project";
const SUBJECT: &str = "the token to exchange";
const DNS_SCOPE: &str = "https://www.googleapis.com/auth/ndev.clouddns.readwrite";
/// What a token that is to take a service account must be for.
const WHOLE_SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const DEFAULT_LIFETIME_SECONDS: u64 = 3600;

/// A file that does not say how to get a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the external account lacks {pointer}; write it anew by `gcloud iam workload-identity-pools create-cred-config` with --credential-source-file"
)]
pub struct ExternalAccountError {
    /// What is missing.
    pub pointer: &'static str,
}
