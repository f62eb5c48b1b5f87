//! What an exchange breaks of a description.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::openapi::document::{Description, Operation, escaped};
use crate::openapi::schema::Side;

/// A request and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// Upper case.
    pub method: &'a str,
    /// As sent, without the query.
    pub path: &'a str,
    /// As sent, without the question mark.
    pub query: &'a str,
    /// The names in lower case.
    pub headers: &'a BTreeMap<String, String>,
    /// As sent; empty is none.
    pub body: &'a str,
    /// HTTP status of the answer.
    pub status: u16,
    /// The answer's JSON; `Null` is none.
    pub reply: &'a Value,
}

/// Everything that the exchange breaks, a line each; empty if it is as described.
pub fn violations(description: &Description, sent: &Sent<'_>) -> Vec<String> {
    let Some(operation) = description.operation(sent.method, sent.path) else {
        return vec![format!("{} {} is not described", sent.method, sent.path)];
    };
    let mut found = parameters(description, &operation, sent);
    // The answer to a request that is wrong on purpose says so.
    found.extend(body(description, &operation, sent).into_iter().map(|what| format!("body{what}")));
    found.extend(reply(description, &operation, sent).into_iter().map(|what| format!("reply {}{what}", sent.status)));
    found
}

fn parameters(description: &Description, operation: &Operation, sent: &Sent<'_>) -> Vec<String> {
    let query: Vec<(String, String)> = form_urlencoded::parse(sent.query.as_bytes()).into_owned().collect();
    let described = description.parameters(&operation.pointer);
    let mut found = Vec::new();
    for (name, _) in &query {
        let is_known = |(_, one): &&(String, &Value)| one["in"] == "query" && one["name"] == name.as_str();
        if described.iter().find(is_known).is_none() {
            found.push(format!("query parameter {name} is not described"));
        }
        if query.iter().filter(|(other, _)| other == name).count() > 1 {
            found.push(format!("query parameter {name} is given twice"));
        }
    }
    for (pointer, parameter) in described {
        let name = parameter["name"].as_str().unwrap_or_default();
        let value = match parameter["in"].as_str() {
            Some("path") => operation.variables.get(name),
            Some("query") => query.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            Some("header") => sent.headers.get(&name.to_ascii_lowercase()),
            _ => continue,
        };
        match value {
            None if parameter["required"] == true => found.push(format!("parameter {name} is missing")),
            None => {}
            Some(text) => {
                let broken = text_broken(description, &format!("{pointer}/schema"), text);
                found.extend(broken.into_iter().map(|what| format!("parameter {name}{what}")));
            }
        }
    }
    found
}

/// A parameter is text; it fits if it does as text, as the number or Boolean that it spells, or as the one item of a
/// list.
fn text_broken(description: &Description, schema: &str, text: &str) -> Vec<String> {
    let as_text = description.broken(Side::Reply, schema, &Value::from(text));
    let spelled = serde_json::from_str::<Value>(text).ok().filter(|value| value.is_number() || value.is_boolean());
    let others = spelled.into_iter().chain([Value::from(vec![text])]);
    match others.into_iter().any(|value| description.broken(Side::Reply, schema, &value).is_empty()) {
        true => Vec::new(),
        false => as_text,
    }
}

fn body(description: &Description, operation: &Operation, sent: &Sent<'_>) -> Vec<String> {
    let Some((pointer, described)) = description.at(&format!("{}/requestBody", operation.pointer)) else {
        return if sent.body.is_empty() { Vec::new() } else { vec![": none is described".to_owned()] };
    };
    if sent.body.is_empty() {
        return if described["required"] == true { vec![": it is missing".to_owned()] } else { Vec::new() };
    }
    let kind = sent.headers.get("content-type").map(String::as_str).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if described["content"].get(kind).is_none() {
        return vec![format!(": content type {kind:?} is not described")];
    }
    match serde_json::from_str(sent.body) {
        Ok(value) => description.broken(Side::Request, &format!("{pointer}/content/{}/schema", escaped(kind)), &value),
        Err(error) => vec![format!(": no JSON: {error}")],
    }
}

fn reply(description: &Description, operation: &Operation, sent: &Sent<'_>) -> Vec<String> {
    let class = format!("{}XX", sent.status / 100);
    let keys = [sent.status.to_string(), class.clone(), class.to_ascii_lowercase(), "default".to_owned()];
    let find = |key: &String| description.at(&format!("{}/responses/{key}", operation.pointer));
    let Some((pointer, described)) = keys.iter().find_map(find) else {
        return vec![" is not described".to_owned()];
    };
    match (described["content"].get("application/json"), sent.reply) {
        (None, Value::Null) => Vec::new(),
        (None, _) => vec![": no body is described".to_owned()],
        (Some(_), Value::Null) => vec![": the body is missing".to_owned()],
        (Some(_), value) => {
            description.broken(Side::Reply, &format!("{pointer}/content/application~1json/schema"), value)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn description() -> Description {
        let record = json!({"type": "object", "required": ["id", "value"], "properties": {
            "id": {"type": "integer", "readOnly": true}, "value": {"type": "string", "maxLength": 5},
            "note": {"type": "string", "nullable": true}}});
        let reply = json!({"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Record"}}}},
            "204": {"description": "gone"}});
        Description::new(&json!({
            "openapi": "3.0.3", "servers": [{"url": "https://api.example/v1"}],
            "paths": {"/zones/{zone}/records": {
                "parameters": [{"name": "zone", "in": "path", "required": true, "schema": {"type": "integer"}}],
                "get": {"responses": reply, "parameters": [{"$ref": "#/components/parameters/page"}]},
                "post": {"responses": reply, "requestBody": {"required": true, "content": {"application/json":
                    {"schema": {"type": "object", "properties": {"record": {"$ref": "#/components/schemas/Record"}}}}}}},
            }},
            "components": {"schemas": {"Record": record},
                "parameters": {"page": {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}}}}
        }))
    }

    fn post(body: &str) -> Vec<String> {
        let headers = [("content-type".to_owned(), "application/json; charset=utf-8".to_owned())].into();
        let reply = json!({"id": 1, "value": "a", "note": null});
        let (path, query) = ("/v1/zones/7/records", "");
        violations(
            &description(),
            &Sent { method: "POST", path, query, headers: &headers, body, status: 200, reply: &reply },
        )
    }

    fn get(path: &str, query: &str, status: u16, reply: &Value) -> Vec<String> {
        let headers = BTreeMap::new();
        violations(&description(), &Sent { method: "GET", path, query, headers: &headers, body: "", status, reply })
    }

    #[track_caller]
    fn breaks(found: &[String], what: &str) {
        assert!(found.len() == 1 && found[0].contains(what), "{what}: {found:?}");
    }

    #[test]
    fn a_request_as_described_breaks_nothing() {
        assert_eq!(post(r#"{"record": {"value": "a", "note": null}}"#), Vec::<String>::new());
        assert_eq!(get("/v1/zones/7/records", "page=2", 204, &Value::Null), Vec::<String>::new());
    }

    #[test]
    fn a_body_breaks_its_schema() {
        breaks(&post(r#"{"record": {"note": "a"}}"#), "required");
        breaks(&post(r#"{"record": {"value": 1}}"#), "string");
        breaks(&post(r#"{"record": {"value": "longer"}}"#), "longer");
        breaks(&post(r#"{"record": {"value": "a", "vlaue": "a"}}"#), "vlaue");
        breaks(&post(r#"{"record": {"value": "a", "id": 1}}"#), "id");
        breaks(&post(r#"{"rekord": {}}"#), "rekord");
        breaks(&post(""), "missing");
        breaks(&post("{"), "no JSON");
    }

    #[test]
    fn a_path_a_parameter_and_a_reply_break_theirs() {
        let (path, record) = ("/v1/zones/7/records", json!({"id": 1, "value": "a"}));
        breaks(&get("/v1/zones/7/record", "", 200, &record), "is not described");
        breaks(&get("/zones/7/records", "", 200, &record), "is not described");
        breaks(&get("/v1/zones/seven/records", "", 200, &record), "parameter zone");
        breaks(&get(path, "page=0", 200, &record), "parameter page");
        breaks(&get(path, "pages=1", 200, &record), "query parameter pages");
        breaks(&get(path, "", 200, &json!({"id": "1", "value": "a"})), "reply 200/id");
        breaks(&get(path, "", 200, &Value::Null), "missing");
        breaks(&get(path, "", 204, &record), "no body is described");
        breaks(&get(path, "", 418, &Value::Null), "reply 418 is not described");
    }
}
