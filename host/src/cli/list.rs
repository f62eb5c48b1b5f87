//! `acmite list`.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::exit::{Exit, Failure};
use super::setup::open_state;
use super::view::{self, AllNames, moment};
use super::{Global, Printer};
use crate::causes::chain;
use crate::flow::Standing;

/// List the certificates: issuer, expiry, next renewal, provider, and how the last attempt ended.
///
/// Example: acmite list
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let state = open_state(global)?;
    let now = OffsetDateTime::now_utc();
    let mut rows = vec![HEADING.map(str::to_owned)];
    let mut all: Vec<Value> = Vec::new();
    let AllNames { found, unread } = view::all_names(&state);
    for name in found {
        match Standing::read(&state, &name) {
            Ok(standing) => {
                rows.push(row(&standing, now));
                all.push(view::json(&standing, now));
            }
            Err(error) => {
                let error = chain(&error);
                all.push(json!({"name": name, "error": error}));
                rows.push([name, error, String::new(), String::new(), String::new(), String::new()]);
            }
        }
    }
    let unread: Vec<String> = unread.into_iter().map(|failure| failure.message).collect();
    let mut text = if all.is_empty() { "no certificates; `acmite issue` gets one".to_owned() } else { aligned(&rows) };
    unread.iter().for_each(|why| text.push_str(&format!("\nthere may be more: {why}")));
    printer.result(&text, &json!({"event": "list", "certificates": all, "unread": unread}));
    Ok(if unread.is_empty() { Exit::Done } else { Exit::State })
}

const HEADING: [&str; 6] = ["NAME", "EXPIRES", "NEXT RENEWAL", "LAST", "PROVIDER", "ISSUER"];

fn row(standing: &Standing, now: OffsetDateTime) -> [String; 6] {
    let dash = || "-".to_owned();
    let expires = match (&standing.leaf, view::days_left(standing, now)) {
        _ if standing.is_revoked() => "revoked".to_owned(),
        (Some(_), Some(..0)) => "expired".to_owned(),
        (Some(leaf), Some(days)) => format!("{} ({days} days)", leaf.not_after.date()),
        _ => dash(),
    };
    let next = match view::next(standing, now) {
        Some(at) if at <= now => "due".to_owned(),
        Some(at) => moment(at).replace('T', " ").replace(":00Z", "Z"),
        None => dash(),
    };
    [
        standing.name.clone(),
        expires,
        next,
        view::last_result(standing).to_owned(),
        view::provider(standing).unwrap_or_else(dash),
        standing.leaf.as_ref().map_or_else(dash, |leaf| leaf.issuer.clone()),
    ]
}

fn aligned(rows: &[[String; 6]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).filter(|w| *w <= WIDEST).max();
    let widths: [usize; 6] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A longer cell, an error or a path, pushes its own line apart and no other.
const WIDEST: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_and_a_long_cell_moves_its_own_line_only() {
        let row = |first: &str, second: &str| [first, second, "", "", "", ""].map(str::to_owned);
        let long = "x".repeat(WIDEST + 1);
        let text = aligned(&[row("a", "b"), row("abc", "d"), row(&long, "e")]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines, ["a    b", "abc  d", &format!("{long}  e")]);
    }
}
