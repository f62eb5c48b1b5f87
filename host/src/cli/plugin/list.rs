//! `acmite plugin list`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::providers::{Place, available, component};
use super::setup::open_state;
use super::{Global, Printer};
use crate::plugin::inspect::{Inspected, inspect};
use crate::store::StateDir;

/// List the providers that can be named after --dns-plugin, all or those that a word is found in.
///
/// Example: acmite plugin list amazon
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Only those with this in id, name, fields, or what certbot and lego call these
    #[arg(value_name = "WORD")]
    word: Option<String>,
    /// What stands together: where they come from, or what their API changes at once
    #[arg(long, value_enum, default_value_t = Group::Origin)]
    by: Group,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Group {
    /// Bundled or installed
    Origin,
    /// A record, a set, a zone or a slot
    Changes,
}

pub(super) fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let state = open_state(global)?;
    let found = available(&state).map_err(|error| Failure::of(Exit::State, &error))?;
    let all: Vec<Row> = found.iter().map(|(id, place)| Row::of(&state, id, *place)).collect();
    let is_wanted = |row: &&Row| args.word.as_ref().is_none_or(|word| row.holds(&word.to_lowercase()));
    let rows: Vec<&Row> = all.iter().filter(is_wanted).collect();
    let text = match &args.word {
        Some(word) if rows.is_empty() => format!("no provider has {word:?} in it; `acmite plugin list` shows all"),
        _ if rows.is_empty() => {
            "no plugin is bundled or installed; give the path of a .wasm file to --dns-plugin".to_owned()
        }
        _ => grouped(&rows, args.by),
    };
    let json: Vec<Value> = rows.iter().map(|row| row.json()).collect();
    printer.result(&text, &json!({"event": "plugins", "plugins": json}));
    Ok(Exit::Done)
}

fn grouped(rows: &[&Row], by: Group) -> String {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.group(by)).or_default().push(row.line(by));
    }
    let mut text = String::new();
    for (title, lines) in groups {
        let gap = if text.is_empty() { "" } else { "\n\n" };
        let _ = write!(text, "{gap}{title}\n{}", lines.join("\n"));
    }
    text
}

/// A provider, or why it cannot be used.
struct Row {
    id: String,
    from: &'static str,
    inspected: Result<Inspected, String>,
}

impl Row {
    fn of(state: &StateDir, id: &str, place: Place) -> Self {
        let from = match place {
            Place::Bundled => "bundled",
            Place::Installed => "installed",
        };
        Self { id: id.to_owned(), from, inspected: look_at(state, id) }
    }

    /// Whether a word in lower case is found in it.
    fn holds(&self, word: &str) -> bool {
        let mut texts = vec![self.id.as_str()];
        if let Ok(Inspected { manifest, .. }) = &self.inspected {
            texts.push(&manifest.name);
            for field in &manifest.fields {
                texts.push(&field.name);
                texts.extend([&field.env, &field.certbot, &field.lego].into_iter().flatten().map(String::as_str));
            }
        }
        texts.iter().any(|text| text.to_lowercase().contains(word))
    }

    fn group(&self, by: Group) -> &str {
        match (by, &self.inspected) {
            (Group::Origin, _) => self.from,
            (Group::Changes, Ok(inspected)) => inspected.manifest.semantics.name(),
            (Group::Changes, Err(_)) => "unknown",
        }
    }

    fn line(&self, by: Group) -> String {
        let (id, from) = (&self.id, self.from);
        match &self.inspected {
            Ok(Inspected { manifest, .. }) => {
                let other = if by == Group::Origin { manifest.semantics.name() } else { from };
                format!("  {id:<14} {:<8} {other:<9} {}", manifest.version, manifest.name)
            }
            Err(error) => format!("  {id:<14} cannot be used: {error}"),
        }
    }

    fn json(&self) -> Value {
        let (id, from) = (&self.id, self.from);
        match &self.inspected {
            Ok(Inspected { manifest, sha256, .. }) => json!({"id": id, "version": manifest.version,
                "name": manifest.name, "from": from, "changes": manifest.semantics.name(), "sha256": sha256}),
            Err(error) => json!({"id": id, "from": from, "error": error}),
        }
    }
}

fn look_at(state: &StateDir, id: &str) -> Result<Inspected, String> {
    let component = component(state, id).map_err(|error| error.to_string())?;
    inspect(&component).map_err(|error| crate::causes::chain(&error))
}
