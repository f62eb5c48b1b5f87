//! Where a run is written down, and under which conditions it was.

use std::path::Path;
use std::process::Command;

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
    let before = std::fs::read_to_string(document).expect("the document");
    std::fs::write(document, replaced(&before, &text)).expect("written");
    std::fs::write(document.with_file_name("performance.svg"), drawing).expect("written");
}

/// The document with another text between its marks.
fn replaced(document: &str, text: &str) -> String {
    let (head, rest) = document.split_once(BEGIN).expect("the mark of the beginning");
    let (_, tail) = rest.split_once(END).expect("the mark of the end");
    format!("{head}{BEGIN}\n\n{}\n\n{END}{tail}", text.trim_end())
}

const BEGIN: &str = "<!-- written by cargo xtask bench -->";
const END: &str = "<!-- end -->";

fn conditions() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(2).collect();
    let date = said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]);
    let lego = said("lego", &["--version"]);
    let certbot = said("certbot", &["--version"]);
    format!(
        "Run of {date}: {cores} cores ({}), load average {} at its end over the last minute and five. Pebble 2.10.1 \
         without sleep, PowerDNS and BIND, all on loopback of the same machine, so that their work is in every time. \
         Peers: {lego}; {certbot}.",
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
        assert_eq!(replaced(&document, "new\n"), format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
    }
}
