//! The table of layers in the host's crate documentation is true.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;

/// Folder or file of the first level to its layer, and the order inside each folder.
struct Table {
    layers: BTreeMap<String, u32>,
    order: BTreeMap<String, Vec<String>>,
}

fn table(lib: &str) -> Table {
    let mut table = Table { layers: BTreeMap::new(), order: BTreeMap::new() };
    for line in lib.lines().filter_map(|line| line.strip_prefix("//! ")) {
        let Some((layer, rest)) = line.split_once(' ') else { continue };
        let Ok(layer) = layer.parse::<u32>() else { continue };
        let words: Vec<&str> = rest.split_whitespace().filter(|word| *word != "|").collect();
        match words[0].strip_suffix('/') {
            Some(folder) => {
                let files = words[1..].iter().take_while(|w| !w.starts_with('(')).map(|w| (*w).to_owned()).collect();
                table.layers.insert(folder.into(), layer);
                table.order.insert(folder.into(), files);
            }
            None if layer == 0 => {
                table.layers.extend(words.iter().map(|word| ((*word).to_owned(), 0)));
                table.order.insert(String::new(), words.iter().map(|word| (*word).to_owned()).collect());
            }
            None => {}
        }
    }
    table
}

/// Why a `crate::` path in the module `from` breaks the table.
fn breach(table: &Table, from: &[&str], path: &str) -> Option<String> {
    let to: Vec<&str> = path.split("::").collect();
    let layer = |name: &str| table.layers.get(name).copied();
    let (own, other) = (layer(from[0]), layer(to[0]));
    let (Some(own), Some(other)) = (own, other) else { return Some(format!("{path} is not in the table")) };
    if from[0] != to[0] && own == 0 && other == 0 {
        let position = |name| table.order[""].iter().position(|file| file == name);
        return (position(to[0]) > position(from[0])).then(|| format!("{path} is not to the left of {}", from[0]));
    }
    if from[0] != to[0] {
        return (other >= own).then(|| format!("{} (layer {own}) imports {path} (layer {other})", from.join("::")));
    }
    let order = table.order.get(from[0])?;
    let position = |name: &str| order.iter().position(|file| file == name);
    let (inside, target) = (from.get(1)?, to.get(1)?);
    if inside == target {
        return None;
    }
    match (position(inside), position(target)) {
        (Some(own), Some(other)) if other < own => None,
        (None, _) => Some(format!("{} is not in the table", from.join("::"))),
        _ => Some(format!("{} imports {path}, which is not to its left", from.join("::"))),
    }
}

fn crate_paths(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    code.match_indices("crate::")
        .map(|(at, found)| code[at + found.len()..].chars().take_while(|c| is_path(*c)).collect::<String>())
        .map(|path| path.trim_end_matches(':').to_owned())
        .collect()
}

fn check_folder(table: &Table, folder: &Path, module: &[&str], breaches: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        let stem = name.strip_suffix(".rs").unwrap_or(&name).to_owned();
        let inner: Vec<&str> = module.iter().copied().chain([stem.as_str()]).collect();
        if path.is_dir() {
            check_folder(table, &path, &inner, breaches);
        } else if !["lib", "main", "mod", "tests"].contains(&stem.as_str()) {
            let text = std::fs::read_to_string(&path).unwrap();
            breaches.extend(crate_paths(&text).iter().filter_map(|found| breach(table, &inner, found)));
        }
    }
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src");
    let table = table(&std::fs::read_to_string(source.join("lib.rs")).unwrap());
    assert!(table.layers.len() > 3);
    let mut breaches = Vec::new();
    check_folder(&table, &source, &[], &mut breaches);
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn a_breach_is_seen() {
    let table = table("//! 1 plugin/    wire guard http\n//! 1 dns/ zone\n//! 0            name backoff\n");
    assert!(breach(&table, &["name"], "plugin::wire::Scope").is_some());
    assert!(breach(&table, &["name"], "backoff::Backoff").is_some());
    assert!(breach(&table, &["backoff"], "name::DnsName").is_none());
    assert!(breach(&table, &["dns", "zone"], "plugin::wire").is_some());
    assert!(breach(&table, &["plugin", "wire"], "plugin::http::Wire").is_some());
    assert!(breach(&table, &["plugin", "unlisted"], "plugin::wire").is_some());
    assert!(breach(&table, &["plugin", "http"], "plugin::guard::Guard").is_none());
    assert!(breach(&table, &["plugin", "http"], "name::DnsName").is_none());
}

/// Files of the host that, outside of their tests, hold this text; from `host/src`.
fn files_with(folder: &Path, text: &str, found: &mut Vec<String>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files_with(&path, text, found);
        } else if std::fs::read_to_string(&path).unwrap().split("#[cfg(test)]").next().unwrap().contains(text) {
            found.push(path.to_string_lossy().rsplit_once("host/src/").unwrap().1.to_owned());
        }
    }
    found.sort();
}

/// A doctor looks at whatever certificate is shown to it; nobody else may, and nobody else can reach what lets it.
#[test]
fn certificates_are_checked_everywhere_but_on_the_doctors_visit() {
    const VISIT: &str = "flow/doctor/visit.rs";
    const TLS: &str = "tls.rs";
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src");
    let with = |text: &str| {
        let mut found = Vec::new();
        files_with(&source, text, &mut found);
        found
    };
    for text in ["danger_accept_invalid", "ServerCertVerified::assertion"] {
        assert_eq!(with(text), [VISIT], "{text}");
    }
    // The other one asks the user's roots, then the system's; none but these two can say that a certificate is good.
    for text in ["impl ServerCertVerifier for", ".dangerous()", "with_custom_certificate_verifier(Arc::new("] {
        assert_eq!(with(text), [VISIT, TLS], "{text}");
    }
    assert_eq!(with("rustls_platform_verifier::Verifier::new("), [TLS]);
    // The first is for chains that the CA handed out.
    assert_eq!(with("WebPkiServerVerifier::builder_with_provider("), ["pki/trust.rs", TLS]);
    assert_eq!(with("visit::"), ["flow/doctor/port.rs"]);
    let visit = std::fs::read_to_string(source.join(VISIT)).unwrap();
    let public = visit.lines().filter(|line| line.trim_start().starts_with("pub"));
    let names = public.map(|line| line.split('(').nth(1).unwrap().split("fn ").nth(1).unwrap_or(line).to_owned());
    assert_eq!(names.collect::<Vec<_>>(), ["addresses", "fetch", "shake_hands"], "none of them hands out a client");
}
