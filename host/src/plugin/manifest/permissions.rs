//! All that a manifest lets its provider do, in plain words: shown before it is used, and compared when it is upgraded.
//!
//! Whatever could let a later version do more stands in one of these lines, the facts that the guards judge by included.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::plugin::field::FieldSpec;
use crate::plugin::manifest::endpoint::path_text;
use crate::plugin::manifest::{Covers, Effect, Endpoint, Fill, Manifest, Op, OpRule, Rows, WholeIf};
use crate::words::one_line;

/// What a provider may do, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Settings and credentials, and who receives these.
    pub credentials: Vec<String>,
    /// Requests, what they do and what holds them to the order.
    pub requests: Vec<String>,
    /// What nothing but the provider's word holds to the order.
    pub unguarded: Vec<String>,
}

impl Permissions {
    pub(super) fn of(manifest: &Manifest) -> Self {
        let mut all = Self::default();
        all.credentials.extend(manifest.fields.iter().map(field));
        manifest.endpoints.values().for_each(|endpoint| all.add_endpoint(endpoint, manifest));
        for (id, origin) in &manifest.origins {
            let own = manifest.endpoints.values().filter(|endpoint| endpoint.origin == *id).flat_map(|e| &e.sinks);
            for sink in origin.sinks.iter().chain(own) {
                let push = |url| format!("{url} will receive at {}: {}", sink.text, fill(&sink.fill));
                all.credentials.extend(origin.urls().map(push));
            }
            if origin.user_typed {
                all.unguarded.push(format!("{} may be a private address, as you type its host", origin.url));
            }
            let headers = origin.headers.iter().filter(|(_, fixed)| fixed.is_none());
            all.requests.extend(headers.map(|(name, _)| format!("any request to {}: any header {name}", origin.url)));
        }
        if let Some(update) = &manifest.dns_update {
            let server = &update.server;
            all.credentials.push(format!("DNS updates to {server} are signed with {}", update.secret));
            all.requests.push(format!("may send DNS updates of the order's TXT values to {server}, and no other"));
        }
        all.credentials.dedup();
        let lines = [&mut all.credentials, &mut all.requests, &mut all.unguarded].into_iter().flatten();
        lines.for_each(|line| *line = one_line(line));
        all
    }

    /// All lines.
    pub fn lines(self) -> Vec<String> {
        [self.credentials, self.requests, self.unguarded].concat()
    }

    fn add_endpoint(&mut self, endpoint: &Endpoint, manifest: &Manifest) {
        let origin = manifest.origins.get(&endpoint.origin).map_or("", |origin| origin.url.as_str());
        let head = format!("{} {origin}{}{}", endpoint.method, path_text(&endpoint.path), fixed(endpoint));
        self.requests.push(format!("may ask {head}"));
        let lines = effects(endpoint).into_iter().chain(facts(endpoint)).chain(free(endpoint));
        self.requests.extend(lines.map(|line| format!("  {head}: {line}")));
        self.unguarded.extend(unguarded(endpoint).map(|text| format!("{head}: {text}")));
    }
}

fn field(field: &FieldSpec) -> String {
    let names: BTreeSet<&str> =
        [&field.env, &field.certbot, &field.lego].into_iter().flatten().map(String::as_str).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    let from = if names.is_empty() { String::new() } else { format!(", also from {names}") };
    match field.secret {
        true => format!("may use the credential {}{from}, and not read it", field.name),
        false => format!("may read the setting {}{from}", field.name),
    }
}

fn fill(fill: &Fill) -> String {
    match fill {
        Fill::Template(template) => template.clone(),
        Fill::Classes(classes) => classes.join(", "),
    }
}

/// What tells it from others with its request line.
fn fixed(endpoint: &Endpoint) -> String {
    let pairs =
        endpoint.query.iter().chain(&endpoint.headers).filter_map(|(name, fixed)| Some((name, fixed.as_ref()?)));
    let notes: Vec<String> = pairs.chain(&endpoint.fixed).map(|(name, fixed)| format!("{name}={fixed}")).collect();
    if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) }
}

/// What it does to records, which the guard holds to the order's values.
fn effects(endpoint: &Endpoint) -> Vec<String> {
    endpoint.effects.iter().map(|effect| format!("{}{}", operation(&effect.op), target(effect))).collect()
}

fn operation(rule: &OpRule) -> String {
    match rule {
        OpRule::Fixed(op) => word(*op).to_owned(),
        OpRule::By(place, cases) => {
            let cases: Vec<String> = cases.iter().map(|(text, op)| format!("{text} {}", word(*op))).collect();
            format!("by {place}: {}", cases.join("; "))
        }
    }
}

fn word(op: Op) -> &'static str {
    match op {
        Op::Add => "adds values of the order",
        Op::Delete => "deletes values of the order",
        Op::Replace => "writes a set anew with all that is another's kept",
        Op::Clear => "clears a set that has values of the order alone",
        Op::Zone => "writes the whole zone anew with all that is another's kept",
        Op::SetBlind => "writes a value of the order over whatever is there",
    }
}

fn target(effect: &Effect) -> String {
    let id = effect.id.as_ref().map(|id| format!(", the record with the id {id}")).unwrap_or_default();
    id + &effect.rows.as_ref().map(rows).unwrap_or_default()
}

fn rows(rows: &Rows) -> String {
    let mut text = format!(", type {}, name {}, value {}", rows.kind, rows.name, rows.value);
    let mut more = |what: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            // A String takes all that is written to it.
            let _ = write!(text, ", {what} {value}");
        }
    };
    more("TTL", rows.ttl.as_ref().map(ToString::to_string));
    more("id", rows.id.as_ref().map(ToString::to_string));
    more("values at", rows.values.clone());
    rows.keep.iter().for_each(|keep| more("keeping", Some(keep.to_string())));
    more("each at", Some(rows.each.clone()));
    text
}

/// What its reply is believed to show.
fn facts(endpoint: &Endpoint) -> Vec<String> {
    let mut lines = Vec::new();
    let zones = endpoint.zones.iter();
    lines.extend(
        zones.map(|zones| format!("shows zones, id {}, name {}, each at {}", zones.id, zones.name, zones.each)),
    );
    lines.extend(endpoint.rows.iter().map(|shown| format!("shows records{}", rows(shown))));
    lines.extend(endpoint.covers.as_ref().map(|covers| {
        let shown = match covers {
            Covers::Name(name) => format!("shows all values at {name}"),
            Covers::Zone => "shows the whole zone".to_owned(),
        };
        // One line, so that a condition that is given up is seen.
        match &endpoint.whole_if {
            None => shown,
            Some(WholeIf { path, text }) if text.is_empty() => format!("{shown}, if nothing is at {path}"),
            Some(WholeIf { path, text }) => format!("{shown}, if {path} is {text:?}"),
        }
    }));
    lines.extend(endpoint.zone.iter().map(|zone| format!("names the order's zone at {zone}")));
    lines.extend(endpoint.form.iter().map(|form| format!("spells names as {form}")));
    lines.extend(endpoint.absent.iter().map(|status| format!("shows by status {status} that nothing is there")));
    lines.extend(
        endpoint
            .same
            .iter()
            .map(|(path, shown)| format!("repeats at {path} what {}:{} shows", shown.endpoint, shown.path)),
    );
    lines.extend(endpoint.captures.iter().map(|capture| format!("has {} cut out of its reply", capture.name)));
    lines
}

/// Where the provider may write as it likes.
fn free(endpoint: &Endpoint) -> Vec<String> {
    let free = |pairs: &[(String, Option<_>)], what: &str| -> Vec<String> {
        pairs.iter().filter(|(_, fixed)| fixed.is_none()).map(|(name, _)| format!("any {what} {name}")).collect()
    };
    let leaves =
        endpoint.also.iter().map(|(path, leaf)| format!("any {} at {path}", format!("{leaf:?}").to_lowercase()));
    [free(&endpoint.query, "query"), free(&endpoint.headers, "header"), leaves.collect()].concat()
}

fn unguarded(endpoint: &Endpoint) -> Option<String> {
    let reads = matches!(endpoint.method.as_str(), "GET" | "HEAD");
    match (endpoint.effects.is_empty(), reads) {
        (false, _) => None,
        (true, true) => Some("not held to the order, as it reads".to_owned()),
        (true, false) => {
            Some("NOT GUARDED: the plugin says that it only reads, and it may do what the credential may".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOUDFLARE: &str = include_str!("../../../../plugins/cloudflare/plugin.toml");
    const NAMECHEAP: &str = include_str!("../../../../plugins/namecheap/plugin.toml");

    fn lines(manifest: &str) -> Vec<String> {
        Manifest::parse(manifest).expect("a manifest").permissions().lines()
    }

    /// What the edited manifest may do that the other may not.
    fn more(manifest: &str, from: &str, to: &str) -> Vec<String> {
        assert!(manifest.contains(from), "{from}");
        let before = lines(manifest);
        lines(&manifest.replacen(from, to, 1)).into_iter().filter(|line| !before.contains(line)).collect()
    }

    #[test]
    fn whatever_lets_a_provider_do_more_is_in_a_line() {
        for (manifest, from, to) in [
            (CLOUDFLARE, "also = { \"/ttl\" = \"ttl\" }", "also = { \"/ttl\" = \"ttl\", \"/priority\" = \"number\" }"),
            (CLOUDFLARE, "type = \"{body:/type}\"", "type = \"TXT\""),
            (CLOUDFLARE, "value = \"{body:/content}\"", "value = \"{body:/comment}\""),
            (CLOUDFLARE, "effect = [{ op = \"delete\", id = \"{path:record}\" }]", "reads = true"),
            (CLOUDFLARE, "POST", "PUT"),
            (CLOUDFLARE, "Bearer {api_token}", "{api_token}"),
            (CLOUDFLARE, "[field.api_token]", "[field.shell]\nhelp = \"x\"\nenv = [\"SHELL\"]\n[field.api_token]"),
            (CLOUDFLARE, "https://api.cloudflare.com", "https://api.cloudflare.example"),
            (
                NAMECHEAP,
                "same = {",
                "also = { \"/Flag\" = \"text\" }
same = {",
            ),
            (NAMECHEAP, ", keep = [\"{body:/MXPref#}\"]", ""),
            (
                NAMECHEAP,
                "rows = { each = \"/ApiResponse/CommandResponse/DomainDNSGetHostsResult/host\"",
                "rows = { each = \"/ApiResponse/host\"",
            ),
        ] {
            assert!(!more(manifest, from, to).is_empty(), "{to} widens unseen");
        }
    }

    #[test]
    fn a_manifest_adds_no_lines_to_what_is_shown_of_it() {
        let forged = CLOUDFLARE.replace("/ttl\" = \"ttl\"", "/ttl\\nnot guarded\" = \"ttl\"");
        let shown = lines(&forged);
        assert!(shown.iter().any(|line| line.contains("not guarded")) && !shown.iter().any(|line| line.contains('\n')));
    }

    #[test]
    fn what_is_only_said_to_read_is_told_apart_from_what_is_guarded() {
        let permissions = |text: &str| Manifest::parse(text).expect("a manifest").permissions();
        let is_loud = |line: &String| line.contains("NOT GUARDED");
        assert!(!permissions(CLOUDFLARE).unguarded.iter().any(is_loud));
        let effect = "effect = [{ op = \"delete\", id = \"{path:record}\" }]";
        let loud = permissions(&CLOUDFLARE.replace(effect, "reads = true")).unguarded;
        assert!(loud.iter().any(|line| is_loud(line) && line.starts_with("DELETE")), "{loud:?}");
    }
}
