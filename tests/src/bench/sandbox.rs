//! The parts of a provider's call as criterion measured them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A part of a call.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What was measured, as criterion's group.
    pub part: String,
    /// For which provider.
    pub plugin: String,
    /// The median, and the bounds of its 95 % confidence interval, in microseconds.
    pub median: [f64; 3],
}

/// Runs the program, which takes a minute, and reads what it has measured.
///
/// # Panics
/// If it fails.
pub fn measured(program: &Path, folder: &Path) -> Vec<Figure> {
    let home = folder.join("criterion");
    // What an earlier run measured is not to be compared with, nor taken for this one's.
    std::fs::remove_dir_all(&home).ok();
    let status = Command::new(program).args(["--bench", "--noplot"]).env("CRITERION_HOME", &home).status();
    let status = status.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(status.success(), "{}: {status}", program.display());
    let mut figures: Vec<Figure> =
        subfolders(&home).iter().flat_map(|part| subfolders(part)).map(|one| figure(&one)).collect();
    figures.sort_by_key(|figure| (PARTS.iter().position(|part| *part == figure.part), figure.plugin.clone()));
    figures
}

/// In the order in which they come when a provider is used.
const PARTS: [&str; 4] = ["compile", "load", "instantiate", "present and cleanup"];

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of criterion's").flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir() && !path.ends_with("report")).collect()
}

/// Criterion writes `PART/PLUGIN/new/{benchmark,estimates}.json`.
fn figure(folder: &Path) -> Figure {
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(folder.join("new").join(name)).expect("a file of criterion's");
        serde_json::from_str(&text).expect("JSON")
    };
    let (benchmark, estimates) = (read("benchmark.json"), read("estimates.json"));
    let text = |key: &str| benchmark[key].as_str().expect("a text").to_owned();
    let median = &estimates["median"];
    let microseconds = |value: &Value| value.as_f64().expect("nanoseconds") / 1000.0;
    let interval = &median["confidence_interval"];
    Figure {
        part: text("group_id"),
        plugin: text("function_id"),
        median: [&median["point_estimate"], &interval["lower_bound"], &interval["upper_bound"]].map(microseconds),
    }
}

/// A table.
pub fn markdown(figures: &[Figure]) -> String {
    let mut text =
        "### The parts of a provider's call\n\n| part | provider | median | its 95 % confidence interval |\n\
                    |---|---|--:|--:|\n"
            .to_owned();
    for Figure { part, plugin, median: [median, lower, upper] } in figures {
        let _ = writeln!(text, "| {part} | {plugin} | {} | {} to {} |", shown(*median), shown(*lower), shown(*upper));
    }
    text
}

fn shown(microseconds: f64) -> String {
    match microseconds {
        few if few < 1000.0 => format!("{few:.1} µs"),
        many => format!("{:.1} ms", many / 1000.0),
    }
}

/// For machines.
pub fn json(figures: &[Figure]) -> Value {
    let one = |figure: &Figure| {
        let [median, lower, upper] = figure.median;
        serde_json::json!({"part": figure.part, "plugin": figure.plugin, "median_us": median, "lower_us": lower,
                           "upper_us": upper})
    };
    figures.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_criterion_wrote_is_read_and_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let new = folder.path().join("new");
        std::fs::create_dir(&new).expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(new.join(name), text).expect("written");
        write("benchmark.json", r#"{"group_id": "load", "function_id": "google"}"#);
        let interval = r#"{"lower_bound": 900000.0, "upper_bound": 1300000.0}"#;
        write(
            "estimates.json",
            &format!(r#"{{"median": {{"point_estimate": 1200000.0, "confidence_interval": {interval}}}}}"#),
        );
        let text = markdown(&[figure(folder.path())]);
        assert!(text.contains("| load | google | 1.2 ms | 900.0 µs to 1.3 ms |"), "{text}");
    }
}
