//! Who gives a credential where the fields of a bundled provider hold none.

use std::path::Path;

use super::{CredentialSources, CredentialsError, Resolved, Value, read_text};
use crate::config::aws_chain::{AwsChain, aws_chain};
use crate::config::aws_profile::Profiles;
use crate::config::azure::AzureFields;
use crate::config::azure_zones::AzureZone;
use crate::config::environment::Environment;
use crate::config::google::{CREDENTIALS_VARIABLE, google_source};
use crate::config::supplier::{Giver, Supplier, no_credential};
use crate::identity::aws::AwsSource;
use crate::identity::entra::EntraSource;
use crate::identity::fetch::Patience;
use crate::secure_file::read_private_with;

/// The key of a profile, as values found; of any other source, who gives it.
pub(super) fn from_aws_chain(
    sources: &CredentialSources,
    found: &mut Vec<Value>,
) -> Result<Option<Supplier>, CredentialsError> {
    let environment = Environment(&sources.environment);
    let home = environment.path("HOME");
    let text = |variable: &str, file: &str| {
        let path = environment.path(variable).or_else(|| Some(home.as_ref()?.join(".aws").join(file)));
        path.filter(|path| path.exists()).map(|path| read_text(&path, sources)).transpose()
    };
    let credentials = text("AWS_SHARED_CREDENTIALS_FILE", "credentials")?.unwrap_or_default();
    let config = text("AWS_CONFIG_FILE", "config")?.unwrap_or_default();
    let AwsChain { source, tried } = aws_chain(environment, Profiles { credentials: &credentials, config: &config })?;
    match source {
        None => Err(CredentialsError::NoneGiven { why: no_credential(&tried, None, AWS_REMEDY) }),
        Some(AwsSource::Key(key)) => {
            let place = "an AWS profile".to_owned();
            let value = |(field, text): (&str, _)| Value { field: field.to_owned(), text, place: place.clone() };
            found.extend(key.values.into_iter().map(value));
            Ok(None)
        }
        Some(source) => Ok(Some(Supplier::new(Giver::Aws(source), tried))),
    }
}

/// Who gives a token to Azure's or Google's provider, if its fields hold none.
pub(super) fn supplier_of(
    sources: &CredentialSources,
    resolved: &Resolved,
) -> Result<Option<Supplier>, CredentialsError> {
    match (sources.plugin_id.as_str(), &sources.instance) {
        ("azure", _) => azure_supplier(sources, resolved),
        ("google", None) => google_supplier(sources, resolved),
        _ => Ok(None),
    }
}

fn azure_supplier(sources: &CredentialSources, resolved: &Resolved) -> Result<Option<Supplier>, CredentialsError> {
    let plain = |name: &str| resolved.setting(name);
    // A named instance takes nothing from variables that belong to no instance.
    let environment = Environment(if sources.instance.is_none() { &sources.environment } else { &[] });
    let fields = AzureFields { plain: &plain, has_secret: resolved.secret("client_secret").is_some(), environment };
    let read = |path: &Path| read_private_with(path, &sources.policy()).map_err(CredentialsError::from);
    let mut chain = fields.chain(&read)?;
    // Nor is this machine's identity its own, unless it says so.
    let is_guess = matches!(chain.source, Some(EntraSource::Machine { patience: Patience::Guess, .. }));
    chain.source = chain.source.filter(|_| sources.instance.is_none() || !is_guess);
    let zones = AzureZone::parse_all(resolved.setting("zones").unwrap_or_default())?;
    let giver = chain.source.map(|source| (Giver::Entra(source), chain.tried));
    let is_needed = giver.is_some() || !zones.is_empty();
    Ok(is_needed.then(|| Supplier::with_zones(giver, zones)))
}

fn google_supplier(sources: &CredentialSources, resolved: &Resolved) -> Result<Option<Supplier>, CredentialsError> {
    let json = resolved.secret("service_account");
    let has_project = resolved.setting("project").is_some();
    let source = google_source(json, has_project, Environment(&sources.environment))?;
    Ok(source.map(|source| {
        let tried = match json {
            Some(_) => Vec::new(),
            None => vec![format!("service_account, GCE_SERVICE_ACCOUNT and {CREDENTIALS_VARIABLE} are not set")],
        };
        Supplier::new(Giver::Google(source), tried)
    }))
}

/// The file of Application Default Credentials is the service account's, or says who vouches for it.
pub(super) fn from_google_file(sources: &CredentialSources) -> Result<Option<Value>, CredentialsError> {
    let path = Environment(&sources.environment).path(CREDENTIALS_VARIABLE);
    let Some(path) = path.filter(|_| sources.plugin_id == "google" && sources.instance.is_none()) else {
        return Ok(None);
    };
    let place = path.display().to_string();
    Ok(Some(Value { field: "service_account".to_owned(), text: read_text(&path, sources)?, place }))
}

const AWS_REMEDY: &str =
    "put a key into the file of --credentials, or into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
