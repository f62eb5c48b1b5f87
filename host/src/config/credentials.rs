//! The values of a provider's fields, from files and the environment.
//!
//! For each field the first of these counts:
//! 1. the file of `--credentials`: TOML (flat keys, or tables `[plugin]` and `[plugin.instance]`), certbot's INI, or lego's env-file;
//! 2. `$CREDENTIALS_DIRECTORY/PLUGIN[-INSTANCE]`, such a file, then `PLUGIN[-INSTANCE].FIELD` for one secret;
//! 3. the environment: `ACMITE_PLUGIN[_INSTANCE]_FIELD`, and without an instance the names of the manifest; for secrets
//!    also that name with `_FILE`, the path of a file that holds the value.
//!
//! Where Route 53 finds no part of a key there, it looks where AWS's tools look ([`aws_chain`]): a key out of a profile
//! counts at once, one that somebody gives is fetched by the [`Supplier`] when a call needs it. A field's alias, as another tool writes it, counts as the value it stands for.
//!
//! A named instance takes nothing from the plain plugin's places: it must not end up with another account's token.

mod files;
mod givers;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::config::aws_chain::ProfileError;
use crate::config::azure::AzureError;
use crate::config::azure_zones::AzureZoneError;
use crate::config::credentials::files::read_file;
use crate::config::credentials::givers::{from_aws_chain, from_google_file, supplier_of};
use crate::config::environment::Environment;
use crate::config::google::GoogleError;
use crate::config::supplier::Supplier;
use crate::plugin::field::{FieldSpec, own_variable};
use crate::secure_file::{Policy, SecureReadError, read_private_with};

/// Where values may come from.
#[derive(Clone, Default)]
pub struct CredentialSources {
    /// The file of `--credentials`.
    pub file: Option<PathBuf>,
    /// The environment as it was at the start.
    pub environment: Vec<(OsString, OsString)>,
    /// systemd's `$CREDENTIALS_DIRECTORY`.
    pub credentials_directory: Option<PathBuf>,
    /// The instance of the provider, `work` in `cloudflare:work`.
    pub instance: Option<String>,
    /// The provider's id.
    pub plugin_id: String,
}

impl fmt::Debug for CredentialSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialSources").field("file", &self.file).finish_non_exhaustive()
    }
}

/// The values found.
#[derive(Default)]
pub struct Resolved {
    /// Fields that are no secrets.
    pub settings: Vec<(String, String)>,
    /// Secret fields.
    pub secrets: Vec<(String, Zeroizing<Vec<u8>>)>,
    /// The place that each field's value came from.
    pub places: Vec<(String, String)>,
    /// Who gives the rest at each call.
    pub supplier: Option<Arc<Supplier>>,
}

impl Resolved {
    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn secret(&self, name: &str) -> Option<&[u8]> {
        self.secrets.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolved")
            .field("settings", &self.settings)
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}

/// Finds and checks a value for every field.
pub fn resolve(fields: &[FieldSpec], sources: &CredentialSources) -> Result<Resolved, CredentialsError> {
    let mut found = Vec::new();
    if let Some(path) = &sources.file {
        found.extend(read_file(path, fields, sources)?);
    }
    if let Some(folder) = &sources.credentials_directory {
        let path = folder.join(sources.stem());
        if path.exists() {
            found.extend(read_file(&path, fields, sources)?);
        }
    }
    for field in fields {
        if !found.iter().any(|value| value.field == field.name) {
            found.extend(from_places(field, sources)?);
        }
    }
    let supplier = match sources.takes_aws_profiles() && !found.iter().any(|v| AWS_KEY.contains(&v.field.as_str())) {
        true => from_aws_chain(sources, &mut found)?.map(Arc::new),
        false => None,
    };
    if !found.iter().any(|value| value.field == "service_account") {
        found.extend(from_google_file(sources)?);
    }
    let mut resolved = Resolved { supplier, ..Resolved::default() };
    let mut absent = Vec::new();
    for field in fields {
        let value = found.iter().position(|value| value.field == field.name).map(|at| found.remove(at));
        match (value, &field.default) {
            (Some(value), _) => take(field, value, &mut resolved)?,
            (None, Some(default)) => {
                take(field, Value::new(field, default.clone(), "its default".to_owned()), &mut resolved)?;
            }
            (None, None) => absent.push(field),
        }
    }
    absent.retain(|field| field.from.is_none());
    absent.extend(derive(fields, &mut resolved)?);
    if let Some(supplier) = supplier_of(sources, &resolved)? {
        resolved.supplier = Some(Arc::new(supplier));
    }
    let gives = |field: &FieldSpec| resolved.supplier.as_ref().is_some_and(|supplier| supplier.gives(&field.name));
    let stands = |name: &String| resolved.places.iter().any(|(known, _)| known == name);
    let is_replaced = |field: &FieldSpec| field.unless.as_ref().is_some_and(stands);
    match absent.into_iter().find(|field| field.required && !gives(field) && !is_replaced(field)) {
        Some(field) => Err(missing(field, sources)),
        None => Ok(resolved),
    }
}

struct Value {
    field: String,
    text: Zeroizing<String>,
    place: String,
}

impl Value {
    fn new(field: &FieldSpec, text: String, place: String) -> Self {
        Self { field: field.name.clone(), text: Zeroizing::new(text), place }
    }
}

fn take(field: &FieldSpec, value: Value, resolved: &mut Resolved) -> Result<(), CredentialsError> {
    let (name, place) = (field.name.clone(), value.place);
    if value.text.trim().is_empty() {
        return Err(CredentialsError::Empty { field: name, place });
    }
    if value.text.contains(['\r', '\0']) {
        return Err(CredentialsError::ForbiddenCharacter { field: name, place });
    }
    let text = field.alias.get(value.text.as_str()).unwrap_or(&value.text);
    if !field.one_of.is_empty() && !field.one_of.contains(text) {
        return Err(CredentialsError::NotAllowed { field: name, place, allowed: field.one_of.join(", ") });
    }
    if let Some(warning) = &field.warning {
        tracing::warn!(field = name, place, "{warning}");
    }
    resolved.places.push((name.clone(), place));
    if field.secret {
        resolved.secrets.push((name, Zeroizing::new(text.as_bytes().to_vec())));
    } else {
        resolved.settings.push((name, text.clone()));
    }
    Ok(())
}

/// The fields that a key consists of: they come from one place.
const AWS_KEY: [&str; 3] = ["access_key_id", "secret_access_key", "session_token"];

/// Fields that stand inside another one, a key file in JSON; gives those that do not.
fn derive<'a>(fields: &'a [FieldSpec], resolved: &mut Resolved) -> Result<Vec<&'a FieldSpec>, CredentialsError> {
    let mut absent = Vec::new();
    for field in fields {
        let Some((source, pointer)) = &field.from else { continue };
        if resolved.places.iter().any(|(name, _)| *name == field.name) {
            continue;
        }
        let text = match pointer.is_empty() {
            true => resolved.setting(source).map(str::to_owned),
            false => {
                let json = resolved.secret(source).and_then(|bytes| serde_json::from_slice(bytes).ok());
                json.and_then(|json: serde_json::Value| json.pointer(pointer)?.as_str().map(str::to_owned))
            }
        };
        match text {
            Some(text) => take(field, Value::new(field, text, format!("{source}, {pointer}")), resolved)?,
            None => absent.push(field),
        }
    }
    Ok(absent)
}

fn from_places(field: &FieldSpec, sources: &CredentialSources) -> Result<Option<Value>, CredentialsError> {
    if let (true, Some(folder)) = (field.secret, &sources.credentials_directory) {
        let path = folder.join(format!("{}.{}", sources.stem(), field.name));
        if path.exists() {
            return one_value(&path, field, sources).map(Some);
        }
    }
    for name in sources.variables(field) {
        if let Some(value) = sources.variable(&name) {
            let place = format!("the environment variable {name}");
            let text = value.to_str().ok_or_else(|| CredentialsError::NotText { place: place.clone() })?;
            return Ok(Some(Value::new(field, text.to_owned(), place)));
        }
        let by_file = format!("{name}_FILE");
        if let (true, Some(path)) = (field.secret, sources.variable(&by_file)) {
            return one_value(Path::new(path), field, sources).map(Some);
        }
    }
    Ok(None)
}

fn one_value(path: &Path, field: &FieldSpec, sources: &CredentialSources) -> Result<Value, CredentialsError> {
    let text = read_text(path, sources)?;
    let trimmed = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Value::new(field, trimmed.to_owned(), path.display().to_string()))
}

impl CredentialSources {
    fn stem(&self) -> String {
        match &self.instance {
            Some(instance) => format!("{}-{instance}", self.plugin_id),
            None => self.plugin_id.clone(),
        }
    }

    fn policy(&self) -> Policy {
        Policy { credentials_directory: self.credentials_directory.clone(), ..Policy::default() }
    }

    fn variables(&self, field: &FieldSpec) -> Vec<String> {
        let own = own_variable(&self.stem(), &field.name);
        let known = field.env.iter().chain(&field.lego).filter(|_| self.instance.is_none());
        std::iter::once(own).chain(known.cloned()).collect()
    }

    /// Only the bundled provider has this id.
    fn takes_aws_profiles(&self) -> bool {
        self.plugin_id == "route53" && self.instance.is_none()
    }

    fn variable(&self, name: &str) -> Option<&OsStr> {
        Environment(&self.environment).value(name)
    }
}

fn read_text(path: &Path, sources: &CredentialSources) -> Result<Zeroizing<String>, CredentialsError> {
    let bytes = read_private_with(path, &sources.policy())?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| CredentialsError::NotText { place: path.display().to_string() })?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn missing(field: &FieldSpec, sources: &CredentialSources) -> CredentialsError {
    let variable = sources.variables(field).swap_remove(0);
    CredentialsError::Missing { field: field.name.clone(), help: field.help.clone(), variable }
}

/// Why a provider has no usable credentials. Values are never shown.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file may not be read, or is open to others.
    #[error(transparent)]
    Read(#[from] SecureReadError),
    /// A value is not UTF-8.
    #[error("{place} is not UTF-8 text; write it anew")]
    NotText {
        /// File or variable.
        place: String,
    },
    /// A line cannot be understood.
    #[error("{}:{line}: not understood; expected {expected}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// The file has tables, but not the one asked for.
    #[error("{}: has no table [{table}]; add it", path.display())]
    NoTable {
        /// The file.
        path: PathBuf,
        /// Its name.
        table: String,
    },
    /// A key that the provider does not know.
    #[error("{}:{line}: unknown field {key:?}; the fields are: {valid}", path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// As it stands there.
        key: String,
        /// The names that may stand there.
        valid: String,
    },
    /// One field has two values in a file.
    #[error("{}:{line}: {field} has a value already; remove one", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The field.
        field: String,
    },
    /// An AWS profile gives no key.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// What is said of Azure cannot be used.
    #[error(transparent)]
    Azure(#[from] AzureError),
    /// A zone's line cannot be read.
    #[error(transparent)]
    AzureZone(#[from] AzureZoneError),
    /// What is said of Google cannot be used.
    #[error(transparent)]
    Google(#[from] GoogleError),
    /// Nobody is there who could give one.
    #[error("{why}")]
    NoneGiven {
        /// What was looked for, and what to do.
        why: String,
    },
    /// A value is empty.
    #[error("{field} is empty in {place}; give it a value or remove it")]
    Empty {
        /// The field.
        field: String,
        /// File and line, or variable.
        place: String,
    },
    /// A value holds CR or NUL.
    #[error("{field} in {place} holds a carriage return or a zero byte; write it with Unix line ends")]
    ForbiddenCharacter {
        /// The field.
        field: String,
        /// File and line, or variable.
        place: String,
    },
    /// A value is not one of those allowed.
    #[error("{field} in {place} must be one of: {allowed}")]
    NotAllowed {
        /// The field.
        field: String,
        /// File and line, or variable.
        place: String,
        /// The values allowed.
        allowed: String,
    },
    /// A required field has no value.
    #[error("{field} is missing ({help}); put it into the file of --credentials, or into the variable {variable}")]
    Missing {
        /// The field.
        field: String,
        /// What it is.
        help: String,
        /// A variable that may hold it.
        variable: String,
    },
}

#[cfg(test)]
mod tests;
