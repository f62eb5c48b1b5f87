//! The values of a provider's fields, from files and the environment.
//!
//! For each field the first of these counts:
//! 1. the file of `--credentials`: TOML (flat keys, or tables `[plugin]` and `[plugin.instance]`), certbot's INI, or lego's env-file;
//! 2. `$CREDENTIALS_DIRECTORY/PLUGIN[-INSTANCE]`, such a file, then `PLUGIN[-INSTANCE].FIELD` for one secret;
//! 3. the environment: `ACMITE_PLUGIN[_INSTANCE]_FIELD`, and without an instance the names of the manifest; for secrets
//!    also that name with `_FILE`, the path of a file that holds the value.
//!
//! A named instance takes nothing from the plain plugin's places: it must not end up with another account's token.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use crate::plugin::field::FieldSpec;
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
    let mut resolved = Resolved::default();
    for field in fields {
        let value = match found.iter().position(|value| value.field == field.name) {
            Some(at) => Some(found.remove(at)),
            None => from_places(field, sources)?,
        };
        let value = match value {
            Some(value) => value,
            None => match (&field.default, field.required && field.from.is_none()) {
                (Some(default), _) => Value::new(field, default.clone(), "its default".to_owned()),
                (None, false) => continue,
                (None, true) => return Err(missing(field, sources)),
            },
        };
        take(field, value, &mut resolved)?;
    }
    derive(fields, sources, &mut resolved)?;
    Ok(resolved)
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
    if !field.one_of.is_empty() && !field.one_of.iter().any(|allowed| *allowed == *value.text) {
        return Err(CredentialsError::NotAllowed { field: name, place, allowed: field.one_of.join(", ") });
    }
    resolved.places.push((name.clone(), place));
    if field.secret {
        resolved.secrets.push((name, Zeroizing::new(value.text.as_bytes().to_vec())));
    } else {
        resolved.settings.push((name, value.text.to_string()));
    }
    Ok(())
}

/// Fields that stand inside another one, a key file in JSON.
fn derive(fields: &[FieldSpec], sources: &CredentialSources, resolved: &mut Resolved) -> Result<(), CredentialsError> {
    for field in fields {
        let Some((source, pointer)) = &field.from else { continue };
        if resolved.places.iter().any(|(name, _)| *name == field.name) {
            continue;
        }
        let bytes = resolved.secrets.iter().find(|(name, _)| name == source).map(|(_, bytes)| bytes);
        let json = bytes.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok());
        match json.as_ref().and_then(|json| json.pointer(pointer)).and_then(|v| v.as_str()) {
            Some(text) => take(field, Value::new(field, text.to_owned(), format!("{source}, {pointer}")), resolved)?,
            None if field.required => return Err(missing(field, sources)),
            None => {}
        }
    }
    Ok(())
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

    fn variables(&self, field: &FieldSpec) -> Vec<String> {
        let own = format!("ACMITE_{}_{}", self.stem(), field.name).to_ascii_uppercase().replace(['-', '.'], "_");
        let known = field.env.iter().chain(&field.lego).filter(|_| self.instance.is_none());
        std::iter::once(own).chain(known.cloned()).collect()
    }

    fn variable(&self, name: &str) -> Option<&OsString> {
        self.environment.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

fn read_text(path: &Path, sources: &CredentialSources) -> Result<Zeroizing<String>, CredentialsError> {
    let policy = Policy { credentials_directory: sources.credentials_directory.clone(), ..Policy::default() };
    let bytes = read_private_with(path, &policy)?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| CredentialsError::NotText { place: path.display().to_string() })?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn read_file(path: &Path, fields: &[FieldSpec], sources: &CredentialSources) -> Result<Vec<Value>, CredentialsError> {
    let text = read_text(path, sources)?;
    let pairs = if is_toml(&text) { toml_pairs(path, &text, sources)? } else { line_pairs(path, &text)? };
    let mut values: Vec<Value> = Vec::new();
    for (line, key, value) in pairs {
        let named =
            |f: &&FieldSpec| f.name == key || f.certbot.contains(&key) || f.lego.contains(&key) || f.env.contains(&key);
        let Some(field) = fields.iter().find(named) else {
            let valid = fields.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(CredentialsError::UnknownKey { path: path.to_owned(), line, key, valid });
        };
        if values.iter().any(|v| v.field == field.name) {
            return Err(CredentialsError::Twice { path: path.to_owned(), line, field: field.name.clone() });
        }
        values.push(Value { field: field.name.clone(), text: value, place: format!("{}:{line}", path.display()) });
    }
    Ok(values)
}

type Pair = (usize, String, Zeroizing<String>);

/// certbot's keys begin with `dns_` and lego's are in capitals; all else is TOML.
fn is_toml(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    let Some((key, _)) = first.and_then(|line| line.split_once('=')) else { return true };
    let key = key.trim();
    let exported = key.starts_with("export ") || !key.contains(|c: char| c.is_ascii_lowercase());
    key.starts_with('[') || !(key.starts_with("dns_") || exported)
}

fn line_pairs(path: &Path, text: &str) -> Result<Vec<Pair>, CredentialsError> {
    let mut pairs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let bad = || CredentialsError::Syntax { path: path.to_owned(), line: number + 1, expected: "NAME = VALUE" };
        let (key, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=').ok_or_else(bad)?;
        let value = value.trim();
        let unquoted = ['"', '\''].into_iter().find_map(|q| value.strip_prefix(q)?.strip_suffix(q));
        pairs.push((number + 1, key.trim().to_owned(), Zeroizing::new(unquoted.unwrap_or(value).to_owned())));
    }
    Ok(pairs)
}

fn toml_pairs(path: &Path, text: &str, sources: &CredentialSources) -> Result<Vec<Pair>, CredentialsError> {
    let line_of = |at: usize| text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1;
    // The parser's own message shows the line, and with it the secret.
    let root = DeTable::parse(text).map_err(|error| CredentialsError::Syntax {
        path: path.to_owned(),
        line: line_of(error.span().map_or(0, |span| span.start)),
        expected: "TOML: NAME = \"VALUE\", each name once",
    })?;
    let mut table = root.get_ref();
    if table.values().any(|value| matches!(value.get_ref(), DeValue::Table(_))) {
        let steps = std::iter::once(&sources.plugin_id).chain(&sources.instance);
        for step in steps {
            let Some(DeValue::Table(inner)) = table.get(step.as_str()).map(|value| value.get_ref()) else {
                let name = sources.stem().replacen('-', ".", usize::from(sources.instance.is_some()));
                return Err(CredentialsError::NoTable { path: path.to_owned(), table: name });
            };
            table = inner;
        }
    }
    let mut pairs = Vec::new();
    for (key, value) in table {
        let line = line_of(key.span().start);
        let text = match value.get_ref() {
            DeValue::Table(_) => continue,
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Boolean(yes) => yes.to_string(),
            _ => {
                return Err(CredentialsError::Syntax {
                    path: path.to_owned(),
                    line,
                    expected: "a text, a number, true or false",
                });
            }
        };
        pairs.push((line, key.get_ref().to_string(), Zeroizing::new(text)));
    }
    Ok(pairs)
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
mod tests {
    use super::*;
    use crate::secure_file::write_whole;

    fn fields() -> Vec<FieldSpec> {
        let token = FieldSpec {
            name: "api_token".into(),
            secret: true,
            required: true,
            certbot: vec!["dns_quill_api_token".into()],
            lego: vec!["QUILL_TOKEN".into()],
            ..FieldSpec::default()
        };
        vec![token, FieldSpec { name: "region".into(), default: Some("eu".into()), ..FieldSpec::default() }]
    }

    fn from_file(text: &str, mode: u32, instance: Option<&str>) -> Result<Resolved, CredentialsError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("credentials");
        write_whole(&path, text.as_bytes(), mode).expect("written");
        let instance = instance.map(str::to_owned);
        let sources = CredentialSources { file: Some(path), instance, plugin_id: "quill".into(), ..Default::default() };
        resolve(&fields(), &sources)
    }

    #[test]
    fn each_form_of_file_gives_the_token_and_debug_does_not_show_it() {
        for text in [
            "api_token = \"hush\"",
            "[other]\nx = 1\n[quill]\napi_token = 'hush'",
            "# certbot\ndns_quill_api_token = hush\n",
            "export QUILL_TOKEN=\"hush\"\n",
        ] {
            let resolved = from_file(text, 0o600, None).expect(text);
            assert_eq!(resolved.secrets[0].1.as_slice(), b"hush", "{text}");
            assert_eq!(resolved.settings, [("region".to_owned(), "eu".to_owned())]);
            assert!(!format!("{resolved:?}").contains("hush"));
        }
        let both = "[quill]\napi_token = 'plain'\n[quill.work]\napi_token = 'work'";
        assert_eq!(from_file(both, 0o600, Some("work")).expect("found").secrets[0].1.as_slice(), b"work");
    }

    #[test]
    fn what_is_wrong_is_named_by_line_without_the_secret() {
        let refused = |text, mode| from_file(text, mode, None).expect_err("refused");
        assert!(matches!(refused("api_token = 'x'", 0o644), CredentialsError::Read(SecureReadError::Mode { .. })));
        assert!(matches!(refused("region = 'a'\ntoken = 'x'", 0o600), CredentialsError::UnknownKey { line: 2, .. }));
        assert!(matches!(refused("api_token = ''", 0o600), CredentialsError::Empty { .. }));
        assert!(matches!(refused("region = 'a'", 0o600), CredentialsError::Missing { .. }));
        let bad = refused("region = 'a'\napi_token = hush", 0o600);
        assert!(matches!(bad, CredentialsError::Syntax { line: 2, .. }), "{bad}");
        assert!(!format!("{bad} {bad:?}").contains("hush"));
    }

    #[test]
    fn an_instance_takes_nothing_from_the_variables_of_another() {
        let environment = vec![("QUILL_TOKEN".into(), "hush".into())];
        let mut sources = CredentialSources { environment, plugin_id: "quill".into(), ..Default::default() };
        assert_eq!(resolve(&fields(), &sources).expect("found").secrets[0].1.as_slice(), b"hush");
        sources.instance = Some("work".into());
        assert!(matches!(resolve(&fields(), &sources), Err(CredentialsError::Missing { .. })));
        sources.environment.push(("ACMITE_QUILL_WORK_API_TOKEN".into(), "work".into()));
        assert_eq!(resolve(&fields(), &sources).expect("found").secrets[0].1.as_slice(), b"work");
    }

    #[test]
    fn a_variable_may_name_a_file_for_a_secret_but_not_for_a_setting() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        write_whole(&path, b"hush\n", 0o600).expect("written");
        let environment = ["QUILL_TOKEN_FILE", "ACMITE_QUILL_REGION_FILE"].map(|n| (n.into(), path.clone().into()));
        let environment = environment.to_vec();
        let sources = CredentialSources { environment, plugin_id: "quill".into(), ..Default::default() };
        let resolved = resolve(&fields(), &sources).expect("found");
        assert_eq!(resolved.secrets[0].1.as_slice(), b"hush");
        assert_eq!(resolved.settings, [("region".to_owned(), "eu".to_owned())]);
        write_whole(&path, b"hush\n", 0o644).expect("written");
        assert!(matches!(resolve(&fields(), &sources), Err(CredentialsError::Read(_))));
    }

    #[test]
    fn the_credentials_directory_holds_a_file_for_the_plugin_or_for_one_secret() {
        for (name, text) in [("quill", "api_token = 'hush'"), ("quill.api_token", "hush\n")] {
            let folder = tempfile::tempdir().expect("a folder");
            write_whole(&folder.path().join(name), text.as_bytes(), 0o400).expect("written");
            let credentials_directory = Some(folder.path().to_owned());
            let sources = CredentialSources { credentials_directory, plugin_id: "quill".into(), ..Default::default() };
            assert_eq!(resolve(&fields(), &sources).expect(name).secrets[0].1.as_slice(), b"hush");
        }
    }
}
