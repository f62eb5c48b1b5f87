//! Where a run is written down, and under which conditions it was.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::report::{self, Scenario};

/// Writes the run into a folder as `bench.md`, `bench.json` and `bench.svg`, and into a document between its two marks.
///
/// # Panics
/// If that cannot be written, or the document has no marks.
pub fn write(scenarios: &[Scenario], folder: &Path, document: Option<&Path>) {
    let conditions = conditions();
    let text = format!("{conditions}\n\n{}", report::markdown(scenarios));
    let json = serde_json::to_string_pretty(&report::json(scenarios, &conditions)).expect("JSON");
    let drawing = report::svg(scenarios);
    for (name, content) in [("bench.md", &text), ("bench.json", &json), ("bench.svg", &drawing)] {
        std::fs::write(folder.join(name), content).expect("written");
    }
    let Some(document) = document else { return };
    replace(document, BEGIN, END, &text);
    std::fs::write(document.with_file_name("performance.svg"), drawing).expect("written");
}

/// A part of the document that is measured on its own, as `cargo xtask bench --only ID`.
#[derive(Debug)]
pub struct Part {
    /// As it is chosen by.
    pub id: &'static str,
    /// For people.
    pub markdown: String,
    /// For machines.
    pub json: Value,
    /// A drawing that the document shows, if there is one.
    pub svg: Option<String>,
}

impl Part {
    /// Writes the part into a folder as `ID.md`, `ID.json` and `ID.svg`, and into a document between its own marks.
    ///
    /// # Panics
    /// If that cannot be written, or the document has no such marks.
    pub fn write(&self, folder: &Path, document: Option<&Path>) {
        let id = self.id;
        let conditions = machine();
        let text = format!("{conditions}\n\n{}", self.markdown);
        let json = serde_json::to_string_pretty(&json!({"conditions": conditions, id: self.json})).expect("JSON");
        std::fs::write(folder.join(format!("{id}.md")), &text).expect("written");
        std::fs::write(folder.join(format!("{id}.json")), json).expect("written");
        if let Some(svg) = &self.svg {
            std::fs::write(folder.join(format!("{id}.svg")), svg).expect("written");
        }
        let Some(document) = document else { return };
        let begin = format!("<!-- written by cargo xtask bench --only {id} -->");
        let mut text = text;
        if let Some(svg) = &self.svg {
            let name = format!("performance-{id}.svg");
            std::fs::write(document.with_file_name(&name), svg).expect("written");
            text.push_str(&format!("\n![As a drawing]({name})\n"));
        }
        replace(document, &begin, &format!("<!-- end of {id} -->"), &text);
    }
}

fn replace(document: &Path, begin: &str, end: &str, text: &str) {
    let before = std::fs::read_to_string(document).expect("the document");
    std::fs::write(document, replaced(&before, begin, end, text)).expect("written");
}

/// The document with another text between its marks.
fn replaced(document: &str, begin: &str, end: &str, text: &str) -> String {
    let (head, rest) = document.split_once(begin).expect("the mark of the beginning");
    let (_, tail) = rest.split_once(end).expect("the mark of the end");
    format!("{head}{begin}\n\n{}\n\n{end}{tail}", text.trim_end())
}

const BEGIN: &str = "<!-- written by cargo xtask bench -->";
const END: &str = "<!-- end -->";

fn conditions() -> String {
    format!(
        "{} Pebble 2.10.1 without sleep, PowerDNS and BIND, all on loopback of the same machine, so that their work is \
         in every time. Peers: {}; {}.",
        machine(),
        said("lego", &["--version"]),
        said("certbot", &["--version"]),
    )
}

/// When and on what.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(2).collect();
    let date = said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]);
    format!(
        "Run of {date}: {cores} cores ({}), load average {} at its end over the last minute and five.",
        model.trim_start_matches([' ', '\t', ':']),
        load.join(", "),
    )
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| format!("no {program}"), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_written_anew() {
        let document = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        assert_eq!(replaced(&document, BEGIN, END, "new\n"), format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
    }
}
