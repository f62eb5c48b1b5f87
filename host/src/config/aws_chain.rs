//! Where a key for Route 53 comes from, when no field holds one: what the tools of AWS look through, in their order.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html> and the pages on assumed roles,
//! containers and instance metadata beside it (seen 2026-11-28).

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::config::aws_profile::{DEFAULT_PROFILE, Profile, Profiles};
use crate::config::environment::Environment;
use crate::identity::aws::{AwsSource, ContainerAuthorization};
use crate::identity::aws_role::{ACCESS_KEY_ID, Role, SECRET_ACCESS_KEY, SESSION_TOKEN, StsEndpoint};
use crate::identity::fetch::Patience;
use crate::identity::grant::Grant;

/// The first source there is, and why those before it were passed over.
#[derive(Debug)]
pub struct AwsChain {
    /// `None` if there is none to ask.
    pub source: Option<AwsSource>,
    /// Each source and why it is not usable.
    pub tried: Vec<String>,
}

/// Looks through the sources; nobody is asked yet.
pub fn aws_chain(environment: Environment<'_>, profiles: Profiles<'_>) -> Result<AwsChain, ProfileError> {
    let chain = Chain { environment, profiles };
    let mut tried = vec!["AWS_ACCESS_KEY_ID is not set".to_owned()];
    if let Some(source) = chain.web_identity(&mut tried) {
        return Ok(AwsChain { source: Some(source), tried });
    }
    if let Some(source) = chain.default_profile(&mut tried)? {
        return Ok(AwsChain { source: Some(source), tried });
    }
    let source = chain.container(&mut tried).or_else(|| chain.instance(Patience::Guess, &mut tried));
    Ok(AwsChain { source, tried })
}

struct Chain<'a> {
    environment: Environment<'a>,
    profiles: Profiles<'a>,
}

impl Chain<'_> {
    fn web_identity(&self, tried: &mut Vec<String>) -> Option<AwsSource> {
        let token = self.environment.path("AWS_WEB_IDENTITY_TOKEN_FILE");
        match (token, self.environment.text("AWS_ROLE_ARN")) {
            (Some(token), Some(arn)) => {
                let role = self.role(arn, None);
                Some(AwsSource::WebIdentity { token, role, sts: self.sts(None) })
            }
            (token, _) => {
                let missing = if token.is_some() { "AWS_ROLE_ARN" } else { "AWS_WEB_IDENTITY_TOKEN_FILE" };
                tried.push(format!("web identity: {missing} is not set"));
                None
            }
        }
    }

    fn default_profile(&self, tried: &mut Vec<String>) -> Result<Option<AwsSource>, ProfileError> {
        let named = self.environment.text("AWS_PROFILE");
        let name = named.unwrap_or(DEFAULT_PROFILE);
        match (self.profiles.named(name), named) {
            (Some(profile), _) => {
                let source = self.of_profile(name, &profile, &mut Vec::new())?;
                if source.is_none() {
                    tried.push(format!("profile {name}: it has no key and no role"));
                }
                Ok(source)
            }
            (None, Some(name)) => Err(ProfileError::Absent { profile: name.to_owned() }),
            (None, None) => {
                tried.push("profile default: neither ~/.aws/credentials nor ~/.aws/config has it".to_owned());
                Ok(None)
            }
        }
    }

    /// A role counts before a key that stands beside it, unless the profile is its own source.
    fn of_profile(
        &self,
        name: &str,
        profile: &Profile<'_>,
        above: &mut Vec<String>,
    ) -> Result<Option<AwsSource>, ProfileError> {
        let is_own_source = above.last().is_some_and(|last| last == name);
        if let (false, Some(arn)) = (is_own_source, profile.value("role_arn")) {
            if above.iter().any(|known| known == name) || above.len() >= LONGEST_CHAIN {
                return Err(ProfileError::Circle { profile: name.to_owned() });
            }
            return self.of_role(name, profile, arn, above).map(Some);
        }
        if let Some(key) = ELSEWHERE.into_iter().find(|key| profile.value(key).is_some()) {
            return Err(ProfileError::Elsewhere { profile: name.to_owned(), key });
        }
        let text = |key: &str| profile.value(key).map(|text| Zeroizing::new(text.to_owned()));
        match (text("aws_access_key_id"), text("aws_secret_access_key")) {
            (Some(id), Some(secret)) => {
                let mut values = vec![(ACCESS_KEY_ID, id), (SECRET_ACCESS_KEY, secret)];
                values.extend(text("aws_session_token").map(|token| (SESSION_TOKEN, token)));
                Ok(Some(AwsSource::Key(Grant { values, expires: None })))
            }
            (None, None) => Ok(None),
            _ => Err(ProfileError::Half { profile: name.to_owned() }),
        }
    }

    fn of_role(
        &self,
        name: &str,
        profile: &Profile<'_>,
        arn: &str,
        above: &mut Vec<String>,
    ) -> Result<AwsSource, ProfileError> {
        let (role, sts) = (self.role(arn, Some(profile)), self.sts(profile.value("region")));
        let wrong = |key, why| ProfileError::Role { profile: name.to_owned(), key, why };
        if profile.value("mfa_serial").is_some() {
            return Err(wrong("mfa_serial", "asks for a code at each use, which nobody types; use a role without it"));
        }
        if let Some(token) = profile.value("web_identity_token_file") {
            return Ok(AwsSource::WebIdentity { token: PathBuf::from(token), role, sts });
        }
        let mut tried = Vec::new();
        let with = match (profile.value("source_profile"), profile.value("credential_source")) {
            (Some(source), None) => {
                let found = self.profiles.named(source).ok_or_else(|| wrong("source_profile", "names no profile"))?;
                above.push(name.to_owned());
                self.of_profile(source, &found, above)?.ok_or_else(|| wrong("source_profile", "has no key"))?
            }
            (None, Some("Environment")) => self
                .key_of_environment()
                .ok_or_else(|| wrong("credential_source", "is Environment, and AWS_ACCESS_KEY_ID is not set"))?,
            (None, Some("EcsContainer")) => self
                .container(&mut tried)
                .ok_or_else(|| wrong("credential_source", "is EcsContainer, and this is no such container"))?,
            (None, Some("Ec2InstanceMetadata")) => self
                .instance(Patience::Known, &mut tried)
                .ok_or_else(|| wrong("credential_source", "is barred by AWS_EC2_METADATA_DISABLED"))?,
            _ => {
                let why = "needs one of source_profile and credential_source (Environment, EcsContainer or \
                           Ec2InstanceMetadata)";
                return Err(wrong("role_arn", why));
            }
        };
        Ok(AwsSource::Role { with: Box::new(with), role, sts })
    }

    fn role(&self, arn: &str, profile: Option<&Profile<'_>>) -> Role {
        let value = |key: &str| profile.and_then(|profile| profile.value(key));
        let session_name = match profile {
            Some(_) => value("role_session_name"),
            None => self.environment.text("AWS_ROLE_SESSION_NAME"),
        };
        Role {
            arn: arn.to_owned(),
            session_name: session_name.unwrap_or(SESSION_NAME).to_owned(),
            external_id: value("external_id").map(str::to_owned),
            duration_seconds: value("duration_seconds").map(str::to_owned),
        }
    }

    fn sts(&self, region: Option<&str>) -> StsEndpoint {
        let of_environment =
            ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| self.environment.text(name));
        StsEndpoint::new(of_environment.or(region), self.environment.text("AWS_ENDPOINT_URL_STS"))
    }

    fn key_of_environment(&self) -> Option<AwsSource> {
        let text = |name: &str| self.environment.text(name).map(|text| Zeroizing::new(text.to_owned()));
        let mut values =
            vec![(ACCESS_KEY_ID, text("AWS_ACCESS_KEY_ID")?), (SECRET_ACCESS_KEY, text("AWS_SECRET_ACCESS_KEY")?)];
        values.extend(text("AWS_SESSION_TOKEN").map(|token| (SESSION_TOKEN, token)));
        Some(AwsSource::Key(Grant { values, expires: None }))
    }

    fn container(&self, tried: &mut Vec<String>) -> Option<AwsSource> {
        let relative = self.environment.text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let url = match (relative, self.environment.text("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
            (Some(path), _) => format!("{CONTAINER_ENDPOINT}/{}", path.trim_start_matches('/')),
            (None, Some(url)) => url.to_owned(),
            (None, None) => {
                tried.push("container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set".to_owned());
                return None;
            }
        };
        let file = self.environment.path("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        let authorization = match (file, self.environment.text("AWS_CONTAINER_AUTHORIZATION_TOKEN")) {
            (Some(path), _) => ContainerAuthorization::File(path),
            (None, Some(token)) => ContainerAuthorization::Value(Zeroizing::new(token.to_owned())),
            (None, None) => ContainerAuthorization::None,
        };
        Some(AwsSource::Container { url, authorization })
    }

    fn instance(&self, patience: Patience, tried: &mut Vec<String>) -> Option<AwsSource> {
        let disabled = self.environment.text("AWS_EC2_METADATA_DISABLED");
        if disabled.is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            tried.push("instance metadata: AWS_EC2_METADATA_DISABLED is set".to_owned());
            return None;
        }
        let by_ipv6 = self.environment.text("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
        let known = match by_ipv6 {
            Some(mode) if mode.eq_ignore_ascii_case("ipv6") => INSTANCE_ENDPOINT_IPV6,
            _ => INSTANCE_ENDPOINT,
        };
        let endpoint = self.environment.text("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or(known).to_owned();
        Some(AwsSource::Instance { endpoint, patience })
    }
}

const SESSION_NAME: &str = "acmite";
const CONTAINER_ENDPOINT: &str = "http://169.254.170.2";
const INSTANCE_ENDPOINT: &str = "http://169.254.169.254";
const INSTANCE_ENDPOINT_IPV6: &str = "http://[fd00:ec2::254]";
const LONGEST_CHAIN: usize = 5;
/// Keys that say that a program or a person gives the key.
const ELSEWHERE: [&str; 3] = ["credential_process", "sso_session", "sso_start_url"];

/// Why a profile gives no key. Values are never shown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The key comes from a party that acmite does not ask.
    #[error(
        "the AWS profile {profile:?} takes its key by {key}, which acmite does not do; run `aws configure export-credentials --profile {profile} --format env` and put what it prints into the environment"
    )]
    Elsewhere {
        /// Its name.
        profile: String,
        /// What says so.
        key: &'static str,
    },
    /// Only one half of the key is there.
    #[error("the AWS profile {profile:?} has only one of aws_access_key_id and aws_secret_access_key; add the other")]
    Half {
        /// Its name.
        profile: String,
    },
    /// `AWS_PROFILE` names what is in neither file.
    #[error(
        "there is no key for the AWS profile {profile:?}; set AWS_PROFILE to one of ~/.aws/credentials or ~/.aws/config, or unset it"
    )]
    Absent {
        /// As it was given.
        profile: String,
    },
    /// A role cannot be taken as the profile says.
    #[error("the AWS profile {profile:?}: {key} {why}; correct it")]
    Role {
        /// Its name.
        profile: String,
        /// The key.
        key: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// Profiles name each other as sources.
    #[error("the AWS profile {profile:?} is its own source by way of others; let source_profile end at one with a key")]
    Circle {
        /// Its name.
        profile: String,
    },
}

#[cfg(test)]
mod tests;
