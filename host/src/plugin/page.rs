//! A provider's page: what its manifest says to a person, as Markdown that also reads well on a terminal.

use std::fmt::Write as _;

use crate::plugin::field::FieldSpec;
use crate::plugin::manifest::{Manifest, OriginSpec, Semantics};
use crate::words::one_line;

/// The page of one provider.
pub fn markdown(manifest: &Manifest) -> String {
    let mut page = format!("# {} (`{}`)\n\n", one_line(&manifest.name), manifest.id);
    let _ = writeln!(page, "{} API: <{}>.", way_of_changing(manifest), one_line(&manifest.docs));
    for (title, text) in [
        ("Least privilege", privilege(manifest)),
        ("Fields", fields(manifest)),
        ("Example", example(manifest)),
        ("What `acmite plugin check` tells", check(manifest)),
        ("Quirks", list(manifest.guide.quirks.iter().map(|quirk| one_line(quirk)))),
        ("Rate limit", rates(manifest)),
        ("Sources", sources(manifest)),
    ] {
        if !text.is_empty() {
            let _ = write!(page, "\n## {title}\n\n{text}");
        }
    }
    page
}

/// What is changed at once, in a sentence.
pub fn way_of_changing(manifest: &Manifest) -> String {
    match (manifest.semantics, &manifest.dns_update) {
        (_, Some(_)) => "Records are added and deleted one by one, all in one DNS UPDATE.".to_owned(),
        (Semantics::Record, _) => "Records are added and removed one by one.".to_owned(),
        (Semantics::Rrset, _) => "All values of a name are written as one set.".to_owned(),
        (Semantics::Zone, _) => "The whole zone is written at once.".to_owned(),
        (Semantics::Slots(1), _) => "A name has one value, which is written over.".to_owned(),
        (Semantics::Slots(count), _) => format!("A name has {count} values, which are written over."),
    }
}

fn privilege(manifest: &Manifest) -> String {
    let mut text = format!("{}.\n", capitalized(&one_line(&manifest.privilege)));
    if !manifest.guide.policy.is_empty() {
        let policy: String = manifest.guide.policy.lines().map(|line| one_line(line) + "\n").collect();
        let _ = write!(text, "\n{}", code("text", &policy));
    }
    text
}

fn fields(manifest: &Manifest) -> String {
    let fields = list(manifest.fields.iter().map(field));
    if fields.is_empty() {
        return fields;
    }
    let prefix = format!("ACMITE_{}_", manifest.id.to_uppercase().replace('-', "_"));
    format!(
        "{fields}\nEach is also taken from the environment as `{prefix}` and its name in capitals, a secret also from the \
         file that `{prefix}..._FILE` names.\n"
    )
}

fn field(field: &FieldSpec) -> String {
    let kind = if field.secret { "secret" } else { "setting" };
    let need = match (&field.unless, field.required) {
        (Some(other), _) => format!(", needed unless there is `{other}`"),
        (None, true) => String::new(),
        (None, false) => ", optional".to_owned(),
    };
    let help = one_line(&field.help);
    let end = if help.ends_with('.') { "" } else { "." };
    let mut text = format!("`{}` ({kind}{need}): {help}{end}", field.name);
    if let Some(default) = &field.default {
        let _ = write!(text, " Default: `{default}`.");
    }
    if !field.one_of.is_empty() {
        let _ = write!(text, " One of {}.", names(&field.one_of));
    }
    match &field.from {
        Some((other, pointer)) if pointer.is_empty() => {
            let _ = write!(text, " Follows from `{other}` unless given.");
        }
        Some((other, pointer)) => {
            let _ = write!(text, " Taken out of `{other}` (`{pointer}`) unless given.");
        }
        None => {}
    }
    for (tool, known) in [("the environment", &field.env), ("certbot", &field.certbot), ("lego", &field.lego)] {
        if !known.is_empty() {
            let _ = write!(text, " In {tool}: {}.", names(known));
        }
    }
    one_line(&text)
}

/// Fields that must be given and stand in no other one; of those that may stand in each other's place the ones that
/// nobody is warned of.
fn needed(manifest: &Manifest) -> impl Iterator<Item = &FieldSpec> {
    let must = |field: &FieldSpec| field.required && field.default.is_none() && field.from.is_none();
    let stands_in = move |name: &String| {
        let other = manifest.fields.iter().find(|field| field.name == *name);
        other.is_some_and(|other| must(other) && other.warning.is_none())
    };
    manifest.fields.iter().filter(move |field| must(field) && !field.unless.as_ref().is_some_and(stands_in))
}

fn example(manifest: &Manifest) -> String {
    let id = &manifest.id;
    let (file, values) = credentials_file(manifest);
    let domain = if manifest.guide.zone.is_empty() { "example.com" } else { &manifest.guide.zone };
    let domain = one_line(domain);
    let config = format!(
        "[provider.dns]\nplugin = \"{id}\"\ncredentials = \"{file}\"\ndomains = [\"{domain}\"]\n\n\
         [certificate.\"{domain}\"]\nnames = [\"{domain}\", \"*.{domain}\"]\n"
    );
    let credentials = format!("--credentials /etc/acmite/{file}");
    // Where an API only writes there is nothing that a zone could be looked up in.
    let zone = match manifest.semantics {
        Semantics::Slots(_) => String::new(),
        _ => format!("--zone {domain} "),
    };
    let commands = format!(
        "acmite plugin check {id} {zone}{credentials}\n\
         acmite issue -d {domain} --dns-plugin {id} {credentials}\nacmite apply\n"
    );
    let (config, commands) = (code("toml", &config), code("console", &commands));
    format!(
        "`/etc/acmite/acmite.toml`:\n\n{config}\n`/etc/acmite/{file}`, its owner's alone (mode 0600){values}\n\
         Try it, issue one certificate, or make all that `acmite.toml` describes:\n\n{commands}"
    )
}

/// The name of the file of the credentials, and what stands in it. A key file in JSON is given as it is.
fn credentials_file(manifest: &Manifest) -> (String, String) {
    let id = &manifest.id;
    match needed(manifest).collect::<Vec<_>>().as_slice() {
        [only] if only.is_json(&manifest.fields) => (format!("{id}.json"), format!(", is {}.\n", one_line(&only.help))),
        fields => {
            let values: String = fields.iter().map(|field| format!("{} = \"...\"\n", field.name)).collect();
            (format!("{id}.toml"), format!(":\n\n{}", code("toml", &values)))
        }
    }
}

fn check(manifest: &Manifest) -> String {
    match manifest.guide.check.as_str() {
        "" => String::new(),
        text => one_line(text) + "\n",
    }
}

fn rates(manifest: &Manifest) -> String {
    let several = manifest.origins.len() > 1;
    let line = |(id, origin): (&String, &OriginSpec)| {
        let OriginSpec { burst, rate_per_second, concurrency, limits, .. } = origin;
        let about = if several { format!("`{id}`: ") } else { String::new() };
        let pace = format!("{about}{burst} requests at once and {rate_per_second} a second in the long run");
        one_line(format!("{pace}, {concurrency} at a time. {limits}").trim_end())
    };
    list(manifest.origins.iter().map(line))
}

fn sources(manifest: &Manifest) -> String {
    list(manifest.guide.sources.iter().map(|source| {
        let seen = source.seen.as_ref().map(|day| format!(", read {day}")).unwrap_or_default();
        one_line(&format!("<{}>{seen}", source.page))
    }))
}

fn names(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.map(|item| format!("- {item}\n")).collect()
}

/// A fence that what is inside cannot end.
fn code(language: &str, text: &str) -> String {
    let fence = if text.contains("```") { "````````" } else { "```" };
    format!("{fence}{language}\n{text}{fence}\n")
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "id = \"x\"\nname = \"X\"\nversion = \"1.0.0\"\ncontract = \"0.1\"\nhomepage = \"h\"\n\
        license = \"MIT\"\ndocs = \"https://example.com\"\nprivilege = \"none\"\n";

    #[test]
    fn a_manifest_that_says_little_has_a_page_without_empty_sections() {
        let page = markdown(&Manifest::parse(HEAD).expect("a manifest"));
        assert!(
            page.starts_with("# X (`x`)\n\nRecords are added and removed one by one. API: <https://example.com>.\n")
        );
        assert!(page.contains("## Least privilege\n\nNone.\n") && !page.contains("## Quirks"), "{page}");
    }

    #[test]
    fn a_manifest_adds_no_lines_and_no_control_characters_of_its_own() {
        let text = format!("{HEAD}[guide]\npolicy = \"a\\u001b[2J\\n```\\nb\"\nquirks = [\"c\\n## Fake\"]\n");
        let page = markdown(&Manifest::parse(&text).expect("a manifest"));
        assert!(!page.contains('\u{1b}') && !page.contains("\n## Fake"), "{page}");
        assert!(page.contains("````````text\n"), "{page}");
    }
}
