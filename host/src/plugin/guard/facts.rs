//! What replies have shown of zones and records.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::name::DnsName;
use crate::plugin::guard::effects::{Change, SetChange};
use crate::plugin::guard::view::{Place, RequestView};
use crate::plugin::manifest::{Covers, Endpoint, Rows, Shown, WholeIf};
use crate::plugin::tree::{self, Format, Node, Row};
use crate::plugin::wire::{Scope, TxtRecord};

/// One value of a record that a reply showed or a request writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: Option<String>,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) value: String,
    /// All that stays as it is when the record is another's: the value as spelled, the TTL, and what is to be kept.
    pub(super) attributes: Attributes,
}

/// What a record has beside its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attributes {
    pub(super) spelled: Vec<String>,
    pub(super) ttl: Option<String>,
    pub(super) kept: Vec<Vec<String>>,
}

impl Record {
    pub(super) fn is_of(&self, scope: &Scope) -> bool {
        let same = |record: &TxtRecord| record.name.as_str() == self.name && record.value == self.value;
        self.kind == "TXT" && scope.records.iter().any(same)
    }

    pub(super) fn same_value(&self, other: &Self) -> bool {
        self.kind == other.kind && self.name == other.name && self.value == other.value
    }
}

/// All that was shown in a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    zone_ids: BTreeSet<(String, String)>,
    by_id: Vec<(Place, Record)>,
    names: BTreeMap<(Place, String), Vec<Record>>,
    zones: BTreeMap<Place, Vec<Record>>,
    shown: BTreeMap<(Place, Shown), Vec<String>>,
}

/// What one reply showed.
pub(super) struct Learned {
    zone_ids: Vec<String>,
    records: Vec<Record>,
    covers: Option<Option<String>>,
}

#[derive(Default, Serialize, Deserialize)]
struct Memory {
    zone_ids: BTreeSet<(String, String)>,
    records: Vec<(Place, Record)>,
}

impl Facts {
    pub(super) fn remembered(memory: &[u8]) -> Result<Self, serde_json::Error> {
        let memory = if memory.is_empty() { Memory::default() } else { serde_json::from_slice(memory)? };
        Ok(Self { zone_ids: memory.zone_ids, by_id: memory.records, ..Self::default() })
    }

    /// Zone ids, and the ids of the call's own records.
    pub(super) fn memory(&self, scope: &Scope) -> Vec<u8> {
        let all_ours = |(at, record): &&(Place, Record)| {
            let same_id = self.by_id.iter().filter(|(other, same)| other == at && same.id == record.id);
            same_id.into_iter().all(|(_, same)| same.is_of(scope))
        };
        let records = self.by_id.iter().filter(all_ours).cloned().collect();
        serde_json::to_vec(&Memory { zone_ids: self.zone_ids.clone(), records }).unwrap_or_default()
    }

    pub(super) fn has_zone_id(&self, origin: &str, id: &str) -> bool {
        self.zone_ids.contains(&(origin.to_owned(), id.to_owned()))
    }

    /// All values of the record with an id.
    pub(super) fn record(&self, place: &Place, id: &str) -> Vec<&Record> {
        let known = self.by_id.iter().filter(|(at, record)| at.shows_ids_to(place) && record.id.as_deref() == Some(id));
        known.map(|(_, record)| record).collect()
    }

    /// The complete TXT set at a name, if one was shown.
    pub(super) fn set(&self, place: &Place, name: &str) -> Option<Vec<Record>> {
        if let Some((_, records)) = self.names.iter().find(|((at, covered), _)| at.is_of(place) && covered == name) {
            return Some(records.clone());
        }
        let records = self.zone(place)?;
        Some(records.iter().filter(|record| record.name == name && record.kind == "TXT").cloned().collect())
    }

    /// All records of the zone, if they were shown.
    pub(super) fn zone(&self, place: &Place) -> Option<&[Record]> {
        self.zones.iter().find(|(at, _)| at.is_of(place)).map(|(_, records)| records.as_slice())
    }

    /// What a reply showed at a path.
    pub(super) fn shown(&self, place: &Place, source: &Shown) -> Option<&[String]> {
        let found = self.shown.iter().find(|((at, other), _)| at.is_of(place) && other == source);
        found.map(|(_, texts)| texts.as_slice())
    }

    pub(super) fn take(&mut self, place: &Place, learned: Learned) {
        self.zone_ids.extend(learned.zone_ids.into_iter().map(|id| (place.origin.clone(), id)));
        self.by_id.retain(|(at, old)| !(at == place && learned.records.iter().any(|record| record.id == old.id)));
        let with_id = learned.records.iter().filter(|record| record.id.is_some());
        self.by_id.extend(with_id.map(|record| (place.clone(), record.clone())));
        match learned.covers {
            None => {}
            Some(None) => {
                self.zones.insert(place.clone(), learned.records);
            }
            Some(Some(name)) => {
                let is_in_set = |record: &Record| record.name == name && record.kind == "TXT";
                let records = learned.records.into_iter().filter(is_in_set).collect();
                self.names.insert((place.clone(), name), records);
            }
        }
    }

    /// Takes up what a reply shows at these paths.
    pub(super) fn show<'a>(&mut self, place: &Place, sources: impl Iterator<Item = &'a Shown>, reply: &Node) {
        for source in sources {
            let texts: Vec<String> = tree::select(reply, &source.path).into_iter().filter_map(Node::text).collect();
            if !texts.is_empty() {
                self.shown.insert((place.clone(), source.clone()), texts);
            }
        }
    }

    /// Brings the facts up to what a request that succeeded has made of them.
    pub(super) fn apply(&mut self, place: &Place, changes: &[Change]) {
        for change in changes {
            if let Some(id) = &change.id {
                self.by_id.retain(|(at, record)| !(at.shows_ids_to(place) && record.id.as_ref() == Some(id)));
            }
            let Some(name) = change.name.clone() else { continue };
            for records in self.sets_at(place, &name) {
                records.retain(|record| !(record.name == name && record.kind == "TXT" && change.removes(record)));
                records.extend(change.written.iter().cloned());
            }
        }
    }

    fn sets_at(&mut self, place: &Place, name: &str) -> Vec<&mut Vec<Record>> {
        let at = |at: &Place| at.is_of(place) || (place.zone.is_none() && at.shows_ids_to(place));
        let names = self.names.iter_mut().filter(|((read, covered), _)| at(read) && covered == name);
        let zones = self.zones.iter_mut().filter(|(read, _)| at(read));
        names.map(|(_, records)| records).chain(zones.map(|(_, records)| records)).collect()
    }
}

impl Change {
    fn removes(&self, record: &Record) -> bool {
        matches!(self.set, SetChange::Whole) || self.removed.iter().any(|removed| removed.value == record.value)
    }
}

/// Reads the zones and records that a reply shows.
pub(super) fn learn(endpoint: &Endpoint, view: &RequestView<'_>, reply: &Node, zone: &DnsName) -> Learned {
    let mut zone_ids = Vec::new();
    if let Some(zones) = &endpoint.zones {
        for row in tree::rows(reply, &zones.each) {
            let names = view.texts(&zones.name, Some(&row));
            if names.iter().any(|name| plain_name(name, zone) == zone.as_str()) {
                zone_ids.extend(view.texts(&zones.id, Some(&row)));
            }
        }
    }
    let records = endpoint.rows.as_ref().map(|rows| read_reply(rows, view, reply, zone)).unwrap_or_default();
    let is_whole = shows_list(endpoint, reply) && is_whole(endpoint, reply);
    let covers = endpoint.covers.as_ref().filter(|_| is_whole).map(|covers| match covers {
        Covers::Zone => None,
        Covers::Name(template) => view.texts(template, None).first().map(|name| plain_name(name, zone)),
    });
    Learned { zone_ids, records, covers }
}

/// Whether a reply says that nothing is left out, where it may say otherwise.
fn is_whole(endpoint: &Endpoint, reply: &Node) -> bool {
    let Some(WholeIf { path, text }) = &endpoint.whole_if else { return true };
    let texts: Vec<String> = tree::select(reply, path).into_iter().filter_map(Node::text).collect();
    texts.iter().all(|shown| shown == text) && (text.is_empty() || !texts.is_empty())
}

/// Whether a reply has the list that its rows are in; an error told with status 200 has none. Null stands for `absent`.
fn shows_list(endpoint: &Endpoint, reply: &Node) -> bool {
    let Some(rows) = &endpoint.rows else { return false };
    let path = if rows.each.is_empty() { rows.element_path() } else { rows.each.clone() };
    let found = |path: &str| tree::select(reply, path);
    let is_shown = match (path.rsplit_once('/'), endpoint.reply) {
        (Some((list, "*")), _) => found(list).iter().any(|node| matches!(node, Node::List(_))),
        (Some((parent, _)), Format::Xml) => !found(parent).is_empty(),
        _ => !found(&path).is_empty(),
    };
    matches!(reply, Node::Null) || is_shown
}

fn read_reply(rows: &Rows, view: &RequestView<'_>, reply: &Node, zone: &DnsName) -> Vec<Record> {
    let mut records = Vec::new();
    for row in tree::rows(reply, &rows.each) {
        let first = |template| view.texts(template, Some(&row)).into_iter().next();
        let name = plain_name(&first(&rows.name).unwrap_or_default(), zone);
        let kind = first(&rows.kind).unwrap_or_default().to_ascii_uppercase();
        let id = rows.id.as_ref().and_then(first);
        let values = read_values(rows, view, &row, &kind).into_iter();
        records.extend(values.map(|(value, attributes)| Record {
            id: id.clone(),
            kind: kind.clone(),
            name: name.clone(),
            value,
            attributes,
        }));
    }
    records
}

/// The values of one row. Several texts of one element of `values` are the strings of one TXT value.
pub(super) fn read_values(rows: &Rows, view: &RequestView<'_>, row: &Row<'_>, kind: &str) -> Vec<(String, Attributes)> {
    let ttl = rows.ttl.as_ref().and_then(|ttl| view.texts(ttl, Some(row)).into_iter().next());
    let plain = |text: &String| if kind == "TXT" { plain_value(text) } else { text.clone() };
    let mut found = Vec::new();
    for element in elements(rows, row) {
        let kept: Vec<Vec<String>> = rows.keep.iter().map(|keep| view.texts(keep, Some(&element))).collect();
        let texts = view.texts(&rows.value, Some(&element));
        let values: Vec<Vec<String>> = match rows.values {
            Some(_) if texts.is_empty() => Vec::new(),
            Some(_) => vec![texts],
            None => texts.into_iter().map(|text| vec![text]).collect(),
        };
        found.extend(values.into_iter().map(|spelled| {
            let value = spelled.iter().map(plain).collect();
            (value, Attributes { spelled, ttl: ttl.clone(), kept: kept.clone() })
        }));
    }
    found
}

/// Where the values of a row are.
pub(super) fn elements<'a>(rows: &Rows, row: &Row<'a>) -> Vec<Row<'a>> {
    match &rows.values {
        None => vec![row.clone()],
        Some(values) => {
            let below = tree::select(row.node, values);
            below.into_iter().map(|node| Row { node, number: row.number.clone() }).collect()
        }
    }
}

/// Lower case, without the final dot; "@.example.com" and ".example.com" are the apex of the zone example.com.
pub(super) fn plain_name(text: &str, zone: &DnsName) -> String {
    let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    match text.strip_prefix("@.").or_else(|| text.strip_prefix('.')) {
        Some(apex) if apex == zone.as_str() => apex.to_owned(),
        _ => text,
    }
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
