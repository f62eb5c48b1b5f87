//! What vendors' descriptions have wrong. A description is corrected before anything is held to it, so that all else that
//! it says about the same request still counts.

use serde_json::{Value, json};

/// One place of a description as it ought to be.
#[derive(Debug, PartialEq, Eq)]
pub struct Correction {
    /// The provider's id.
    pub plugin: &'static str,
    /// JSON pointer (RFC 6901) to an object or a list.
    pub pointer: &'static str,
    /// JSON: a merge patch (RFC 7396) for the object, or one more item of the list.
    pub change: &'static str,
    /// What says so.
    pub reason: &'static str,
}

/// All there are; without any one of them, requests or answers of the suite are not as described.
pub const CORRECTIONS: &[Correction] = &[
    Correction {
        plugin: "cloudflare",
        pointer: "/paths/~1zones/get",
        change: r#"{"parameters": [
            {"name": "name", "in": "query", "schema": {"type": "string", "maxLength": 253}},
            {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}},
            {"name": "per_page", "in": "query", "schema": {"type": "integer", "minimum": 5, "maximum": 50}}]}"#,
        reason: "it leaves out all query parameters; these are in the reference of \"List Zones\"",
    },
    Correction {
        plugin: "cloudflare",
        pointer: "/paths/~1zones~1{zone_identifier}~1dns_records/get/parameters",
        change: r#"{"name": "name.exact", "in": "query", "schema": {"type": "string"}}"#,
        reason: "it leaves out all query parameters; this one is in the reference of \"List DNS Records\"",
    },
    Correction {
        plugin: "cloudflare",
        pointer: "/paths/~1zones~1{zone_identifier}~1dns_records/get/parameters",
        change: r#"{"name": "type", "in": "query", "schema": {"enum": ["TXT"]}}"#,
        reason: "it leaves out all query parameters; this one is in the reference of \"List DNS Records\"",
    },
    Correction {
        plugin: "cloudflare",
        pointer: "/paths/~1zones~1{zone_identifier}~1dns_records/get/parameters",
        change: r#"{"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}}"#,
        reason: "it leaves out all query parameters; this one is in the reference of \"List DNS Records\"",
    },
    Correction {
        plugin: "cloudflare",
        pointer: "/paths/~1zones~1{zone_identifier}~1dns_records/get/parameters",
        change: r#"{"name": "per_page", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 5000000}}"#,
        reason: "it leaves out all query parameters; this one is in the reference of \"List DNS Records\"",
    },
    Correction {
        plugin: "cloudflare",
        pointer: "/components/schemas/dns-record",
        change: r#"{"required": ["id", "type", "name", "content", "proxiable", "proxied", "ttl", "created_on", "modified_on"]}"#,
        reason: "`locked` is returned no longer: release v0.13.0 of cloudflare/cloudflare-rs",
    },
    Correction {
        plugin: "cloudflare",
        pointer: "/components/schemas/comment",
        change: r#"{"nullable": true}"#,
        reason: "it is null where there is none: replies that users published (created 2025-01-27)",
    },
    Correction {
        plugin: "cloudflare",
        pointer: "/paths/~1zones~1{zone_identifier}~1dns_records~1{identifier}/delete",
        change: r#"{"requestBody": null}"#,
        reason: "it asks for a body of no shape; the reference of \"Delete DNS Record\" shows none",
    },
    Correction {
        plugin: "cloudflare",
        pointer: "/paths/~1zones/get/responses/4xx/content/application~1json",
        change: r##"{"schema": {"allOf": null, "$ref": "#/components/schemas/api-response-common-failure"}}"##,
        reason: "it asks for `success` to be true and false at once",
    },
    Correction {
        plugin: "cloudflare",
        pointer: "/paths/~1zones~1{zone_identifier}~1dns_records/post/responses/4xx/content/application~1json",
        change: r##"{"schema": {"allOf": null, "$ref": "#/components/schemas/api-response-common-failure"}}"##,
        reason: "it asks for `success` to be true and false at once",
    },
    Correction {
        plugin: "linode",
        pointer: "/paths/~1{apiVersion}~1domains~1{domainId}~1records/get/responses/200/content/application~1json/schema/properties/data/items/properties/name",
        change: r#"{"minLength": 0}"#,
        reason: "at the apex it is empty: issue 140 of linode/terraform-provider-linode",
    },
    Correction {
        plugin: "linode",
        pointer: "/paths/~1{apiVersion}~1domains~1{domainId}~1records/post/requestBody/content/application~1json/schema/allOf/0/properties/name",
        change: r#"{"minLength": 0}"#,
        reason: "at the apex it is empty: issue 140 of linode/terraform-provider-linode",
    },
    Correction {
        plugin: "linode",
        pointer: "/paths/~1{apiVersion}~1domains~1{domainId}~1records/post/responses/200/content/application~1json/schema/properties/name",
        change: r#"{"minLength": 0}"#,
        reason: "at the apex it is empty: issue 140 of linode/terraform-provider-linode",
    },
    Correction {
        plugin: "powerdns",
        pointer: "/components/schemas/RRSet",
        change: r#"{"required": ["name", "type", "records"],
                "if": {"properties": {"changetype": {"const": "DELETE"}}, "required": ["changetype"]},
                "then": {"properties": {"ttl": false}}, "else": {"required": ["ttl"]}}"#,
        reason: "its own words about `ttl`: it must not be given with DELETE",
    },
];

impl Correction {
    /// Changes the description.
    ///
    /// # Panics
    /// If there is no such place.
    pub fn apply(&self, document: &mut Value) {
        let change = serde_json::from_str(self.change).unwrap_or_else(|error| panic!("{self:?}: {error}"));
        match document.pointer_mut(self.pointer) {
            Some(Value::Array(items)) => items.push(change),
            Some(object @ Value::Object(_)) => merge(object, change),
            _ => panic!("{self:?}: there is no such place"),
        }
    }
}

/// RFC 7396 section 2.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in patch {
        match (value, target.as_object_mut()) {
            (Value::Null, Some(members)) => drop(members.remove(&name)),
            (value, _) => merge(&mut target[name], value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cases of RFC 7396 appendix A.
    #[test]
    fn a_change_is_merged_into_an_object() {
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let mut merged = target;
            merge(&mut merged, patch);
            assert_eq!(merged, result);
        }
    }

    #[test]
    fn an_item_is_added_to_a_list() {
        let mut document = json!({"list": [1]});
        Correction { plugin: "", pointer: "/list", change: "2", reason: "" }.apply(&mut document);
        assert_eq!(document, json!({"list": [1, 2]}));
    }
}
