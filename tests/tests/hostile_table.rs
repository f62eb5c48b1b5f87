//! No hostile guest without a test, no test without its guest; none without a run in which it succeeds, or a reason.

use std::collections::{BTreeMap, BTreeSet};

use acmite_tests::hostile::counter_runs::{ATTACKS_WITHOUT, CounterRun, OF_ATTACKS, OF_TESTS, TESTS_WITHOUT};
use acmite_tests::plugins::repository;

/// All tests that attack, as text.
fn tests() -> String {
    let folder = std::fs::read_dir(repository().join("tests/tests")).expect("a folder");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    let hostile =
        paths.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("hostile_")));
    hostile.map(|path| std::fs::read_to_string(path).expect("a test")).collect()
}

/// The tests that run guests, each by name with its text.
fn guests_tests() -> BTreeMap<String, String> {
    let files =
        ["addresses", "guards", "output", "replies", "requests", "resources", "secrets", "sets", "updates", "zones"];
    let mut tests = BTreeMap::new();
    for file in files {
        let path = repository().join(format!("tests/tests/hostile_{file}.rs"));
        let text = std::fs::read_to_string(path).expect("a test");
        for test in text.split("test]\n").skip(1) {
            let body = test.split_once("\n}\n").expect("an end").0;
            let (name, body) = body.split_once("fn ").and_then(|(_, rest)| rest.split_once("()")).expect("a test");
            tests.insert(name.to_owned(), body.to_owned());
        }
    }
    tests
}

/// Core modules by file name.
fn modules() -> BTreeSet<String> {
    let folder = std::fs::read_dir(repository().join("tests/guests/wat")).expect("a folder");
    folder.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// Each of `all` has a counter-run or a reason for none, not both; what has one is there.
fn each_once(all: &BTreeSet<String>, runs: &BTreeSet<&str>, without: &[(&str, &str)]) {
    let reasons: BTreeSet<&str> = without.iter().map(|(name, _)| *name).collect();
    let missing: Vec<_> = all.iter().filter(|name| !runs.contains(&***name) && !reasons.contains(&***name)).collect();
    assert!(missing.is_empty(), "neither a counter-run nor a reason for none: {missing:?}");
    let both: Vec<_> = runs.intersection(&reasons).collect();
    assert!(both.is_empty(), "a counter-run and a reason for none: {both:?}");
    let gone: Vec<_> = runs.union(&reasons).filter(|name| !all.contains(**name)).collect();
    assert!(gone.is_empty(), "listed and not there: {gone:?}");
    assert!(without.iter().all(|(_, reason)| reason.len() > 10) && reasons.len() == without.len(), "{without:?}");
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
    let files = modules();
    assert!(files.len() > 5, "{files:?}");
    let untested: Vec<_> = files.iter().filter(|file| !tests.contains(&format!("\"{file}\""))).collect();
    assert!(untested.is_empty(), "modules without a test: {untested:?}");
    let words = tests.split('"').filter(|word| word.ends_with(".wat") && word.len() > 4);
    let unknown: BTreeSet<_> = words.filter(|word| !files.contains(*word)).collect();
    assert!(unknown.is_empty(), "tests without a module: {unknown:?}");
}

#[test]
fn every_attack_has_a_counter_run_or_a_reason_for_none() {
    let all = [attacks(), modules()].concat_all();
    each_once(&all, &OF_ATTACKS.iter().map(|run| run.attack).collect(), ATTACKS_WITHOUT);
}

#[test]
fn every_test_of_a_guest_has_a_counter_run_or_a_reason_for_none() {
    let all: BTreeSet<String> = guests_tests().into_keys().collect();
    assert!(all.len() > 70, "{}", all.len());
    let runs = OF_ATTACKS.iter().chain(OF_TESTS).flat_map(|run| [run.attack, run.test]);
    each_once(&all, &runs.filter(|name| all.contains(*name)).collect(), TESTS_WITHOUT);
    let gone: Vec<_> = OF_TESTS.iter().filter(|run| !all.contains(run.attack)).collect();
    assert!(gone.is_empty(), "listed and not there: {gone:?}");
}

#[test]
fn a_counter_run_stands_in_the_test_that_it_names() {
    let tests = guests_tests();
    let stands = |run: &&CounterRun| {
        let named = format!("\"{}\"", run.attack);
        tests
            .get(run.test)
            .is_some_and(|body| body.contains(run.by) && (tests.contains_key(run.attack) || body.contains(&named)))
    };
    let lost: Vec<_> = OF_ATTACKS.iter().chain(OF_TESTS).filter(|run| !stands(run)).collect();
    assert!(lost.is_empty(), "the test has no such run: {lost:?}");
}

trait ConcatAll {
    fn concat_all(self) -> BTreeSet<String>;
}

impl<const N: usize> ConcatAll for [BTreeSet<String>; N] {
    fn concat_all(self) -> BTreeSet<String> {
        self.into_iter().flatten().collect()
    }
}
