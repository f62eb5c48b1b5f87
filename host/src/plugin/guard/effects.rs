//! What a request would do to records, and whether it may.

use crate::name::DnsName;
use crate::plugin::guard::RequestView;
use crate::plugin::guard::facts::{Facts, Place, Row, plain_name, read_rows};
use crate::plugin::manifest::{Covers, Effect, Endpoint, Op, OpRule, Rows};
use crate::plugin::template::{Piece, Template};
use crate::plugin::tree;
use crate::plugin::wire::{Phase, Scope};

/// What one request does at one name, netted against what is known to be there.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) id: Option<String>,
    pub(super) kind: String,
    pub(super) name: Option<String>,
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    /// The values as written, with their kept attributes.
    pub(super) written: Vec<(String, Vec<Vec<String>>)>,
    pub(super) set: SetChange,
}

/// Whether a set is written whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetChange {
    Whole,
    Values,
}

impl Change {
    pub(super) fn same_set_rewritten(&self, other: &Self) -> bool {
        let whole = self.set == SetChange::Whole || other.set == SetChange::Whole;
        whole && self.name == other.name && self.kind == other.kind
    }
}

/// The leaves of a body that effects read.
pub(super) fn body_paths(endpoint: &Endpoint) -> Vec<String> {
    let mut paths: Vec<String> = endpoint.zone.iter().flat_map(|zone| zone.body_paths("")).collect();
    for effect in &endpoint.effects {
        if let Some(id) = &effect.id {
            paths.extend(id.body_paths(""));
        }
        let Some(rows) = &effect.rows else { continue };
        if let OpRule::By(place, _) = &effect.op {
            paths.extend(place.body_paths(&rows.each));
        }
        paths.extend(rows.kind.body_paths(&rows.each));
        paths.extend(rows.name.body_paths(&rows.each));
        let element = format!("{}{}", rows.each, rows.values.as_deref().unwrap_or_default());
        paths.extend(rows.value.body_paths(&element));
        paths.extend(rows.keep.iter().flat_map(|keep| keep.body_paths(&element)));
    }
    paths
}

/// The changes a request would make, against what is known; an error names what must be read first.
pub(super) fn changes(
    endpoint: &Endpoint,
    view: &RequestView<'_>,
    facts: &Facts,
    place: &Place,
    zone: Option<&DnsName>,
) -> Result<Vec<Change>, String> {
    let mut changes: Vec<Change> = Vec::new();
    for effect in &endpoint.effects {
        match &effect.rows {
            None => changes.push(by_id(effect, view, facts, place)?),
            Some(rows) => by_rows(effect, rows, endpoint, view, facts, place, &mut changes)?,
        }
    }
    let outside = |change: &Change| {
        let name = change.name.as_ref().and_then(|name| name.parse::<DnsName>().ok());
        !zone.zip(name).is_some_and(|(zone, name)| name.is_within(zone))
    };
    match changes.iter().find(|change| change.id.is_none() && outside(change)) {
        Some(change) => Err(format!("the name {:?} is not within the zone of the call", change.name)),
        None => Ok(changes),
    }
}

fn by_id(effect: &Effect, view: &RequestView<'_>, facts: &Facts, place: &Place) -> Result<Change, String> {
    let id = effect.id.as_ref().and_then(|id| view.texts(id, None).into_iter().next()).unwrap_or_default();
    let rows = facts.record(place, &id);
    let row = rows.first().ok_or_else(|| format!("the record id {id:?} was not seen in a reply"))?;
    Ok(Change {
        id: Some(id),
        kind: row.kind.clone(),
        name: Some(row.name.clone()),
        added: Vec::new(),
        removed: rows.iter().map(|row| row.value.clone()).collect(),
        written: Vec::new(),
        set: SetChange::Values,
    })
}

fn by_rows(
    effect: &Effect,
    rows: &Rows,
    endpoint: &Endpoint,
    view: &RequestView<'_>,
    facts: &Facts,
    place: &Place,
    changes: &mut Vec<Change>,
) -> Result<(), String> {
    let empty = serde_json::Value::Null;
    let body = view.body.unwrap_or(&empty);
    let targets = tree::select(body, &rows.each);
    if targets.is_empty() {
        return Err(format!("the body has nothing at {:?}", rows.each));
    }
    for target in targets {
        let op = operation(effect, view, target)?;
        let spelled = one(view.texts(&rows.name, Some(target)), "name")?;
        let name = plain_name(&spelled);
        check_form(endpoint.form.as_ref(), &name, &spelled)?;
        let kind = one(view.texts(&rows.kind, Some(target)), "type")?.to_ascii_uppercase();
        if changes.iter().any(|other| other.name.as_ref() == Some(&name) && other.kind == kind)
            && op != Op::Add
            && op != Op::Delete
        {
            return Err(format!("the set at {name} is written twice in one request"));
        }
        let single = Rows { each: String::new(), ..rows.clone() };
        let written = if op == Op::Clear { Vec::new() } else { read_rows(&single, view, target) };
        check_values(op, &single, &written, target)?;
        changes.push(net(op, kind, name, written, facts, place)?);
    }
    Ok(())
}

/// A value that the guard cannot read is one that it cannot judge.
fn check_values(op: Op, rows: &Rows, written: &[Row], target: &serde_json::Value) -> Result<(), String> {
    let elements = rows.values.as_ref().map(|values| tree::select(target, values).len());
    let missing = match op {
        Op::Add | Op::Delete if written.is_empty() => true,
        Op::Clear => false,
        _ => elements.is_some_and(|elements| elements != written.len()),
    };
    if missing { Err("the value of a change is missing".into()) } else { Ok(()) }
}

fn operation(effect: &Effect, view: &RequestView<'_>, row: &serde_json::Value) -> Result<Op, String> {
    match &effect.op {
        OpRule::Fixed(op) => Ok(*op),
        OpRule::By(place, cases) => {
            let word = one(view.texts(place, Some(row)), "operation")?;
            cases.get(&word).copied().ok_or_else(|| format!("the operation {word:?} is not listed"))
        }
    }
}

fn one(texts: Vec<String>, what: &str) -> Result<String, String> {
    let mut texts = texts.into_iter();
    match (texts.next(), texts.next()) {
        (Some(text), None) => Ok(text),
        _ => Err(format!("the {what} of a change is missing or given several times")),
    }
}

/// A covering read must name one name, spelled as `form` says: under another spelling an API may show nothing.
pub(super) fn check_covered(endpoint: &Endpoint, view: &RequestView<'_>) -> Result<(), String> {
    let Some(Covers::Name(template)) = &endpoint.covers else { return Ok(()) };
    let spelled = one(view.texts(template, None), "name")?;
    check_form(endpoint.form.as_ref(), &plain_name(&spelled), &spelled)
}

fn check_form(form: Option<&Template>, name: &str, spelled: &str) -> Result<(), String> {
    let Some(form) = form else { return Ok(()) };
    let lookup = |piece: &Piece| if *piece == Piece::Name { vec![name.to_owned()] } else { Vec::new() };
    match form.render(&lookup).first().is_some_and(|exact| exact == spelled) {
        true => Ok(()),
        false => Err(format!("the name {spelled:?} is not spelled as `form` says")),
    }
}

fn net(op: Op, kind: String, name: String, written: Vec<Row>, facts: &Facts, place: &Place) -> Result<Change, String> {
    let values: Vec<String> = written.iter().map(|row| row.value.clone()).collect();
    let as_written = written.iter().map(|row| (row.value.clone(), row.kept.clone())).collect();
    let (added, removed, set) = match op {
        Op::Add => (values, Vec::new(), SetChange::Values),
        Op::Delete => (Vec::new(), values, SetChange::Values),
        Op::Replace | Op::Clear => {
            let known = facts
                .set(place, &name)
                .ok_or_else(|| format!("the whole set at {name} must be read before it is written"))?;
            let removed =
                known.iter().filter(|row| !values.contains(&row.value)).map(|row| row.value.clone()).collect();
            let added = values.iter().filter(|value| !known.iter().any(|row| row.value == **value)).cloned().collect();
            check_kept(&known, &written)?;
            (added, removed, SetChange::Whole)
        }
    };
    let as_written = if op == Op::Delete { Vec::new() } else { as_written };
    Ok(Change { id: None, kind, name: Some(name), added, removed, written: as_written, set })
}

/// What else a value has must stay when its set is written anew.
fn check_kept(known: &[Row], written: &[Row]) -> Result<(), String> {
    let changed = written.iter().find(|row| known.iter().any(|old| old.value == row.value && old.kept != row.kept));
    match changed {
        Some(row) => Err(format!("an attribute of an existing value at {} is changed", row.name)),
        None => Ok(()),
    }
}

/// Whether the call may make these changes.
pub(super) fn check(changes: &[Change], scope: &Scope) -> Result<(), String> {
    for change in changes {
        let name = change.name.as_deref().unwrap_or_default();
        if change.kind != "TXT" {
            return Err(format!("the record at {name} is of type {:?}, not TXT", change.kind));
        }
        if !scope.records.iter().any(|record| record.name.as_str() == name) {
            return Err(format!("it writes at {name}, which is not one of this call"));
        }
        let (adds, removes) = (!change.added.is_empty(), !change.removed.is_empty());
        let allowed = match scope.phase {
            Phase::Present => !removes,
            Phase::Cleanup => !adds,
            Phase::Settled | Phase::Check => false,
        };
        if !allowed {
            let what = if removes { "removes" } else { "writes" };
            return Err(format!("it {what} a value at {name}, which {} may not", scope.phase.as_str()));
        }
        let ours = |value: &&String| !scope.records.iter().any(|r| r.name.as_str() == name && r.value == **value);
        if change.added.iter().chain(&change.removed).any(|value| ours(&value)) {
            return Err(format!("it changes a value at {name} that is not one of this call"));
        }
    }
    Ok(())
}
