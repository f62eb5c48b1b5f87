//! The layers of `host/src`, as the table in `host/src/lib.rs` states them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where a file stands: its layer, its folder ("" at the root), its place within the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    layer: u32,
    folder: String,
    position: usize,
}

/// `plugin/wire` or `name` to its place.
type Table = BTreeMap<String, Place>;

#[test]
fn every_path_in_the_host_goes_down_or_left() {
    let root = host();
    let table = parse_table(&read(&root.join("lib.rs")));
    let reexports = reexports(&root, &table);
    let faults: Vec<String> = sources(&root)
        .iter()
        .filter(|(module, _)| table.contains_key(module))
        .flat_map(|(module, text)| violations(module, text, &table, &reexports))
        .collect();
    assert!(faults.is_empty(), "layers broken:\n{}", faults.join("\n"));
}

#[test]
fn every_file_is_in_the_table() {
    let root = host();
    let table = parse_table(&read(&root.join("lib.rs")));
    let unknown: Vec<String> = sources(&root)
        .into_iter()
        .map(|(module, _)| module)
        .filter(|module| !table.contains_key(module) && !is_frame(module))
        .collect();
    assert!(unknown.is_empty(), "files without a place in the table: {unknown:?}");
}

const SAMPLE: &str =
    "//! ```text\n//! 2 flow/  issue\n//! 1 dns/   message zone\n//! 1 store/ journal\n//! 0        name\n//! ```\n";

#[test]
fn invented_violations_are_found() {
    let table = parse_table(SAMPLE);
    let found = |module: &str, text: &str| violations(module, text, &table, &BTreeMap::new()).len();
    assert_eq!(found("dns/message", "use crate::flow::issue::Run;"), 1, "upwards");
    assert_eq!(found("dns/zone", "use crate::{name::N, store::journal::J};"), 1, "sideways, in a group");
    assert_eq!(found("dns/message", "fn f() { super::zone::walk() }"), 1, "rightwards, by super");
    assert_eq!(found("name", "use crate::dns;"), 1, "from the bottom");
}

#[test]
fn paths_down_and_left_comments_and_tests_are_let_through() {
    let table = parse_table(SAMPLE);
    let text = "// crate::flow::issue\nuse crate::{name, dns::message::{A, B}};\n#[cfg(test)]\nmod tests { use crate::flow::issue; }";
    assert_eq!(violations("dns/zone", text, &table, &BTreeMap::new()), Vec::<String>::new());
}

fn host() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files that hold no logic: crate roots and folders' mod.rs.
fn is_frame(module: &str) -> bool {
    module == "lib" || module == "mod" || module.ends_with("/mod")
}

fn parse_table(lib: &str) -> Table {
    let mut table = Table::new();
    let rows = lib.lines().skip_while(|line| *line != "//! ```text").skip(1).take_while(|line| *line != "//! ```");
    for row in rows {
        let row = row.trim_start_matches("//!").trim();
        let (layer, rest) = row.split_once(' ').expect("a row starts with its layer");
        let layer = layer.parse().expect("a layer is a number");
        let mut words = rest.split_whitespace().peekable();
        if let Some(main) = words.next_if(|word| word.ends_with(".rs")) {
            let folder = String::new();
            table.insert(main.trim_end_matches(".rs").to_owned(), Place { layer, folder, position: 0 });
            continue;
        }
        let folder = words.next_if(|word| word.ends_with('/')).unwrap_or("").trim_end_matches('/').to_owned();
        for (position, item) in words.filter(|word| *word != "|" && !word.starts_with('(')).enumerate() {
            let module = if folder.is_empty() { item.to_owned() } else { format!("{folder}/{item}") };
            table.insert(module, Place { layer, folder: folder.clone(), position });
        }
    }
    assert!(!table.is_empty(), "no table found");
    table
}

/// Every source file: its module path with `/`, and its text.
fn sources(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the host can be listed") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let module = path.strip_prefix(root).expect("below the root").with_extension("");
                found.push((module.to_string_lossy().into_owned(), read(&path)));
            }
        }
    }
    found.sort();
    found
}

/// `plugin/Name` to `plugin/wire`, from the folders' `pub use wire::Name;`.
fn reexports(root: &Path, table: &Table) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    for (module, text) in sources(root) {
        let Some(folder) = module.strip_suffix("/mod") else { continue };
        for chunk in text.split("pub use ").skip(1) {
            let statement = chunk.split(';').next().unwrap_or("");
            let Some((file, names)) = statement.trim_start_matches("self::").split_once("::") else { continue };
            let target = format!("{folder}/{file}");
            if table.contains_key(&target) {
                for name in names.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty()) {
                    map.insert(format!("{folder}/{name}"), target.clone());
                }
            }
        }
    }
    map
}

fn violations(module: &str, text: &str, table: &Table, reexports: &BTreeMap<String, String>) -> Vec<String> {
    let from = &table[module];
    let code = without_comments_and_tests(text);
    let mut paths = paths_after(&code, "crate::");
    // `super::` is the folder only in a file of one; a nested module's `super::` names no file and matches nothing.
    for path in paths_after(&code, "super::") {
        let sibling = format!("{}/{}", from.folder, path[0]);
        if !from.folder.is_empty() && (table.contains_key(&sibling) || reexports.contains_key(&sibling)) {
            paths.push([vec![from.folder.clone()], path].concat());
        }
    }
    let faulty = |path: &Vec<String>| !allowed(module, from, path, table, reexports);
    paths.iter().filter(|path| faulty(path)).map(|path| format!("{module} names {}", path.join("::"))).collect()
}

fn allowed(module: &str, from: &Place, path: &[String], table: &Table, reexports: &BTreeMap<String, String>) -> bool {
    let first = &path[0];
    if let Some(to) = table.get(first) {
        return to.layer < from.layer || first == module;
    }
    let Some(layer) = table.values().find(|place| place.folder == *first && !first.is_empty()).map(|place| place.layer)
    else {
        return false;
    };
    if *first != from.folder {
        return layer < from.layer;
    }
    let Some(second) = path.get(1) else { return false };
    let named = format!("{first}/{second}");
    let target = reexports.get(&named).unwrap_or(&named);
    target == module || table.get(target).is_some_and(|to| to.position < from.position)
}

fn without_comments_and_tests(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or("");
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// All paths behind each `start`, groups in braces expanded.
fn paths_after(code: &str, start: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(start) {
        let inside_word = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
        if !inside_word {
            expand(&code[at + start.len()..], &[], &mut found);
        }
    }
    found.retain(|path| !path.is_empty());
    found
}

/// Reads one path or group; gives how many bytes it took.
fn expand(code: &str, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let blank = code.len() - code.trim_start().len();
    let rest = &code[blank..];
    if let Some(group) = rest.strip_prefix('{') {
        return blank + 1 + expand_group(group, prefix, found);
    }
    let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let path = if word == 0 { prefix.to_vec() } else { [prefix, &[rest[..word].to_owned()]].concat() };
    if word > 0 && rest[word..].starts_with("::") {
        return blank + word + 2 + expand(&rest[word + 2..], &path, found);
    }
    found.push(path);
    blank + word
}

fn expand_group(group: &str, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut at = 0;
    loop {
        at += group[at..].len() - group[at..].trim_start_matches([',', ' ', '\n', '\t']).len();
        if at >= group.len() || group[at..].starts_with('}') {
            return at + 1;
        }
        let took = expand(&group[at..], prefix, found);
        let skip = group[at + took..].find([',', '}']).unwrap_or(group.len() - at - took);
        at += took + skip;
    }
}
