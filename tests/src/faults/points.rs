//! Every change that a run makes to its state folder, as strace sees it, and a run that meets a fault at one of them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::acmite::{Acmite, Finished};

/// A change to the state folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The system call.
    pub call: String,
    /// What it changes, from the state folder, without what differs from run to run.
    pub path: String,
    /// Which of the same, counted from 1.
    pub number: usize,
    /// Which call of its kind it is in the process's main thread.
    at: usize,
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// kill -9 before the change is made.
    Kill,
    /// The change fails with this error of the system, as `ENOSPC`.
    Error(&'static str),
}

/// The changes that a run makes, in their order.
///
/// # Panics
/// If the run fails, or changes the state folder in another thread than the main one, where no fault could be set.
pub fn points(run: Acmite, state: &Path) -> Vec<Point> {
    let trace = tempfile::NamedTempFile::new().expect("a file");
    let path = trace.path().display().to_string();
    run.under("strace", ["-f", "-q", "-y", "-s0", "-o", &path, &traced()]).run().expect_code(0);
    let text = std::fs::read_to_string(trace.path()).expect("a trace");
    let main = text.split_whitespace().next().expect("a process id").to_owned();
    let lines = whole_lines(&text);
    let (of_main, of_others): (Vec<&str>, Vec<&str>) =
        lines.iter().map(String::as_str).partition(|line| line.split_whitespace().next() == Some(&main));
    let stray: Vec<Point> = changes(of_others.into_iter(), state);
    assert!(stray.is_empty(), "{stray:?}");
    changes(of_main.into_iter(), state)
}

/// The calls of a trace; one that another thread's came in between of is told in two lines, its result in the second.
fn whole_lines(trace: &str) -> Vec<String> {
    let mut begun = BTreeMap::<&str, &str>::new();
    let mut whole = Vec::new();
    for line in trace.lines() {
        let (process, call) = line.split_once(' ').unwrap_or((line, ""));
        if let Some(beginning) = line.strip_suffix("<unfinished ...>") {
            begun.insert(process, beginning.trim_end());
        } else if let Some((_, end)) =
            call.trim_start().strip_prefix("<... ").and_then(|end| end.split_once(" resumed>"))
        {
            whole.push(format!("{}{end}", begun.remove(process).unwrap_or_default()));
        } else {
            whole.push(line.to_owned());
        }
    }
    whole
}

impl Point {
    /// Runs with the fault at this point. A `write` to something else than a file may come before or be missing; then
    /// the fault is met elsewhere, and what is given is the point as it is likelier to be met.
    ///
    /// # Panics
    /// If strace cannot be used.
    pub fn strike(&self, run: Acmite, state: &Path, damage: Damage) -> Result<Finished, Self> {
        let trace = tempfile::NamedTempFile::new().expect("a file");
        let path = trace.path().display().to_string();
        let what = match damage {
            Damage::Kill => "signal=KILL".to_owned(),
            Damage::Error(error) => format!("error={error}"),
        };
        let inject = format!("--inject={}:{what}:when={}", self.call, self.at);
        let done = run.under("strace", ["-q", "-y", "-s0", "-o", &path, &traced(), &inject]).run();
        let text = std::fs::read_to_string(trace.path()).expect("a trace");
        let is_this = |point: &Point| (&point.call, &point.path, point.number) == (&self.call, &self.path, self.number);
        match changes(text.lines(), state).into_iter().find(is_this) {
            Some(met) if met.at == self.at => Ok(done),
            Some(met) => Err(met),
            None => Err(Self { at: self.at + 1, ..self.clone() }),
        }
    }
}

const CALLS: [&str; 12] = [
    "openat",
    "mkdir",
    "write",
    "pwrite64",
    "writev",
    "fchmod",
    "fsync",
    "rename",
    "unlink",
    "symlink",
    "ftruncate",
    "rmdir",
];

fn traced() -> String {
    format!("--trace={}", CALLS.join(","))
}

/// Calls that fail change nothing, unless a fault made them fail.
fn changes<'a>(lines: impl Iterator<Item = &'a str>, state: &Path) -> Vec<Point> {
    let state = state.display().to_string();
    let (mut calls, mut seen) = (BTreeMap::<&str, usize>::new(), BTreeMap::<(&str, String), usize>::new());
    let mut points = Vec::new();
    for line in lines {
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let Some((call, arguments)) = line.split_once('(') else { continue };
        if !CALLS.contains(&call) {
            continue;
        }
        let at = calls.entry(call).or_default();
        *at += 1;
        let reads_only = call == "openat" && !arguments.contains("O_CREAT");
        let failed = arguments.contains(") = -1 ") && !arguments.contains("(INJECTED)");
        if reads_only || failed {
            continue;
        }
        let Some(path) = changed(call, arguments, &state) else { continue };
        let number = seen.entry((call, path.clone())).or_default();
        *number += 1;
        points.push(Point { call: call.to_owned(), path, number: *number, at: *at });
    }
    points
}

/// The path below `state` that a call changes: the last one it is given by name, else that of its descriptor.
fn changed(call: &str, arguments: &str, state: &str) -> Option<String> {
    let given = match call {
        "openat" | "mkdir" | "rename" | "unlink" | "symlink" | "rmdir" => {
            arguments.split('"').skip(1).step_by(2).last()?
        }
        _ => arguments.split_once('<')?.1.split_once('>')?.0,
    };
    let inside = given.strip_prefix(state)?.trim_start_matches('/');
    Some(inside.split('/').map(steady).collect::<Vec<_>>().join("/"))
}

/// A file's name without process ids, digests and ports.
fn steady(name: &str) -> String {
    if name.ends_with(".tmp") {
        let words: Vec<&str> = name.split('.').collect();
        return format!(
            "{}.tmp",
            words[..words.len() - 2].iter().map(|word| steady(word)).collect::<Vec<_>>().join(".")
        );
    }
    let is_random = |word: &&str| word.len() > 3 && word.chars().all(|c| c.is_ascii_hexdigit());
    let has_digit = |word: &&str| word.chars().any(|c| c.is_ascii_digit());
    let parts = name.split('-').map(|part| {
        let words = part.split('.').map(|word| if is_random(&word) && has_digit(&word) { "*" } else { word });
        words.collect::<Vec<_>>().join(".")
    });
    parts.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_told_in_two_lines_is_one() {
        let trace = "7 mkdir(\"/s/live\", 0700 <unfinished ...>\n8 openat(AT_FDCWD</>, \"/x\", O_RDONLY) = 3</x>\n\
            7 <... mkdir resumed>) = -1 EEXIST (File exists)\n";
        let whole = whole_lines(trace);
        assert_eq!(whole.len(), 2);
        assert_eq!(whole[1], "7 mkdir(\"/s/live\", 0700) = -1 EEXIST (File exists)");
        assert!(changes(whole.iter().map(String::as_str), Path::new("/s")).is_empty());
    }

    #[test]
    fn a_trace_gives_the_changes_and_their_places_among_the_calls() {
        let trace = "7 openat(AT_FDCWD</>, \"/etc/hosts\", O_RDONLY) = 3</etc/hosts>\n\
            7 openat(AT_FDCWD</>, \"/s/journal/.81bc9f.json.31476-3-109.tmp\", O_WRONLY|O_CREAT, 0600) = 3</s/x>\n\
            7 fsync(3</s/accounts/127.0.0.1-44475-directory-1ae6be4d>) = 0\n\
            7 mkdir(\"/s/live\", 0700) = -1 EEXIST (File exists)\n\
            7 rename(\"/s/a.tmp\", \"/s/live/example.test\") = ?\n";
        let shown: Vec<String> = changes(trace.lines(), Path::new("/s"))
            .into_iter()
            .map(|point| format!("{} {} {}", point.call, point.path, point.at))
            .collect();
        let expected =
            ["openat journal/.*.json.tmp 2", "fsync accounts/127.0.0.1-*-directory-* 1", "rename live/example.test 1"];
        assert_eq!(shown, expected);
    }
}
