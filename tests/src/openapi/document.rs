//! A description as it is read from its file, and what stands where in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::openapi::schema::{self, Side};

/// An OpenAPI document.
pub struct Description {
    requests: Value,
    replies: Value,
    /// The path of its first server, which stands before all paths.
    base: String,
    validators: Mutex<BTreeMap<(Side, String), Arc<Validator>>>,
}

/// One method at one path.
pub(super) struct Operation {
    /// JSON pointer to it, RFC 6901.
    pub(super) pointer: String,
    /// Decoded values of the variables in the path.
    pub(super) variables: BTreeMap<String, String>,
}

/// Reads YAML.
///
/// # Errors
/// If it cannot be read or is no YAML.
pub fn read(path: &Path) -> Result<Value, ReadError> {
    let text = std::fs::read_to_string(path)?;
    Ok(serde_saphyr::from_str(&text)?)
}

impl Description {
    /// Takes a parsed document.
    pub fn new(document: &Value) -> Self {
        let server = document.pointer("/servers/0/url").and_then(Value::as_str).unwrap_or_default();
        let path =
            server.split_once("://").map_or(server, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
        let base = format!("/{}", path.trim_matches('/'));
        Self {
            requests: schema::normalised(document, Side::Request),
            replies: schema::normalised(document, Side::Reply),
            base: base.trim_end_matches('/').to_owned(),
            validators: Mutex::default(),
        }
    }

    /// The operation of a method at a path as sent. Words in a path win over its variables.
    pub(super) fn operation(&self, method: &str, path: &str) -> Option<Operation> {
        let path = path.strip_prefix(&self.base)?;
        let paths = self.requests["paths"].as_object()?;
        let matching = paths.keys().filter_map(|template| Some((template, variables(template, path)?)));
        let (template, variables) = matching.min_by_key(|(_, variables)| variables.len())?;
        let pointer = format!("/paths/{}", escaped(template));
        let operation = format!("{pointer}/{}", method.to_ascii_lowercase());
        self.requests.pointer(&operation).map(|_| Operation { pointer: operation, variables })
    }

    /// Whether there is such an operation.
    pub fn has(&self, method: &str, path: &str) -> bool {
        self.operation(method, path).is_some()
    }

    /// Where a pointer leads when references are followed at its end, and what is there.
    pub(super) fn at(&self, pointer: &str) -> Option<(String, &Value)> {
        let value = self.requests.pointer(pointer)?;
        match value["$ref"].as_str().and_then(|to| to.strip_prefix('#')) {
            Some(to) => self.at(to),
            None => Some((pointer.to_owned(), value)),
        }
    }

    /// The parameters of an operation and of its path, each with the pointer to it.
    pub(super) fn parameters(&self, operation: &str) -> Vec<(String, &Value)> {
        let path = operation.rsplit_once('/').map_or("", |(path, _)| path);
        let lists = [path, operation].map(|at| format!("{at}/parameters"));
        let count = |list: &String| self.requests.pointer(list).and_then(Value::as_array).map_or(0, Vec::len);
        let all = lists.iter().flat_map(|list| (0..count(list)).map(move |index| format!("{list}/{index}")));
        all.filter_map(|pointer| self.at(&pointer)).collect()
    }

    /// What a value breaks of the schema at a pointer.
    ///
    /// # Panics
    /// If there is no schema that can be understood.
    pub(super) fn broken(&self, side: Side, pointer: &str, value: &Value) -> Vec<String> {
        let validator = self.validator(side, pointer);
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    fn validator(&self, side: Side, pointer: &str) -> Arc<Validator> {
        let key = (side, pointer.to_owned());
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let document = if side == Side::Request { &self.requests } else { &self.replies };
        let made = || Arc::new(schema::validator(document, side, pointer));
        Arc::clone(validators.entry(key).or_insert_with(made))
    }
}

/// The values of a path's variables, if it is a path of this template.
fn variables(template: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (names, parts): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    let mut variables = BTreeMap::new();
    for (name, part) in names.iter().zip(&parts) {
        match name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !part.is_empty() => {
                variables.insert(name.to_owned(), percent_decode_str(part).decode_utf8().ok()?.into_owned());
            }
            _ if name != part => return None,
            _ => {}
        }
    }
    (names.len() == parts.len()).then_some(variables)
}

/// As one token of a JSON pointer.
pub(super) fn escaped(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// Why a description cannot be used.
#[derive(Debug)]
pub enum ReadError {
    /// The file cannot be read.
    File(std::io::Error),
    /// It is no YAML.
    Yaml(Box<serde_saphyr::Error>),
}

impl From<std::io::Error> for ReadError {
    fn from(error: std::io::Error) -> Self {
        Self::File(error)
    }
}

impl From<serde_saphyr::Error> for ReadError {
    fn from(error: serde_saphyr::Error) -> Self {
        Self::Yaml(Box::new(error))
    }
}
