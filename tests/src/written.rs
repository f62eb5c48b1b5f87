//! A figure of each provider that stands in a file, so that a jump of one is seen.

use std::collections::BTreeMap;

use crate::plugins::{self, repository};

/// Compares a figure of every provider with the lines `ID FIGURE` of a file in `tests/`; each may differ by so much.
///
/// # Panics
/// If one differs more, with the lines to write into the file if that is as it should be.
pub fn compare(file: &str, leeway_percent: u64, found: &BTreeMap<String, u64>) {
    let path = repository().join("tests").join(file);
    let text = std::fs::read_to_string(&path).expect("the figures");
    let written: BTreeMap<&str, u64> = text.lines().filter_map(line).collect();
    let is_near = |(id, figure): &(&String, &u64)| {
        written.get(id.as_str()).is_some_and(|known| figure.abs_diff(*known) * 100 <= known * leeway_percent)
    };
    let wrong = found.iter().filter(|one| !is_near(one)).map(|(id, figure)| format!("{id} {figure}"));
    let gone = written.keys().filter(|id| !found.contains_key(**id)).map(|id| format!("(no line for {id})"));
    let wrong: Vec<String> = wrong.chain(gone).collect();
    assert!(
        wrong.is_empty(),
        "not as in {} by more than {leeway_percent} %; if that is as it should be, write there:\n{}",
        path.display(),
        wrong.join("\n")
    );
    assert_eq!(found.len(), plugins::ids().len(), "a provider has no figure");
}

fn line(line: &str) -> Option<(&str, u64)> {
    let (id, figure) = line.split_once(' ')?;
    Some((id, figure.parse().ok()?))
}
