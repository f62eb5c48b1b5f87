//! No hostile guest without a test, no test without its guest.

use std::collections::BTreeSet;

use acmite_tests::plugins::repository;

/// All tests that attack, as text.
fn tests() -> String {
    let folder = std::fs::read_dir(repository().join("tests/tests")).expect("a folder");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    let hostile =
        paths.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("hostile_")));
    hostile.map(|path| std::fs::read_to_string(path).expect("a test")).collect()
}

/// The names in the guest's table.
fn attacks() -> BTreeSet<String> {
    let table = std::fs::read_to_string(repository().join("tests/guests/src/table.rs")).expect("the table");
    let name = |line: &str| Some(line.trim().strip_prefix("(\"")?.split_once('"')?.0.to_owned());
    table.lines().filter_map(name).collect()
}

/// What is between `before` and the next quote, wherever it stands.
fn named(text: &str, before: &str) -> BTreeSet<String> {
    text.split(before).skip(1).filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_attack_of_the_guest_is_in_a_test_and_every_test_names_one_that_is_there() {
    let (attacks, tests) = (attacks(), tests());
    assert!(attacks.len() > 20, "{attacks:?}");
    let untested: Vec<_> = attacks.iter().filter(|attack| !tests.contains(&format!("\"{attack}\""))).collect();
    assert!(untested.is_empty(), "attacks without a test: {untested:?}");
    let used = [named(&tests, "Attack::new(\""), named(&tests, "attack(\"")].concat_all();
    let unknown: Vec<_> = used.iter().filter(|name| !name.is_empty() && !attacks.contains(*name)).collect();
    assert!(unknown.is_empty(), "tests without a guest: {unknown:?}");
}

#[test]
fn every_core_module_is_in_a_test_and_every_test_names_one_that_is_there() {
    let tests = tests();
    let folder = std::fs::read_dir(repository().join("tests/guests/wat")).expect("a folder");
    let files: BTreeSet<String> =
        folder.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    assert!(files.len() > 5, "{files:?}");
    let untested: Vec<_> = files.iter().filter(|file| !tests.contains(&format!("\"{file}\""))).collect();
    assert!(untested.is_empty(), "modules without a test: {untested:?}");
    let words = tests.split('"').filter(|word| word.ends_with(".wat") && word.len() > 4);
    let unknown: BTreeSet<_> = words.filter(|word| !files.contains(*word)).collect();
    assert!(unknown.is_empty(), "tests without a module: {unknown:?}");
}

trait ConcatAll {
    fn concat_all(self) -> BTreeSet<String>;
}

impl<const N: usize> ConcatAll for [BTreeSet<String>; N] {
    fn concat_all(self) -> BTreeSet<String> {
        self.into_iter().flatten().collect()
    }
}
