//! What the manifests that come with acmite keep from anyone else's: their APIs' endpoints and their secrets' names.

use crate::plugin::field::FieldSpec;
use crate::plugin::manifest::{Manifest, OriginSpec};

/// Checks a manifest from outside against those that come with acmite.
///
/// An origin of theirs may be asked only as they ask it: with the same endpoints, sinks and guards. A plain field, which
/// its guest can read, may not be filled from where one of theirs takes a secret.
pub fn check(outsider: &Manifest, bundled: &[Manifest]) -> Result<(), ReservedError> {
    bundled.iter().try_for_each(|held| {
        check_fields(outsider, held)?;
        check_origins(outsider, held)
    })
}

fn check_fields(outsider: &Manifest, held: &Manifest) -> Result<(), ReservedError> {
    let secrets: Vec<&String> = held.fields.iter().filter(|field| field.secret).flat_map(sources).collect();
    let takes = |field: &FieldSpec| sources(field).find(|name| secrets.contains(name)).cloned();
    let plain = outsider.fields.iter().filter(|field| !field.secret);
    match plain.filter_map(|field| Some((field, takes(field)?))).next() {
        Some((field, source)) => {
            Err(ReservedError::Secret { field: field.name.clone(), source_name: source, holder: held.id.clone() })
        }
        None => Ok(()),
    }
}

/// Where the value of a field is looked for besides its own name.
fn sources(field: &FieldSpec) -> impl Iterator<Item = &String> {
    field.env.iter().chain(&field.certbot).chain(&field.lego)
}

fn check_origins(outsider: &Manifest, held: &Manifest) -> Result<(), ReservedError> {
    for (id, origin) in outsider.origins.iter().filter(|(_, origin)| !origin.user_typed) {
        let Some(theirs) = held.origins.values().find(|theirs| !theirs.user_typed && hosts_meet(origin, theirs)) else {
            continue;
        };
        let refused =
            |what: String| Err(ReservedError::Origin { url: origin.url.clone(), holder: held.id.clone(), what });
        let same = held.origins.get(id).is_some_and(|same| {
            (&same.url, &same.headers, &same.sinks) == (&origin.url, &origin.headers, &origin.sinks)
        });
        if !same {
            return refused(format!("origin.{id} is not as there ({})", theirs.url));
        }
        let own = outsider.endpoints.iter().filter(|(_, endpoint)| endpoint.origin == *id);
        if let Some((endpoint, _)) = own.into_iter().find(|(name, own)| held.endpoints.get(*name) != Some(*own)) {
            return refused(format!("endpoint.{endpoint} is not as there"));
        }
        let is_secret = |field: &FieldSpec| held.fields.iter().any(|theirs| theirs.secret && theirs.name == field.name);
        if let Some(field) = outsider.fields.iter().find(|field| !field.secret && is_secret(field)) {
            return refused(format!("field.{} is secret there", field.name));
        }
    }
    Ok(())
}

/// Whether two origins can be of one host; a label with a setting in it can be any.
fn hosts_meet(one: &OriginSpec, other: &OriginSpec) -> bool {
    let (one, other) = (labels(one), labels(other));
    let meets = |(one, other): (&String, &String)| one.contains('{') || other.contains('{') || one == other;
    one.len() == other.len() && one.iter().zip(&other).all(meets)
}

/// The host's labels in the spelling in which names are compared.
fn labels(origin: &OriginSpec) -> Vec<String> {
    let after_scheme = origin.url.split_once("://").map_or(origin.url.as_str(), |(_, rest)| rest);
    let host = after_scheme.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let spelled = if host.contains('{') { host.to_ascii_lowercase() } else { plain_host(host) };
    spelled.trim_end_matches('.').split('.').map(str::to_owned).collect()
}

fn plain_host(host: &str) -> String {
    let url = url::Url::parse(&format!("https://{host}"));
    url.ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| host.to_ascii_lowercase())
}

/// Why a manifest from outside is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReservedError {
    /// It would ask a bundled provider's API in another way.
    #[error("{url} is asked only as the bundled plugin {holder} asks it, and {what}; use that plugin")]
    Origin {
        /// The origin.
        url: String,
        /// The bundled provider.
        holder: String,
        /// What differs.
        what: String,
    },
    /// It would read a bundled provider's secret as a setting.
    #[error(
        "field.{field} would read {source_name}, which is a secret of the bundled plugin {holder}; make it `secret = true`"
    )]
    Secret {
        /// The plain field.
        field: String,
        /// The environment variable or other client's name.
        source_name: String,
        /// The bundled provider.
        holder: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: &str = r#"
id = "held"
name = "Held"
version = "0.1.0"
contract = "0.1"
homepage = "https://example.com"
license = "MIT"
docs = "https://example.com"
privilege = "edit"

[field.api_token]
secret = true
env = ["HELD_TOKEN"]
lego = ["HELD_LEGO"]
help = "token"

[origin.api]
url = "https://api.held.example/v1"
secrets = { "header:authorization" = "Bearer {api_token}" }

[endpoint.zones]
request = "GET /zones"
zones = { each = "/*", id = "{/id}", name = "{/name}" }

[endpoint.delete]
request = "DELETE /records/{record}"
effect = [{ op = "delete", id = "{path:record}" }]
"#;

    fn checked(from: &str, to: &str) -> Result<(), ReservedError> {
        let held = Manifest::parse(HELD).expect("a manifest");
        let text = HELD.replacen("\"held\"", "\"other\"", 1).replacen(from, to, 1);
        check(&Manifest::parse(&text).unwrap_or_else(|error| panic!("{to}: {error}")), &[held])
    }

    #[test]
    fn the_same_requests_are_anyones_to_make() {
        assert_eq!(checked("", ""), Ok(()));
        assert_eq!(
            checked(
                "[endpoint.zones]\nrequest = \"GET /zones\"\nzones = { each = \"/*\", id = \"{/id}\", name = \"{/name}\" }\n",
                ""
            ),
            Ok(())
        );
        assert_eq!(checked("api.held.example", "api.other.example"), Ok(()));
    }

    #[test]
    fn a_held_origin_is_not_asked_otherwise_however_it_is_spelled() {
        let effect = "effect = [{ op = \"delete\", id = \"{path:record}\" }]";
        for (from, to) in [
            (effect, "reads = true"),
            ("DELETE /records/{record}", "DELETE /zones/{record}"),
            ("Bearer {api_token}", "{api_token}"),
            ("/v1\"", "/\""),
            ("[endpoint.zones]", "[endpoint.all]"),
            ("secret = true\nenv = [\"HELD_TOKEN\"]\nlego = [\"HELD_LEGO\"]", "env = [\"OTHER\"]"),
            ("https://api.held.example/v1", "https://API.held.example./v1"),
            ("https://api.held.example/v1", "https://api.held.example:443/v1"),
            ("https://api.held.example/v1", "https://%61pi.held.example/v1"),
            ("https://api.held.example/v1", "https://\u{ff41}pi.held.example/v1"),
        ] {
            let error = checked(from, to).expect_err(to);
            assert!(matches!(error, ReservedError::Origin { .. }), "{to}: {error}");
        }
        let with_label = "[field.x]\nhelp = \"x\"\n\n[origin.api]\nurl = \"https://{x}.held.example/v1\"";
        let error = checked("[origin.api]\nurl = \"https://api.held.example/v1\"", with_label).expect_err("a label");
        assert!(matches!(error, ReservedError::Origin { .. }), "{error}");
    }

    #[test]
    fn a_plain_field_reads_no_secret_of_a_held_manifest() {
        for name in ["env = [\"HELD_TOKEN\"]", "lego = [\"HELD_LEGO\"]", "env = [\"HELD_LEGO\"]"] {
            let plain = format!("[field.x]\nhelp = \"x\"\n{name}\n\n[origin.api]");
            let elsewhere = format!("{plain}\nurl = \"https://api.other.example/v1\"");
            let error = checked("[origin.api]\nurl = \"https://api.held.example/v1\"", &elsewhere).expect_err(name);
            assert!(matches!(error, ReservedError::Secret { .. }), "{name}: {error}");
        }
    }
}
