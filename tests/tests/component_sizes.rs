//! No provider grows without being noticed.

use std::collections::BTreeMap;

use acmite_tests::plugins::{build, repository};

#[test]
fn each_component_is_about_as_large_as_it_is_written_down() {
    let file = repository().join("tests/component-sizes.txt");
    let written = std::fs::read_to_string(&file).expect("the sizes");
    let known: BTreeMap<&str, usize> = written.lines().filter_map(line).collect();
    let mut wrong = Vec::new();
    for id in providers() {
        let size = build(&id).len();
        let is_near = known.get(id.as_str()).is_some_and(|known| size.abs_diff(*known) * 100 <= known * LEEWAY_PERCENT);
        if !is_near {
            wrong.push(format!("{id} {size}"));
        }
    }
    let file = file.display();
    assert!(wrong.is_empty(), "not as in {file}; if that is as it should be, write there:\n{}", wrong.join("\n"));
}

/// Compilers differ a little from machine to machine.
const LEEWAY_PERCENT: usize = 4;

fn line(line: &str) -> Option<(&str, usize)> {
    let (id, bytes) = line.split_once(' ')?;
    Some((id, bytes.parse().ok()?))
}

fn providers() -> Vec<String> {
    let folders = std::fs::read_dir(repository().join("plugins")).expect("the plugins").flatten();
    let with_manifest = folders.filter(|folder| folder.path().join("plugin.toml").is_file());
    with_manifest.map(|folder| folder.file_name().to_string_lossy().into_owned()).collect()
}
