//! What the bundled providers weigh and cost, and that `docs/providers` says so; `ACMITE_BLESS=1` writes it there.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use acmite::plugin::field::FieldSpec;
use acmite::plugin::manifest::Manifest;
use acmite::plugin::page;
use acmite_tests::conformance::adapters;
use acmite_tests::plugins::{build, repository};

#[test]
fn every_component_is_small() {
    for folder in folders() {
        let bytes = build(&folder).len();
        assert!(bytes < MOST_BYTES, "{} is {bytes} bytes", folder.display());
    }
}

#[test]
fn every_provider_has_a_page_that_says_what_its_manifest_says() {
    for manifest in manifests() {
        let made = "<!-- Made from plugin.toml: edit that. -->\n\n";
        hold(&format!("docs/providers/{}.md", manifest.id), &(made.to_owned() + &page::markdown(&manifest)));
    }
}

#[test]
fn every_bundled_manifest_has_what_its_page_needs() {
    for manifest in manifests() {
        let id = &manifest.id;
        assert!(!manifest.guide.check.is_empty(), "{id} does not say what a check can tell");
        assert!(!manifest.guide.quirks.is_empty(), "{id} has no quirks");
        assert!(!manifest.guide.sources.is_empty(), "{id} cites no page");
        let days = manifest.guide.sources.iter().filter_map(|source| source.seen.as_deref());
        assert!(days.clone().all(is_day), "{id}: {:?}", days.collect::<Vec<_>>());
        for (origin, spec) in manifest.origins.iter().filter(|(origin, _)| *origin == "api") {
            assert!(!spec.limits.is_empty(), "{id} does not say how {origin} is limited");
        }
    }
}

fn is_day(text: &str) -> bool {
    let digits = |part: Option<&str>, count| part.is_some_and(|p| p.len() == count && p.parse::<u16>().is_ok());
    let mut parts = text.split('-');
    digits(parts.next(), 4) && digits(parts.next(), 2) && digits(parts.next(), 2) && parts.next().is_none()
}

#[test]
fn the_table_of_providers_says_what_their_manifests_say() {
    let rows = manifests().iter().map(provider_row).collect::<String>();
    hold_table("Providers", &format!("| id | name | fields | one change is of a |\n|---|---|---|---|\n{rows}"));
}

fn provider_row(manifest: &Manifest) -> String {
    let star = |field: &FieldSpec| if field.secret { "\\*" } else { "" };
    let fields = manifest.fields.iter().map(|field| format!("{}{}", field.name, star(field)));
    let (id, changes) = (&manifest.id, manifest.semantics.name());
    format!("| [`{id}`]({id}.md) | {} | {} | {changes} |\n", manifest.name, fields.collect::<Vec<_>>().join(", "))
}

/// The conformance suite holds the providers to these numbers.
#[test]
fn the_table_of_requests_says_what_conformance_counts() {
    let row = |adapter: &adapters::Adapter| {
        let joined = |costs: [usize; 3]| costs.map(|cost| cost.to_string()).join(" | ");
        format!("| `{}` | {} | {} |\n", adapter.plugin, joined(adapter.costs.present), joined(adapter.costs.cleanup))
    };
    let adapters = adapters::bundled();
    let head = "| id | publishing 1 | 2 | 50 | removing 1 | 2 | 50 |\n|---|---|---|---|---|---|---|\n";
    hold_table("Requests", &(head.to_owned() + &adapters.iter().map(row).collect::<String>()));
    let ids: Vec<String> = manifests().into_iter().map(|manifest| manifest.id).collect();
    assert_eq!(adapters.map(|adapter| adapter.plugin.to_owned()).to_vec(), ids, "one row for each bundled provider");
}

#[test]
fn the_table_of_lines_is_right_within_a_tenth() {
    let counted: Vec<(String, usize)> = folders()
        .iter()
        .map(|folder| (folder.file_name().unwrap().to_string_lossy().into_owned(), lines(folder)))
        .collect();
    let table = table_of(&read(INDEX), "Lines").to_owned();
    let said = |id: &str| {
        let begin = format!("| `{id}` | ");
        table.lines().find_map(|line| line.strip_prefix(&begin)?.strip_suffix(" |")?.parse::<usize>().ok())
    };
    let is_near = |(id, lines): &(String, usize)| said(id).is_some_and(|said| said.abs_diff(*lines) * 10 <= *lines);
    if !counted.iter().all(is_near) {
        let rows: String = counted.iter().map(|(id, lines)| format!("| `{id}` | {lines} |\n")).collect();
        hold_table("Lines", &format!("| id | lines |\n|---|---|\n{rows}"));
    }
}

const INDEX: &str = "docs/providers/README.md";

fn read(file: &str) -> String {
    std::fs::read_to_string(repository().join(file)).unwrap_or_default()
}

/// The table in a section of the index.
fn table_of<'a>(index: &'a str, title: &str) -> &'a str {
    let (_, section) = index.split_once(&format!("## {title}\n")).expect("the section");
    let begin = section.find("\n|").expect("a table") + 1;
    let table = &section[begin..];
    table.split_once("\n\n").map_or(table, |(table, _)| table)
}

fn hold_table(title: &str, table: &str) {
    // Two of these tests must not write the index at once.
    static WRITING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let index = read(INDEX);
    hold(INDEX, &index.replacen(table_of(&index, title), table.trim_end(), 1));
}

/// A file of the repository is as it should be; under `ACMITE_BLESS=1` it is made so.
fn hold(file: &str, expected: &str) {
    if std::env::var_os("ACMITE_BLESS").is_some() {
        std::fs::write(repository().join(file), expected).expect("written");
    }
    assert!(
        read(file) == expected,
        "{file} is stale: ACMITE_BLESS=1 cargo test --test providers writes it\n{expected}"
    );
}

fn manifests() -> Vec<Manifest> {
    let parse =
        |folder: PathBuf| Manifest::parse(&std::fs::read_to_string(folder.join("plugin.toml")).unwrap()).unwrap();
    folders().into_iter().map(parse).collect()
}

#[test]
fn the_template_is_short() {
    let template = repository().join("sdk/template");
    let manifest = std::fs::read_to_string(template.join("Cargo.toml")).expect("a manifest").lines().count();
    let all = lines(&template) + manifest;
    assert!(all < MOST_TEMPLATE_LINES, "{all} lines");
}

/// Every folder below `plugins/` that holds a provider.
fn folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join("plugins")).expect("the providers");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<PathBuf> = paths.filter(|path| path.join("plugin.toml").is_file()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

/// Lines of the manifest and the source, without tests.
fn lines(folder: &Path) -> usize {
    let sources =
        std::fs::read_dir(folder.join("src")).expect("the source").map(|entry| entry.expect("an entry").path());
    let own = sources.filter(|path| !path.ends_with("tests.rs"));
    let count = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("text");
        text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().lines().count()
    };
    own.chain([folder.join("plugin.toml")]).map(count).sum()
}

const MOST_BYTES: usize = 200_000;
const MOST_TEMPLATE_LINES: usize = 250;
