//! What replies have shown of zones and records.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::DnsName;
use crate::plugin::guard::RequestView;
use crate::plugin::guard::effects::{Change, SetChange};
use crate::plugin::manifest::{Covers, Endpoint, Rows};
use crate::plugin::tree;
use crate::plugin::wire::Scope;

/// Under which origin and path variables a fact was read; a request must use the same to rely on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) origin: String,
    pub(super) variables: BTreeMap<String, String>,
}

impl Place {
    fn serves(&self, request: &Self) -> bool {
        self.origin == request.origin
            && self.variables.iter().all(|(name, value)| request.variables.get(name) == Some(value))
    }
}

/// One record that a reply showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) id: Option<String>,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) value: String,
    pub(super) kept: Vec<Vec<String>>,
}

/// All that was shown in a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    zone_ids: BTreeSet<(String, String)>,
    by_id: Vec<(Place, Row)>,
    names: BTreeMap<(Place, String), Vec<Row>>,
    zones: BTreeMap<Place, Vec<Row>>,
}

/// What one reply showed.
pub(super) struct Learned {
    zone_ids: Vec<String>,
    rows: Vec<Row>,
    covers: Option<Option<String>>,
}

#[derive(Default, Serialize, Deserialize)]
struct Memory {
    zone_ids: BTreeSet<(String, String)>,
    records: Vec<(Place, Row)>,
}

impl Facts {
    pub(super) fn remembered(memory: &[u8]) -> Result<Self, serde_json::Error> {
        let memory = if memory.is_empty() { Memory::default() } else { serde_json::from_slice(memory)? };
        Ok(Self { zone_ids: memory.zone_ids, by_id: memory.records, ..Self::default() })
    }

    /// Zone ids, and the ids of the call's own records.
    pub(super) fn memory(&self, scope: &Scope) -> Vec<u8> {
        let ours = |row: &Row| {
            row.kind == "TXT" && scope.records.iter().any(|r| r.name.as_str() == row.name && r.value == row.value)
        };
        let all_ours = |(at, row): &&(Place, Row)| {
            self.by_id.iter().filter(|(other, same)| other == at && same.id == row.id).all(|(_, same)| ours(same))
        };
        let records = self.by_id.iter().filter(all_ours).cloned().collect();
        serde_json::to_vec(&Memory { zone_ids: self.zone_ids.clone(), records }).unwrap_or_default()
    }

    pub(super) fn has_zone_id(&self, origin: &str, id: &str) -> bool {
        self.zone_ids.contains(&(origin.to_owned(), id.to_owned()))
    }

    /// All values of the record with an id.
    pub(super) fn record(&self, place: &Place, id: &str) -> Vec<&Row> {
        let known = self.by_id.iter().filter(|(at, row)| at.serves(place) && row.id.as_deref() == Some(id));
        known.map(|(_, row)| row).collect()
    }

    /// The complete TXT set at a name, if one was shown.
    pub(super) fn set(&self, place: &Place, name: &str) -> Option<Vec<Row>> {
        if let Some((_, rows)) = self.names.iter().find(|((at, covered), _)| at.serves(place) && covered == name) {
            return Some(rows.clone());
        }
        let (_, rows) = self.zones.iter().find(|(at, _)| at.serves(place))?;
        Some(rows.iter().filter(|row| row.name == name && row.kind == "TXT").cloned().collect())
    }

    pub(super) fn take(&mut self, place: &Place, learned: Learned) {
        self.zone_ids.extend(learned.zone_ids.into_iter().map(|id| (place.origin.clone(), id)));
        self.by_id.retain(|(at, old)| !(at == place && learned.rows.iter().any(|row| row.id == old.id)));
        self.by_id.extend(learned.rows.iter().filter(|row| row.id.is_some()).map(|row| (place.clone(), row.clone())));
        match learned.covers {
            None => {}
            Some(None) => {
                self.zones.insert(place.clone(), learned.rows);
            }
            Some(Some(name)) => {
                let rows = learned.rows.into_iter().filter(|row| row.name == name && row.kind == "TXT").collect();
                self.names.insert((place.clone(), name), rows);
            }
        }
    }

    /// Brings the facts up to what a request that succeeded has made of them.
    pub(super) fn apply(&mut self, place: &Place, changes: &[Change]) {
        for change in changes {
            if let Some(id) = &change.id {
                self.by_id.retain(|(at, row)| !(at.serves(place) && row.id.as_ref() == Some(id)));
            }
            let Some(name) = change.name.clone() else { continue };
            for rows in self.sets_at(place, &name) {
                rows.retain(|row| !(row.name == name && row.kind == "TXT" && change.removes(row)));
                rows.extend(change.added_rows(&name));
            }
        }
    }

    fn sets_at(&mut self, place: &Place, name: &str) -> Vec<&mut Vec<Row>> {
        let names = self.names.iter_mut().filter(|((at, covered), _)| at.serves(place) && covered == name);
        let zones = self.zones.iter_mut().filter(|(at, _)| at.serves(place));
        names.map(|(_, rows)| rows).chain(zones.map(|(_, rows)| rows)).collect()
    }
}

impl Change {
    fn removes(&self, row: &Row) -> bool {
        matches!(self.set, SetChange::Whole) || self.removed.contains(&row.value)
    }

    fn added_rows(&self, name: &str) -> Vec<Row> {
        self.written
            .iter()
            .map(|(value, kept)| Row {
                id: None,
                kind: "TXT".into(),
                name: name.to_owned(),
                value: value.clone(),
                kept: kept.clone(),
            })
            .collect()
    }
}

/// Reads the zones and records that a reply shows.
pub(super) fn learn(endpoint: &Endpoint, view: &RequestView<'_>, reply: &Value, zone: &DnsName) -> Learned {
    let mut zone_ids = Vec::new();
    if let Some(zones) = &endpoint.zones {
        for row in tree::select(reply, &zones.each) {
            let names = view.texts(&zones.name, Some(row));
            if names.iter().any(|name| plain_name(name) == zone.as_str()) {
                zone_ids.extend(view.texts(&zones.id, Some(row)));
            }
        }
    }
    let rows = endpoint.rows.as_ref().map(|rows| read_rows(rows, view, reply)).unwrap_or_default();
    let covers = endpoint.covers.as_ref().filter(|_| shows_list(endpoint, reply)).map(|covers| match covers {
        Covers::Zone => None,
        Covers::Name(template) => view.texts(template, None).first().map(|name| plain_name(name)),
    });
    Learned { zone_ids, rows, covers }
}

/// Whether a reply has the list that its rows are in; an error told with status 200 has none. Null stands for `absent`.
fn shows_list(endpoint: &Endpoint, reply: &Value) -> bool {
    let list = endpoint.rows.as_ref().and_then(|rows| rows.each.strip_suffix("/*"));
    reply.is_null() || list.is_none_or(|list| tree::select(reply, list).iter().any(|value| value.is_array()))
}

/// The records in a tree, one row a value.
pub(super) fn read_rows(rows: &Rows, view: &RequestView<'_>, tree: &Value) -> Vec<Row> {
    let mut found = Vec::new();
    for row in tree::select(tree, &rows.each) {
        let first = |texts: Vec<String>| texts.into_iter().next().unwrap_or_default();
        let name = plain_name(&first(view.texts(&rows.name, Some(row))));
        let kind = first(view.texts(&rows.kind, Some(row))).to_ascii_uppercase();
        let id = rows.id.as_ref().map(|id| first(view.texts(id, Some(row))));
        let elements = rows.values.as_ref().map_or_else(|| vec![row], |values| tree::select(row, values));
        for element in elements {
            let kept: Vec<Vec<String>> = rows.keep.iter().map(|keep| view.texts(keep, Some(element))).collect();
            for value in view.texts(&rows.value, Some(element)) {
                let value = if kind == "TXT" { plain_value(&value) } else { value };
                found.push(Row { id: id.clone(), kind: kind.clone(), name: name.clone(), value, kept: kept.clone() });
            }
        }
    }
    found
}

/// Lower case, without the final dot, without a leading "@." or ".".
pub(super) fn plain_name(text: &str) -> String {
    let text = text.strip_suffix('.').unwrap_or(text);
    let text = text.strip_prefix("@.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
    text.to_ascii_lowercase()
}

/// A TXT value out of its presentation form (RFC 1035 section 5.1), several strings joined; whatever is not wholly
/// quoted strings with blanks between stands as it is, and so equals no value of a call.
pub(super) fn plain_value(text: &str) -> String {
    quoted_strings(text).unwrap_or_else(|| text.to_owned())
}

fn quoted_strings(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some(mut inner) = rest.strip_prefix(b"\"") {
        loop {
            let (&first, after) = inner.split_first()?;
            inner = after;
            match first {
                b'"' => break,
                b'\\' => inner = escaped(inner, &mut bytes)?,
                byte => bytes.push(byte),
            }
        }
        rest = inner.trim_ascii_start();
        let parted = rest.len() < inner.len() && inner[..inner.len() - rest.len()].iter().all(|blank| *blank == b' ');
        if !rest.is_empty() && !parted {
            return None;
        }
    }
    let whole = rest.is_empty() && text.starts_with('"') && text.ends_with('"');
    if whole { String::from_utf8(bytes).ok() } else { None }
}

/// What follows a backslash: three decimal digits, or any one byte.
fn escaped<'a>(text: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (&first, after) = text.split_first()?;
    if !first.is_ascii_digit() {
        bytes.push(first);
        return Some(after);
    }
    let digits = std::str::from_utf8(text.get(..3)?).ok()?;
    bytes.push(digits.parse().ok()?);
    text.get(3..)
}
