//! What belongs to the bundled providers: their ids, the hosts of their APIs, the names of their secrets.
//!
//! A stranger writes his own manifest. Where it names what a bundled one names, it is held to that one: the same fields,
//! origins and endpoints, so that the same guards and sinks are in force.

use toml::{Table, Value};

use crate::plugin::field::{OWN_PREFIX, own_variable};

/// Checks the manifest of a component that does not come with acmite against those (id and text) that do.
pub fn check<'a>(manifest: &str, bundled: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), ReservedError> {
    let outsider = Confinement::read(manifest);
    let is_own = |name: &String| name.to_ascii_uppercase().starts_with(OWN_PREFIX);
    if let Some(name) = outsider.names(false).into_iter().find(is_own) {
        return Err(ReservedError::OwnVariable { name });
    }
    for (id, text) in bundled {
        let ours = Confinement::read(text);
        if outsider == ours {
            continue;
        }
        if outsider.id == id {
            return Err(ReservedError::Id { id: id.to_owned() });
        }
        if let Some(host) = outsider.hosts().find(|host| ours.hosts().any(|known| may_meet(host, &known))) {
            return Err(ReservedError::Host { host, id: id.to_owned() });
        }
        let secrets = ours.names(true);
        let is_secret = |name: &String| secrets.contains(name) || ours.holds_secret(name);
        if let Some(name) = outsider.names(false).into_iter().chain(outsider.own_variables()).find(is_secret) {
            return Err(ReservedError::SecretName { name, id: id.to_owned() });
        }
    }
    Ok(())
}

/// The parts of a manifest that say what may be done.
#[derive(PartialEq)]
struct Confinement {
    id: String,
    field: Table,
    origin: Table,
    endpoint: Table,
    dns_update: Table,
}

impl Confinement {
    /// A text that is no manifest confines to nothing; it was refused before it came here.
    fn read(manifest: &str) -> Self {
        let mut whole: Table = toml::from_str(manifest).unwrap_or_default();
        let mut table = |name: &str| match whole.remove(name) {
            Some(Value::Table(table)) => table,
            _ => Table::new(),
        };
        let mut field = table("field");
        for (_, one) in field.iter_mut() {
            // Words for people confine nothing.
            one.as_table_mut().map(|one| one.remove("help"));
        }
        let (origin, endpoint, dns_update) = (table("origin"), table("endpoint"), table("dns_update"));
        let id = whole.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { id, field, origin, endpoint, dns_update }
    }

    /// The hosts of its origins, unless the user types them.
    fn hosts(&self) -> impl Iterator<Item = String> {
        let others = |origin: &'_ Value| -> Vec<String> {
            let by = origin.get("by").and_then(Value::as_table).into_iter().flat_map(Table::values);
            let urls = by.filter_map(Value::as_table).flat_map(Table::values).filter_map(Value::as_str);
            origin.get("url").and_then(Value::as_str).into_iter().chain(urls).map(str::to_owned).collect()
        };
        let urls: Vec<String> = self.origin.values().flat_map(others).collect();
        urls.into_iter().filter_map(|url| url.strip_prefix("https://").map(str::to_owned)).map(|rest| {
            let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or(&rest);
            plain_host(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
        })
    }

    /// The variables of its own that its plain fields are read from.
    fn own_variables(&self) -> impl Iterator<Item = String> {
        let plain = self.field.iter().filter(|(_, field)| !is_secret(field));
        plain.map(|(name, _)| own_variable(&self.id, name))
    }

    /// Whether a variable may hold a secret of it: its own, or an instance's of any name.
    fn holds_secret(&self, variable: &str) -> bool {
        let begins = own_variable(&self.id, "");
        let mut secrets = self.field.iter().filter(|(_, field)| is_secret(field));
        variable.strip_prefix(&begins).is_some_and(|rest| {
            secrets.any(|(name, _)| {
                let end = own_variable("", name).split_off(OWN_PREFIX.len());
                rest.ends_with(&end) || rest == &end[1..]
            })
        })
    }

    /// Every name that gives a value to a secret field, or to one that is none.
    fn names(&self, secret: bool) -> Vec<String> {
        let fields = self.field.values().filter(|field| is_secret(field) == secret);
        let lists = fields.flat_map(|field| ["env", "certbot", "lego"].map(|key| field.get(key)));
        let values = lists.flatten().filter_map(Value::as_array).flatten();
        values.filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

fn is_secret(field: &Value) -> bool {
    field.get("secret").and_then(Value::as_bool).unwrap_or(false)
}

/// The host as it is asked for: without port and final dot, decoded, in lower case A-labels. One with settings in it is
/// taken label by label, since it is no URL yet.
fn plain_host(authority: &str) -> String {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let spelled = |label: &str| {
        let parsed = url::Url::parse(&format!("https://{label}"));
        parsed.ok().and_then(|url| url.domain().map(str::to_owned)).unwrap_or_else(|| label.to_ascii_lowercase())
    };
    let labels = host.trim_end_matches('.').split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']);
    labels
        .map(|label| if label.contains('{') { label.to_owned() } else { spelled(label) })
        .collect::<Vec<_>>()
        .join(".")
}

/// Whether two hosts can be the same once the settings in them are filled in.
fn may_meet(one: &str, other: &str) -> bool {
    let (one, other): (Vec<&str>, Vec<&str>) = (one.split('.').collect(), other.split('.').collect());
    let same = |(a, b): (&&str, &&str)| a.contains('{') || b.contains('{') || a.eq_ignore_ascii_case(b);
    one.len() == other.len() && one.iter().zip(&other).all(same)
}

/// What a component claims that is not its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReservedError {
    /// The id of a bundled provider.
    #[error(
        "its id {id:?} belongs to a bundled plugin, whose fields, origins and endpoints it does not have; give it another id"
    )]
    Id {
        /// The id.
        id: String,
    },
    /// The host of a bundled provider's API.
    #[error(
        "it asks {host}, where the bundled plugin {id:?} goes, by other rules than that one's; use {id}, or give it the same fields, origins and endpoints"
    )]
    Host {
        /// The host.
        host: String,
        /// The bundled provider.
        id: String,
    },
    /// A plain field that would read a variable that acmite names.
    #[error("a plain field of it reads {name}, and variables of that beginning are acmite's own; take the name away")]
    OwnVariable {
        /// The variable or key.
        name: String,
    },
    /// A plain field that would read a bundled provider's secret.
    #[error(
        "a plain field of it reads {name}, which holds a secret of {id}; make the field secret or take the name away"
    )]
    SecretName {
        /// The variable or key.
        name: String,
        /// The bundled provider.
        id: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = r#"
id = "quill"
[field.token]
secret = true
env = ["QUILL_TOKEN"]
[origin.api]
url = "https://api.quill.example/v1"
[endpoint.zones]
request = "GET /zones"
"#;

    fn checked(manifest: &str) -> Result<(), ReservedError> {
        check(manifest, [("quill", OURS)])
    }

    #[test]
    fn the_same_confinement_may_have_the_same_id_and_host() {
        assert_eq!(checked(OURS), Ok(()));
        assert_eq!(checked(&OURS.replace("secret = true", "secret = true\nhelp = 'other words'")), Ok(()));
        assert_eq!(checked(&format!("version = '9'{OURS}")), Ok(()));
    }

    #[test]
    fn a_bundled_id_with_other_rules_is_refused() {
        let wider = OURS.replace("GET /zones", "DELETE /zones");
        assert_eq!(checked(&wider), Err(ReservedError::Id { id: "quill".into() }));
    }

    #[test]
    fn a_bundled_host_with_other_rules_is_refused_however_it_is_written() {
        for host in [
            "api.quill.example",
            "API.quill.example:443",
            "{x}.quill.example",
            "api.quill.example.",
            "{x}.quill.example.:443",
            "%61pi.quill.example",
            "{x}.%71uill.example",
            "\u{ff41}pi.quill.example",
            "api\u{3002}quill\u{ff0e}example",
            "api.quill.example\\\\x",
        ] {
            let other = format!("id = 'other'\n[origin.api]\nurl = \"https://{host}/v2\"\n");
            assert!(matches!(checked(&other), Err(ReservedError::Host { .. })), "{host}");
        }
        let elsewhere = "id = 'other'\n[origin.api]\nurl = 'https://quill.example/v2'\n";
        assert_eq!(checked(elsewhere), Ok(()));
    }

    #[test]
    fn a_host_that_a_setting_chooses_belongs_to_its_provider_too() {
        let by = "by = { region = { us = 'https://us.quill.example/v1' } }";
        let ours = OURS.replace("[endpoint", &format!("{by}\n[endpoint"));
        let other = "id = 'other'\n[origin.api]\nurl = 'https://us.quill.example/v2'\n";
        assert!(matches!(check(other, [("quill", ours.as_str())]), Err(ReservedError::Host { .. })));
        let chosen =
            format!("id = 'other'\n[origin.api]\nurl = 'https://other.example'\n{}", by.replace("us.", "api."));
        assert!(matches!(checked(&chosen), Err(ReservedError::Host { .. })));
    }

    #[test]
    fn a_plain_field_cannot_read_what_another_holds_secret() {
        let other = "id = 'other'\n[field.name]\nenv = ['QUILL_TOKEN']\n";
        assert!(matches!(checked(other), Err(ReservedError::SecretName { .. })));
        let secret = "id = 'other'\n[field.name]\nsecret = true\nenv = ['QUILL_TOKEN']\n";
        assert_eq!(checked(secret), Ok(()));
    }

    #[test]
    fn a_plain_field_cannot_read_a_variable_that_acmite_made_up_for_a_secret() {
        for name in ["ACMITE_QUILL_TOKEN", "ACMITE_QUILL_PROD_TOKEN", "acmite_other_token"] {
            let other = format!("id = 'other'\n[field.name]\nenv = ['{name}']\n");
            assert!(matches!(checked(&other), Err(ReservedError::OwnVariable { .. })), "{name}");
        }
        // ACMITE_QUILL_TOKEN, ACMITE_QUILL_PROD_TOKEN and ACMITE_QUILL_A_TOKEN, by an id and a field.
        for (id, field) in [("quill-prod", "token"), ("quill.a", "token"), ("quill-prod-token", "token")] {
            let other = format!("id = '{id}'\n[field.{field}]\n");
            assert!(matches!(checked(&other), Err(ReservedError::SecretName { .. })), "{id} {field}");
            assert_eq!(checked(&format!("{other}secret = true\n")), Ok(()), "{id} {field}");
        }
        for (id, field) in [("quill-prod", "account"), ("other", "token"), ("quills", "token")] {
            assert_eq!(checked(&format!("id = '{id}'\n[field.{field}]\n")), Ok(()), "{id} {field}");
        }
    }
}
