//! `docs/reliability.md`: what was broken where and how often; each test holds its own row to what it did.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::plugins::repository;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What is done to acmite.
    pub fault: &'static str,
    /// What is shown.
    pub shown: &'static str,
    /// How steady the number of points is.
    pub count: Count,
}

/// How steady a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// The same on every machine.
    Exact,
    /// How often a run has to ask, and which request is the last, depends on who is quicker.
    About,
}

/// The table as it stands.
///
/// # Panics
/// If there is none.
pub fn document() -> String {
    std::fs::read_to_string(path()).expect("docs/reliability.md")
}

/// Holds a row to how many faults its test has injected; under `ACMITE_BLESS=1` writes it instead.
///
/// # Panics
/// If the row is missing or says another number.
pub fn tell(fault: &str, count: usize) {
    static WRITING: Mutex<()> = Mutex::new(());
    let row = ROWS.iter().find(|row| row.fault == fault).unwrap_or_else(|| panic!("there is no row {fault:?}"));
    let line = format!("| {} | {count} | {} |", row.fault, row.shown);
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let text = document();
    let said = number(&text, row);
    let is_about = row.count == Count::About && said.is_some_and(|said| count.abs_diff(said) <= said / 3);
    if std::env::var_os("ACMITE_BLESS").is_some() {
        std::fs::write(path(), with_row(&text, row, &line)).expect("written");
    } else {
        assert!(is_about || text.contains(&line), "docs/reliability.md lacks {line:?}; ACMITE_BLESS=1 writes it");
    }
}

/// What the table says, if the row is there and says what it should.
fn number(text: &str, row: &Row) -> Option<usize> {
    let line = text.lines().find(|line| line.starts_with(&format!("| {} |", row.fault)))?;
    line.strip_suffix(&format!(" | {} |", row.shown))?.rsplit(' ').next()?.parse().ok()
}

fn with_row(text: &str, row: &Row, line: &str) -> String {
    let start = format!("| {} |", row.fault);
    let kept: Vec<&str> = text.lines().filter(|old| !old.starts_with(&start)).collect();
    let head = kept.iter().position(|old| old.starts_with("|--")).expect("a table") + 1;
    let position = |fault: &str| ROWS.iter().position(|row| row.fault == fault);
    let comes_before = |old: &&&str| {
        let fault = old.trim_start_matches("| ").split(" |").next().unwrap_or_default();
        old.starts_with("| ") && position(fault) < position(row.fault)
    };
    let at = head + kept[head..].iter().take_while(comes_before).count();
    let (before, after) = kept.split_at(at);
    before.iter().chain(&[line]).chain(after).map(|line| format!("{line}\n")).collect()
}

fn path() -> PathBuf {
    repository().join("docs/reliability.md")
}

/// All rows, in their order.
pub const ROWS: [Row; 15] = [
    Row { fault: "kill -9 before each change that `acmite issue` makes on disk", shown: WHOLE, count: Count::Exact },
    Row { fault: "kill -9 before each change that `acmite renew` makes on disk", shown: WHOLE, count: Count::Exact },
    Row { fault: "each change on disk of `acmite issue` fails (disk full)", shown: WORD, count: Count::Exact },
    Row { fault: "each change on disk of `acmite renew` fails (disk full)", shown: WORD, count: Count::Exact },
    Row {
        fault: "kill -9 before and after the CA does each request of `acmite issue`",
        shown: WHOLE,
        count: Count::About,
    },
    Row {
        fault: "kill -9 before and after the CA does each request of `acmite renew`",
        shown: WHOLE,
        count: Count::About,
    },
    Row { fault: "kill -9 before and after the provider's API does each request", shown: WHOLE, count: Count::About },
    Row { fault: "each request of `acmite issue` fails in each way the CA can", shown: CLEAN, count: Count::About },
    Row { fault: "each request of `acmite renew` fails in each way the CA can", shown: CLEAN, count: Count::About },
    Row { fault: "SIGINT and SIGTERM at each request to the CA", shown: STOPPED, count: Count::About },
    Row { fault: "SIGINT at each request to the provider's API", shown: STOPPED, count: Count::Exact },
    Row { fault: "name servers that are silent, refuse, or say something else", shown: WORD, count: Count::Exact },
    Row {
        fault: "a clock that is wrong by years, months or an hour, and right again",
        shown: WHOLE,
        count: Count::Exact,
    },
    Row { fault: "a disk with 0 to 23 free pages", shown: WORD, count: Count::Exact },
    Row { fault: "a disk that is read-only", shown: WORD, count: Count::Exact },
];

const WHOLE: &str = "`live/` is a matching pair or not there; the next run succeeds, leaves nothing in the zone, and \
    orders nothing that was finalized already";
const CLEAN: &str = "as above, the zone is clean at once, and acmite says what to do";
const STOPPED: &str = "it ends within seconds with code 130, having removed what it published; the next run succeeds";
const WORD: &str = "as above, and acmite names the file and what to do";
