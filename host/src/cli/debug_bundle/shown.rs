//! Settings and states without what may be secret: of texts, only those under a key that is known to hold none.

use std::path::Path;

use serde_json::Value;

/// What every certificate remembers, and how its renewal stands.
pub(super) fn settings(state: &Path) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<_> =
        std::fs::read_dir(state.join("renewal")).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let part = |path: &std::path::PathBuf| {
        let name = path.file_name()?.to_str()?;
        let text = std::fs::read_to_string(path).ok()?;
        let value = match path.extension()?.to_str()? {
            "toml" => toml::from_str(&text).ok(),
            "json" => serde_json::from_str(&text).ok(),
            _ => return None,
        };
        let shown = value.map_or_else(|| "it cannot be read".to_owned(), |value| without_secrets(value).to_string());
        Some((format!("renewal/{name}.txt"), shown.into_bytes()))
    };
    paths.iter().filter_map(part).collect()
}

pub(super) fn without_secrets(value: Value) -> Value {
    shown_under("", value)
}

fn shown_under(key: &str, value: Value) -> Value {
    match value {
        Value::Object(table) => table.into_iter().map(|(key, value)| (key.clone(), shown_under(&key, value))).collect(),
        Value::Array(values) => values.into_iter().map(|value| shown_under(key, value)).collect(),
        Value::String(_) if !SHOWN.contains(&key) => Value::String("[not shown]".to_owned()),
        value => value,
    }
}

const SHOWN: [&str; 35] = [
    "state_dir",
    "log_file",
    "directory",
    "ca",
    "plugin",
    "provider",
    "domains",
    "challenges",
    "names",
    "server",
    "account",
    "key_type",
    "profile",
    "preferred_chain",
    "methods",
    "plugins",
    "resolvers",
    "zone",
    "propagation_check",
    "ca_bundle",
    "credentials",
    "last_attempt",
    "last_success",
    "last_error",
    "until",
    "by",
    "id",
    "start",
    "end",
    "explanation_url",
    "ask_again",
    "url",
    "since",
    "live",
    "version",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_to_be_harmless_is_not_shown() {
        let value = json!({"names": ["a.example"], "ttl": 60, "hooks": {"deploy": ["curl -H token"]}, "new_key": "x"});
        let shown = json!({"names": ["a.example"], "ttl": 60, "hooks": {"deploy": ["[not shown]"]},
            "new_key": "[not shown]"});
        assert_eq!(without_secrets(value), shown);
    }
}
