//! What the bundled providers weigh, and that `docs/providers.md` says so.

use std::path::{Path, PathBuf};

use acmite_tests::plugins::{build, repository};

#[test]
fn every_component_is_small() {
    for folder in folders() {
        let bytes = build(&folder).len();
        assert!(bytes < MOST_BYTES, "{} is {bytes} bytes", folder.display());
    }
}

#[test]
fn the_table_of_lines_is_right_within_a_tenth() {
    let docs = std::fs::read_to_string(repository().join("docs/providers.md")).expect("the docs");
    let (_, table) = docs.split_once("## Lines\n").expect("the section Lines");
    let table = table.split("\n## ").next().unwrap_or_default();
    for folder in folders() {
        let id = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let begin = format!("| `{id}` | ");
        let said = table.lines().find_map(|line| line.strip_prefix(&begin)?.strip_suffix(" |")?.parse::<usize>().ok());
        let lines = lines(&folder);
        let right = said.is_some_and(|said| said.abs_diff(lines) * 10 <= lines);
        assert!(right, "docs/providers.md says {said:?}; the row is: {begin}{lines} |");
    }
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
    let folders: Vec<PathBuf> = paths.filter(|path| path.join("plugin.toml").is_file()).collect();
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
