//! Schemas of OpenAPI as JSON Schema 2020-12 has them.
//!
//! OpenAPI 3.1 uses that dialect; 3.0 says `nullable` and Boolean `exclusiveMinimum` in its place ("Schema Object" of
//! OpenAPI 3.0.3), and ignores what stands beside a `$ref` ("Reference Object").

use jsonschema::{Draft, Validator};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value, json};

/// Who sends what a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// The client: no member that is not described, none that is read-only.
    Request,
    /// The API, which may say more than is described.
    Reply,
}

/// The whole document with its schemas rewritten for one side.
pub(super) fn normalised(document: &Value, side: Side) -> Value {
    let is_3_0 = document["openapi"].as_str().is_some_and(|version| version.starts_with("3.0"));
    let mut document = document.clone();
    walk(&mut document, &Rewrite { is_3_0, side }, Place::Node);
    document
}

/// A validator for the schema at a pointer of a document.
///
/// # Panics
/// If it is no schema.
pub(super) fn validator(document: &Value, side: Side, pointer: &str) -> Validator {
    let reference = format!("#{}", utf8_percent_encode(pointer, FRAGMENT));
    let mut root = document.clone();
    root["$ref"] = reference.into();
    if side == Side::Request {
        root["unevaluatedProperties"] = json!(false);
    }
    let built = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true).build(&root);
    built.unwrap_or_else(|error| panic!("{pointer} is no schema: {error}"))
}

/// What a pointer may hold and a fragment may not, RFC 3986 section 3.5.
const FRAGMENT: &AsciiSet = &CONTROLS.add(b'{').add(b'}').add(b'%').add(b' ');

struct Rewrite {
    is_3_0: bool,
    side: Side,
}

/// What the members of an object are.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Keywords.
    Node,
    /// Names given by the description, as of properties.
    Names,
}

fn walk(value: &mut Value, rewrite: &Rewrite, place: Place) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, rewrite, Place::Node)),
        Value::Object(members) => {
            if place == Place::Node {
                members.retain(|key, _| !matches!(key.as_str(), "example" | "examples" | "default" | "description"));
                rewrite_node(members, rewrite);
            }
            for (key, member) in members.iter_mut() {
                let names = ["properties", "schemas", "parameters", "responses"].contains(&key.as_str());
                let below = if place == Place::Node && names { Place::Names } else { Place::Node };
                walk(member, rewrite, below);
            }
        }
        _ => {}
    }
}

fn rewrite_node(node: &mut Map<String, Value>, rewrite: &Rewrite) {
    if rewrite.is_3_0 {
        if node.get("$ref").is_some_and(Value::is_string) {
            node.retain(|key, _| key == "$ref" || key == "unevaluatedProperties");
        }
        allow_null(node);
    }
    if rewrite.side == Side::Request {
        close(node);
        refuse_read_only(node);
    }
}

fn allow_null(node: &mut Map<String, Value>) {
    if node.remove("nullable") != Some(Value::Bool(true)) {
        return;
    }
    match node.get_mut("type") {
        Some(kind) => *kind = json!([kind.take(), "null"]),
        None => *node = Map::from_iter([("anyOf".to_owned(), json!([node, {"type": "null"}]))]),
    }
    if let Some(values) = node.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
}

/// Members of members may not be others than those described either.
fn close(node: &mut Map<String, Value>) {
    let below = node.get_mut("properties").and_then(Value::as_object_mut).into_iter();
    let properties = below.flat_map(|properties| properties.values_mut());
    for one in properties.filter_map(Value::as_object_mut) {
        close_one(one);
    }
    if let Some(items) = node.get_mut("items").and_then(Value::as_object_mut) {
        close_one(items);
    }
}

fn close_one(schema: &mut Map<String, Value>) {
    if ["$ref", "properties", "allOf", "oneOf", "anyOf"].iter().any(|key| schema.contains_key(*key)) {
        schema.entry("unevaluatedProperties").or_insert(json!(false));
    }
}

fn refuse_read_only(node: &mut Map<String, Value>) {
    let Some(properties) = node.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let is_read_only = |schema: &Value| schema["readOnly"] == true;
    let names: Vec<String> =
        properties.iter().filter(|(_, schema)| is_read_only(schema)).map(|(name, _)| name.clone()).collect();
    for name in &names {
        properties.insert(name.clone(), json!(false));
    }
    if let Some(required) = node.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !names.iter().any(|read_only| name == read_only));
    }
}
