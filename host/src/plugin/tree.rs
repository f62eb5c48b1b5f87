//! Bodies of requests and replies as one tree that paths select from.

use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 8259.
    Json,
    /// Anything; nothing is read out of it.
    Text,
}

/// Reads JSON strictly: no key twice, also not in another case, at most [`MAX_DEPTH`] levels.
pub fn parse(bytes: &[u8]) -> Result<Value, TreeError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value =
        Strict { depth: 0 }.deserialize(&mut reader).map_err(|error| TreeError::Malformed(error.to_string()))?;
    reader.end().map_err(|error| TreeError::Malformed(error.to_string()))?;
    Ok(value)
}

/// Everything at `path`, where `*` stands for each element of a list: "/result/*/id". The empty path is the root.
pub fn select<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![value];
    for step in path.split('/').skip(1) {
        found = match step {
            "*" => found.into_iter().filter_map(Value::as_array).flatten().collect(),
            key => found.into_iter().filter_map(|value| value.get(key)).collect(),
        };
    }
    found
}

/// The paths of all leaves, list positions written as `*`, with their values.
pub fn leaves(value: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    collect(value, String::new(), &mut found);
    found
}

fn collect<'a>(value: &'a Value, path: String, found: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| collect(value, format!("{path}/{}", step(key)), found));
        }
        Value::Array(list) if !list.is_empty() => {
            list.iter().for_each(|value| collect(value, format!("{path}/*"), found));
        }
        _ => found.push((path, value)),
    }
}

/// A key as a step of a path, so that no key can pass for several steps or for a list.
fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1").replace('*', "~2")
}

/// The text of a leaf: a string as it stands, numbers and booleans as JSON writes them.
pub fn leaf_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The body with the string `text` at `path`, whose parents must be objects or absent.
pub fn insert(body: &[u8], format: Format, path: &str, text: &str) -> Result<Vec<u8>, TreeError> {
    let Format::Json = format else { return Err(TreeError::NotStructured) };
    let mut tree = if body.is_empty() { Value::Object(Map::new()) } else { parse(body)? };
    let mut place = &mut tree;
    for step in path.split('/').skip(1) {
        let map = place.as_object_mut().ok_or_else(|| TreeError::NoPlace(path.to_owned()))?;
        place = map.entry(step).or_insert_with(|| Value::Object(Map::new()));
    }
    *place = Value::from(text);
    Ok(tree.to_string().into_bytes())
}

/// The body without the leaf at `path`, and that leaf.
pub fn cut(body: &[u8], format: Format, path: &str) -> Result<(Vec<u8>, String), TreeError> {
    let Format::Json = format else { return Err(TreeError::NotStructured) };
    let mut tree = parse(body)?;
    let no_place = || TreeError::NoPlace(path.to_owned());
    let (parent, key) = path.rsplit_once('/').ok_or_else(no_place)?;
    let map = tree.pointer_mut(parent).and_then(Value::as_object_mut).ok_or_else(no_place)?;
    let leaf = map.get(key).and_then(leaf_text).ok_or_else(no_place)?;
    map.insert(key.to_owned(), Value::from(""));
    Ok((tree.to_string().into_bytes(), leaf))
}

struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        if self.depth > MAX_DEPTH {
            return Err(de::Error::custom("nested too deeply"));
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Self { depth: self.depth + 1 })? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if !seen.insert(key.to_lowercase()) {
                return Err(de::Error::custom(format!("the key {key:?} stands twice")));
            }
            let value = entries.next_value_seed(Self { depth: self.depth + 1 })?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

const MAX_DEPTH: usize = 32;

/// Why a body could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Not JSON as it must be.
    #[error("the body is not acceptable JSON: {0}")]
    Malformed(String),
    /// Nothing can be found in such a body.
    #[error("the body has no structure")]
    NotStructured,
    /// The path leads nowhere.
    #[error("the body has no place {0}")]
    NoPlace(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_stand_twice_are_refused_in_any_case() {
        for text in [r#"{"name":1,"name":2}"#, r#"{"name":1,"Name":2}"#, r#"{"a":[{"b":1,"B":1}]}"#] {
            assert!(parse(text.as_bytes()).is_err(), "{text} was taken");
        }
        assert!(parse(br#"{"a":{"b":1},"b":2} "#).is_ok());
        assert!(parse(br#"{} {}"#).is_err());
        assert!(parse("[".repeat(100).as_bytes()).is_err());
    }

    #[test]
    fn paths_select_through_lists() {
        let tree = parse(br#"{"r":[{"id":"a","v":[1,2]},{"id":"b"}]}"#).expect("JSON");
        assert_eq!(select(&tree, "/r/*/id"), ["a", "b"]);
        assert_eq!(select(&tree, "/r/*/v/*").len(), 2);
        assert_eq!(select(&tree, "").len(), 1);
        let paths: Vec<String> = leaves(&tree).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["/r/*/id", "/r/*/v/*", "/r/*/v/*", "/r/*/id"]);
    }

    #[test]
    fn a_leaf_is_put_in_and_cut_out() {
        let body = insert(br#"{"a":1}"#, Format::Json, "/auth/key", "k\"y").expect("inserted");
        let (rest, value) = cut(&body, Format::Json, "/auth/key").expect("cut");
        assert_eq!(value, "k\"y");
        assert!(!String::from_utf8_lossy(&rest).contains("k\\\"y"));
        assert!(cut(&body, Format::Json, "/nothing").is_err());
    }
}
