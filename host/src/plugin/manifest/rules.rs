//! What a manifest must not leave open.

use crate::plugin::manifest::checked::rule;
use crate::plugin::manifest::{Covers, Endpoint, Fill, Manifest, ManifestError, Op, OpRule, Segment, Semantics, Sink};
use crate::plugin::template::{Piece, Template};

/// Checks what no key alone shows.
pub(super) fn check(manifest: &Manifest) -> Result<(), ManifestError> {
    check_settings(manifest)?;
    check_typed(manifest)?;
    for (id, origin) in &manifest.origins {
        check_sinks(&format!("origin.{id}"), &origin.sinks, manifest)?;
    }
    for (id, endpoint) in &manifest.endpoints {
        let key = format!("endpoint.{id}");
        check_cover(&key, endpoint)?;
        check_zone(&key, endpoint)?;
        check_numbers(&key, endpoint)?;
        check_blind(&key, endpoint, manifest)?;
        check_same(&key, endpoint, manifest)?;
        check_sinks(&key, &endpoint.sinks, manifest)?;
        check_distinct(&key, id, endpoint, manifest)?;
    }
    Ok(())
}

/// A sink is filled from fields and captures that there are.
fn check_sinks(key: &str, sinks: &[Sink], manifest: &Manifest) -> Result<(), ManifestError> {
    let mut names = Vec::new();
    for sink in sinks {
        match &sink.fill {
            Fill::Template(template) => names.extend(template_names(key, template)?),
            Fill::Classes(classes) => {
                let named = classes.iter().map(|class| class_name(class).ok_or_else(|| bad_class(key, class)));
                names.extend(named.collect::<Result<Vec<_>, _>>()?);
            }
        }
    }
    let captures = || manifest.endpoints.values().flat_map(|endpoint| &endpoint.captures);
    let is_known = |name: &str| {
        manifest.fields.iter().any(|field| field.name == name) || captures().any(|capture| capture.name == name)
    };
    match names.into_iter().find(|name| !is_known(name)) {
        Some(name) => Err(rule(key, &format!("secrets names {name:?}, which is no field and no capture"))),
        None => Ok(()),
    }
}

fn template_names<'a>(key: &str, template: &'a str) -> Result<Vec<&'a str>, ManifestError> {
    let mut names = Vec::new();
    for place in template.split('{').skip(1) {
        let (place, _) = place.split_once('}').ok_or_else(|| rule(key, "a '{' in secrets has no '}'"))?;
        match place.strip_prefix("base64:") {
            Some(joined) => names.extend(joined.split(':').filter(|name| !name.is_empty())),
            None => names.push(place),
        }
    }
    Ok(names)
}

fn class_name(class: &str) -> Option<&str> {
    class.split_once(' ').filter(|(form, _)| ["raw", "derived", "captured"].contains(form)).map(|(_, name)| name)
}

fn bad_class(key: &str, class: &str) -> ManifestError {
    let message = format!(
        "{class:?} is no class of secrets; write \"raw FIELD\", \"derived FIELD\" or \"captured ENDPOINT.NAME\""
    );
    rule(key, &message)
}

/// A setting within a URL is a plain field.
fn check_settings(manifest: &Manifest) -> Result<(), ManifestError> {
    let is_field = |name: &String| manifest.fields.iter().any(|field| field.name == *name);
    if let Some(field) = manifest.fields.iter().find(|field| field.unless.as_ref().is_some_and(|name| !is_field(name)))
    {
        return Err(rule(&format!("field.{}", field.name), "unless names no field"));
    }
    let is_plain = |name: &str| manifest.fields.iter().any(|field| field.name == name && !field.secret);
    let in_paths = manifest.endpoints.iter().flat_map(|(id, endpoint)| {
        let settings = endpoint.path.iter().filter_map(|segment| match segment {
            Segment::Setting(name) => Some(name.as_str()),
            _ => None,
        });
        settings.map(move |name| (format!("endpoint.{id}"), name))
    });
    let in_origins = manifest
        .origins
        .iter()
        .flat_map(|(id, origin)| origin.settings().into_iter().map(move |name| (format!("origin.{id}"), name)));
    match in_origins.chain(in_paths).find(|(_, name)| !is_plain(name)) {
        Some((key, name)) => Err(rule(&key, &format!("{name:?} is not a field, or a secret one"))),
        None => Ok(()),
    }
}

/// What is exempt from the filter of addresses because the user typed it must be typed by the user.
fn check_typed(manifest: &Manifest) -> Result<(), ManifestError> {
    let origins = manifest.origins.values().filter(|origin| origin.user_typed).map(|origin| origin.url.as_str());
    let servers = manifest.dns_update.iter().map(|update| update.server.as_str());
    let names = origins.chain(servers).filter_map(|text| text.strip_prefix('{')?.split_once('}')).map(|(name, _)| name);
    let has_default = |name: &str| manifest.fields.iter().any(|field| field.name == name && field.default.is_some());
    match names.into_iter().find(|name| has_default(name)) {
        Some(name) => {
            Err(rule(&format!("field.{name}"), "what names a whole host has no default: it is the user's to type"))
        }
        None => Ok(()),
    }
}

/// A covering read may not be narrowed by the guest.
fn check_cover(key: &str, endpoint: &Endpoint) -> Result<(), ManifestError> {
    let Some(covers) = &endpoint.covers else {
        return match endpoint.whole_if {
            Some(_) => Err(rule(key, "whole_if needs covers: it says when that holds")),
            None => Ok(()),
        };
    };
    if endpoint.rows.is_none() {
        return Err(rule(key, "covers needs rows"));
    }
    if !endpoint.also.is_empty() {
        return Err(rule(key, "covers may have no free leaves in the body: they could narrow what is shown"));
    }
    let ends_freely = covers.name().and_then(|name| name.places().last()).is_some_and(Piece::is_of_request);
    if ends_freely && endpoint.form.is_none() {
        return Err(rule(
            key,
            "covers needs `form`, \"{name}\" or \"{name}.\": under the other an API may show nothing",
        ));
    }
    let is_covered = |name: &String| match covers {
        Covers::Zone => endpoint.zone.as_ref().is_some_and(|zone| reads_query(zone, name)),
        Covers::Name(template) => {
            reads_query(template, name) || endpoint.zone.as_ref().is_some_and(|zone| reads_query(zone, name))
        }
    };
    match endpoint.query.iter().find(|(name, fixed)| fixed.is_none() && !is_covered(name)) {
        Some((name, _)) => Err(rule(key, &format!("covers needs a fixed value for the query key {name:?}"))),
        None => Ok(()),
    }
}

fn reads_query(template: &Template, name: &str) -> bool {
    template.places().any(|piece| matches!(piece, Piece::Query(other) if other == name))
}

/// What a request changes must be in the zone of the call; only an id that a reply showed stands for itself.
fn check_zone(key: &str, endpoint: &Endpoint) -> Result<(), ManifestError> {
    let by_id = endpoint.rows.is_none() && endpoint.effects.iter().all(|effect| effect.rows.is_none());
    match endpoint.zone.is_some() || by_id {
        true => Ok(()),
        false => Err(rule(key, "rows and effect need `zone`, the place that names the zone")),
    }
}

/// A leaf with a number belongs to a row that `each` counts.
fn check_numbers(key: &str, endpoint: &Endpoint) -> Result<(), ManifestError> {
    let eaches = || endpoint.effects.iter().filter_map(|effect| effect.rows.as_ref()).map(|rows| rows.each.as_str());
    let counts =
        |path: &str| path.rsplit_once('/').is_some_and(|(before, last)| last.contains('#') && !before.contains('#'));
    if eaches().any(|each| each.contains('#') && !counts(each)) {
        return Err(rule(key, "each has '#' in its last step alone"));
    }
    let numbered = endpoint.leaf_paths().iter().any(|path| path.contains('#'));
    match numbered && !eaches().any(counts) {
        true => Err(rule(key, "a path with '#' needs an effect whose each ends in a key with '#'")),
        false => Ok(()),
    }
}

/// Writing without reading is for APIs that have fixed slots and show nothing.
fn check_blind(key: &str, endpoint: &Endpoint, manifest: &Manifest) -> Result<(), ManifestError> {
    let blind = endpoint.effects.iter().any(|effect| match &effect.op {
        OpRule::Fixed(op) => *op == Op::SetBlind,
        OpRule::By(_, cases) => cases.values().any(|op| *op == Op::SetBlind),
    });
    match blind && !matches!(manifest.semantics, Semantics::Slots(_)) {
        true => Err(rule(key, "op = \"set-blind\" is for semantics = \"slots(N)\" alone")),
        false => Ok(()),
    }
}

fn check_same(key: &str, endpoint: &Endpoint, manifest: &Manifest) -> Result<(), ManifestError> {
    match endpoint.same.values().find(|shown| !manifest.endpoints.contains_key(&shown.endpoint)) {
        Some(shown) => Err(rule(key, &format!("same names endpoint {:?}, which is not there", shown.endpoint))),
        None => Ok(()),
    }
}

/// Two endpoints that one request could be of would let a guest choose the weaker one.
fn check_distinct(key: &str, id: &str, endpoint: &Endpoint, manifest: &Manifest) -> Result<(), ManifestError> {
    let url = |endpoint: &Endpoint| manifest.origins.get(&endpoint.origin).map(|origin| origin.url.as_str());
    let clash = manifest.endpoints.iter().find(|(other_id, other)| {
        other_id.as_str() < id
            && url(endpoint) == url(other)
            && endpoint.method == other.method
            && paths_meet(&endpoint.path, &other.path)
            && !tells_apart(endpoint, other, manifest)
            && !tells_apart(other, endpoint, manifest)
    });
    match clash {
        Some((other, _)) => Err(rule(
            key,
            &format!(
                "its request could be one of endpoint {other}; fix a query key, header or leaf of the body in both"
            ),
        )),
        None => Ok(()),
    }
}

fn paths_meet(one: &[Segment], other: &[Segment]) -> bool {
    let meet = |(one, other): (&Segment, &Segment)| match (one, other) {
        (Segment::Literal(one), Segment::Literal(other)) => one == other,
        _ => true,
    };
    one.len() == other.len() && one.iter().zip(other).all(meet)
}

/// Whether the first fixes something that the second has otherwise, or cannot have at all.
fn tells_apart(one: &Endpoint, other: &Endpoint, manifest: &Manifest) -> bool {
    let leaf = one.fixed.iter().any(|(path, fixed)| match other.fixed.get(path) {
        Some(theirs) => differ(fixed, theirs),
        None => other.body.is_none() || !other.leaf_paths().contains(path),
    });
    leaf || fixes_otherwise(&one.query, &other.query)
        || fixes_otherwise(&headers(one, manifest), &headers(other, manifest))
}

type Pairs = [(String, Option<Template>)];

fn fixes_otherwise(one: &Pairs, other: &Pairs) -> bool {
    one.iter().filter_map(|(name, fixed)| Some((name, fixed.as_ref()?))).any(|(name, fixed)| {
        match other.iter().find(|(key, _)| key == name) {
            None => true,
            Some((_, theirs)) => theirs.as_ref().is_some_and(|theirs| differ(fixed, theirs)),
        }
    })
}

fn headers(endpoint: &Endpoint, manifest: &Manifest) -> Vec<(String, Option<Template>)> {
    let origin = manifest.origins.get(&endpoint.origin).map_or(&[][..], |origin| &origin.headers);
    endpoint.headers.iter().chain(origin).cloned().collect()
}

fn differ(one: &Template, other: &Template) -> bool {
    one.literal().zip(other.literal()).is_some_and(|(one, other)| one != other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INWX: &str = include_str!("../../../../plugins/inwx/plugin.toml");
    const GOOGLE: &str = include_str!("../../../../plugins/google/plugin.toml");
    const NAMECHEAP: &str = include_str!("../../../../plugins/namecheap/plugin.toml");

    fn refused(manifest: &str, from: &str, to: &str) -> String {
        assert!(manifest.contains(from), "{from}");
        let edited = manifest.replacen(from, to, 1);
        Manifest::parse(&edited).err().map_or_else(|| panic!("{to} was taken"), |error| error.to_string())
    }

    /// A sink of a field that must be there never stays empty, nor one that a guest fills, unless another way is there.
    #[test]
    fn a_sink_is_optional_if_all_its_fields_are() {
        let sinks = |text: &str| {
            let manifest = Manifest::parse(text).expect("a manifest");
            let origins = manifest.origins.into_values().flat_map(|origin| origin.sinks);
            let all = origins.chain(manifest.endpoints.into_values().flat_map(|endpoint| endpoint.sinks));
            all.filter(|sink| sink.optional).map(|sink| sink.text).collect::<Vec<_>>()
        };
        let route53 = include_str!("../../../../plugins/route53/plugin.toml");
        assert_eq!(sinks(route53), ["header:x-amz-security-token"]);
        assert_eq!(sinks(&route53.replace("\"{session_token}\"", "\"{secret_access_key}{session_token}\"")), [""; 0]);
        assert_eq!(sinks(INWX), [""; 0]);
        let ovh = include_str!("../../../../plugins/ovh/plugin.toml");
        let of_both_ways = sinks(ovh);
        for sink in
            ["header:authorization", "body:/client_secret", "header:x-ovh-application", "header:x-ovh-signature"]
        {
            assert!(of_both_ways.iter().any(|known| known == sink), "{sink}: {of_both_ways:?}");
        }
        let of_one_way = ovh.replace("unless = \"client_id\"", "required = false");
        assert!(!sinks(&of_one_way).iter().any(|sink| sink == "header:x-ovh-signature"));
    }

    #[test]
    fn a_sink_names_fields_and_captures_that_there_are() {
        for (from, to) in [
            ("{login.session}", "{login.token}"),
            ("{password}", "{pasword}"),
            ("{password}", "{base64:user:pasword}"),
            ("derived shared_secret", "derived secret"),
        ] {
            assert!(refused(INWX, from, to).contains("no field and no capture"), "{to}");
        }
        assert!(refused(INWX, "derived shared_secret", "hashed shared_secret").contains("no class"));
        assert!(refused(INWX, "{password}", "{password").contains("has no '}'"));
        assert!(Manifest::parse(&INWX.replace("{password}", "{base64:user:password:}")).is_ok());
    }

    #[test]
    fn a_setting_in_a_url_is_a_plain_field() {
        for to in ["{=projekt}", "{=private_key}"] {
            assert!(refused(GOOGLE, "{=project}", to).contains("not a field, or a secret one"), "{to}");
        }
        let to = "https://{private_key}.googleapis.com";
        assert!(refused(GOOGLE, "https://dns.googleapis.com", to).contains("not a field, or a secret one"));
    }

    #[test]
    fn a_covering_read_is_narrowed_by_nothing_and_spelled_in_one_way() {
        assert!(refused(GOOGLE, "\"type=TXT\"]", "\"type=TXT\", \"maxResults\"]").contains("maxResults"));
        assert!(refused(GOOGLE, "form = \"{name}.\"\n", "").contains("covers needs `form`"));
        assert!(refused(GOOGLE, "covers = \"zone\"\n", "").contains("whole_if needs covers"));
        assert!(
            refused(GOOGLE, "covers = \"zone\"\n", "covers = \"zone\"\nquery = [\"pageToken\"]\n")
                .contains("pageToken")
        );
        assert!(
            refused(GOOGLE, "whole_if = \"/nextPageToken =\"", "whole_if = \"nextPageToken\"")
                .contains("whole_if is a path")
        );
    }

    #[test]
    fn numbers_belong_to_rows() {
        assert!(refused(NAMECHEAP, "each = \"/HostName#\"", "each = \"/HostName\"").contains("'#'"));
        assert!(refused(NAMECHEAP, "each = \"/HostName#\"", "each = \"/Host#/Name\"").contains("last step"));
        assert!(refused(NAMECHEAP, "get:/ApiResponse", "got:/ApiResponse").contains("not there"));
    }
}
