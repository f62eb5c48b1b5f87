//! Files of settings and secrets: TOML, certbot's INI, lego's variables, and a key file in JSON as it is.

use std::path::Path;

use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::{CredentialSources, CredentialsError, Value, read_text};
use crate::plugin::field::FieldSpec;
use crate::words::one_line;

/// The fields that a file has values for.
pub(super) fn read_file(
    path: &Path,
    fields: &[FieldSpec],
    sources: &CredentialSources,
) -> Result<Vec<Value>, CredentialsError> {
    let text = read_text(path, sources)?;
    if let (true, Some(field)) = (text.trim_start().starts_with('{'), fields.iter().find(|field| field.is_json(fields)))
    {
        return Ok(vec![Value { field: field.name.clone(), text, place: path.display().to_string() }]);
    }
    let is_ours = is_toml(&text);
    let pairs = if is_ours { toml_pairs(path, &text, sources)? } else { line_pairs(path, &text)? };
    let mut values: Vec<Value> = Vec::new();
    for (line, key, value) in pairs {
        let named =
            |f: &&FieldSpec| f.name == key || is_certbots(f, &key) || f.lego.contains(&key) || f.env.contains(&key);
        let Some(field) = fields.iter().find(named) else {
            if is_ours {
                let valid = fields.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ");
                return Err(CredentialsError::UnknownKey { path: path.to_owned(), line, key, valid });
            }
            // A file for another client says more than concerns acmite.
            tracing::warn!(place = format!("{}:{line}", path.display()), "{} is passed over", one_line(&key));
            continue;
        };
        let earlier = values.iter_mut().find(|value| value.field == field.name);
        if let (Some(earlier), true) = (earlier, field.name != key && has_many(field)) {
            earlier.text = Zeroizing::new(format!("{}\n{}", earlier.text.as_str(), value.as_str()));
            continue;
        }
        if values.iter().any(|v| v.field == field.name) {
            return Err(CredentialsError::Twice { path: path.to_owned(), line, field: field.name.clone() });
        }
        values.push(Value { field: field.name.clone(), text: value, place: format!("{}:{line}", path.display()) });
    }
    Ok(values)
}

/// Whether certbot calls the field so; `dns_azure_zone*` stands for a name with a number at its end.
fn is_certbots(field: &FieldSpec, key: &str) -> bool {
    field.certbot.iter().any(|name| match name.strip_suffix('*') {
        Some(begin) => key.strip_prefix(begin).is_some_and(|end| end.bytes().all(|b| b.is_ascii_digit())),
        None => name == key,
    })
}

/// Whether several lines of certbot's make one value.
fn has_many(field: &FieldSpec) -> bool {
    field.certbot.iter().any(|name| name.ends_with('*'))
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
