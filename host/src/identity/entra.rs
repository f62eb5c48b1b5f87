//! Tokens of Microsoft Entra ID for Azure: by a signed assertion, or by the identity of a machine, a function or a pod.
//!
//! "Microsoft identity platform and the OAuth 2.0 client credentials flow", "How to use managed identities for Azure
//! resources on an Azure VM to acquire an access token" and, for App Service, "How to use managed identities" (seen
//! 2026-11-28).

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::identity::entra_certificate::EntraCertificate;
use crate::identity::fetch::{Answer, Ask, FetchError, Fetcher, Patience, token_file};
use crate::identity::grant::{ACCESS_TOKEN, Grant};

/// A giver of a token.
#[derive(Clone, Debug)]
pub enum EntraSource {
    /// An application that proves itself by an assertion in the place of a secret.
    Application {
        /// The login server, "https://login.microsoftonline.com".
        login: String,
        /// The directory.
        tenant: String,
        /// The application.
        client_id: String,
        /// How it proves itself.
        proof: Proof,
        /// The API that the token is for, "https://management.azure.com".
        resource: String,
    },
    /// The identity of a machine.
    Machine {
        /// The metadata service, "http://169.254.169.254".
        endpoint: String,
        /// Which of its identities; its own if none is named.
        client_id: Option<String>,
        /// The API that the token is for.
        resource: String,
        /// Whether the service is known to be there.
        patience: Patience,
    },
    /// The identity of an app or a function.
    App {
        /// Whom to ask.
        endpoint: String,
        /// What to show there.
        header: AppHeader,
        /// Which of its identities; its own if none is named.
        client_id: Option<String>,
        /// The API that the token is for.
        resource: String,
    },
}

/// How an application proves itself.
#[derive(Clone, Debug)]
pub enum Proof {
    /// By a token of another identity provider, which others write anew into this file.
    Federated(PathBuf),
    /// By a certificate's key.
    Certificate(EntraCertificate),
}

/// What an app shows to get a token.
#[derive(Clone)]
pub struct AppHeader(pub Zeroizing<String>);

impl fmt::Debug for AppHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppHeader")
    }
}

impl EntraSource {
    /// A token for a call that begins at `now` (Unix seconds).
    pub async fn fetch(&self, fetcher: &Fetcher, now: u64) -> Result<Grant, FetchError> {
        let ask = match self {
            Self::Application { login, tenant, client_id, proof, resource } => {
                let url = format!("{}/{tenant}/oauth2/v2.0/token", login.trim_end_matches('/'));
                let assertion = match proof {
                    Proof::Federated(path) => token_file(LOGIN, path)?,
                    Proof::Certificate(certificate) => certificate.assertion(client_id, &url, now),
                };
                let form = [
                    ("client_id", client_id.as_str()),
                    ("scope", &format!("{resource}/.default")),
                    ("grant_type", "client_credentials"),
                    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                    ("client_assertion", assertion.as_str()),
                ];
                Ask::form(LOGIN, url, &form)
            }
            Self::Machine { endpoint, client_id, resource, patience } => {
                let base = format!("{}/metadata/identity/oauth2/token", endpoint.trim_end_matches('/'));
                let url = identity_url(&base, "2018-02-01", resource, client_id.as_deref());
                Ask::get("the machine's managed identity", url).header("metadata", "true").patience(*patience)
            }
            Self::App { endpoint, header, client_id, resource } => {
                let url = identity_url(endpoint, "2019-08-01", resource, client_id.as_deref());
                Ask::get("the app's managed identity", url).header("x-identity-header", &header.0)
            }
        };
        given(&ask, &fetcher.send(&ask).await?, now)
    }
}

fn identity_url(base: &str, version: &str, resource: &str, client_id: Option<&str>) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    pairs.append_pair("api-version", version).append_pair("resource", &format!("{resource}/"));
    if let Some(client_id) = client_id {
        pairs.append_pair("client_id", client_id);
    }
    format!("{base}?{}", pairs.finish())
}

/// Seconds are a number or a text, as the giver likes.
fn given(ask: &Ask, answer: &Answer, now: u64) -> Result<Grant, FetchError> {
    let json = answer.json();
    let token = json["access_token"].as_str().filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| ask.lacks("access_token"))?;
    let number = |key: &str| match &json[key] {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    };
    let expires = number("expires_on").or_else(|| number("expires_in").map(|seconds: u64| now + seconds));
    Ok(Grant { values: vec![(ACCESS_TOKEN, Zeroizing::new(token.to_owned()))], expires })
}

const LOGIN: &str = "Microsoft Entra ID";
