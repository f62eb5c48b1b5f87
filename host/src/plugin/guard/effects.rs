//! What a request would do to records, and whether it may.

use crate::name::DnsName;
use crate::plugin::guard::body::is_ttl;
use crate::plugin::guard::facts::{Attributes, Facts, Record, elements, plain_name, read_values};
use crate::plugin::guard::view::{Place, RequestView};
use crate::plugin::manifest::{Covers, Effect, Endpoint, Op, OpRule, Rows};
use crate::plugin::template::{Piece, Template};
use crate::plugin::tree::{self, Node, Row};
use crate::plugin::wire::{Phase, Scope};

/// What one request does at one name, netted against what is known to be there.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) id: Option<String>,
    pub(super) kind: String,
    pub(super) name: Option<String>,
    pub(super) added: Vec<Record>,
    pub(super) removed: Vec<Record>,
    /// What is there afterwards, beside what stays untouched.
    pub(super) written: Vec<Record>,
    pub(super) set: SetChange,
}

/// How much is written at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetChange {
    Zone,
    Whole,
    Values,
}

impl Change {
    /// Whether the outcome of both depends on which comes first.
    pub(super) fn same_set_rewritten(&self, other: &Self) -> bool {
        let is = |set| self.set == set || other.set == set;
        is(SetChange::Zone) || (is(SetChange::Whole) && self.name == other.name && self.kind == other.kind)
    }
}

/// One request against what is known.
pub(super) struct Case<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) view: &'a RequestView<'a>,
    pub(super) facts: &'a Facts,
    pub(super) place: &'a Place,
    pub(super) scope: &'a Scope,
}

/// A row of an effect: what is done to which set.
struct Target {
    op: Op,
    name: String,
    kind: String,
    written: Vec<Record>,
}

impl Case<'_> {
    /// The changes the request would make; an error names what must be read first.
    pub(super) fn changes(&self) -> Result<Vec<Change>, String> {
        if self.endpoint.effects.is_empty() {
            return Ok(Vec::new());
        }
        if matches!(self.scope.phase, Phase::Settled | Phase::Check) {
            return Err(format!("it writes, which {} may not", self.scope.phase.as_str()));
        }
        let zone = self.scope.zone.as_ref().ok_or("the call has no zone")?;
        let (mut changes, mut targets) = (Vec::new(), Vec::new());
        for effect in &self.endpoint.effects {
            match &effect.rows {
                None => changes.extend(self.by_ids(effect)?),
                Some(rows) => targets.extend(self.targets(effect, rows, zone)?),
            }
        }
        if changes.is_empty() && targets.is_empty() {
            return Err("its body has nothing at the places of its effects".into());
        }
        let (zone_rows, others): (Vec<_>, Vec<_>) = targets.into_iter().partition(|target| target.op == Op::Zone);
        if !zone_rows.is_empty() {
            changes.extend(self.rewritten(zone_rows.into_iter().flat_map(|target| target.written).collect())?);
        }
        for target in others {
            let change = self.net(target)?;
            changes = self.joined(changes, change)?;
        }
        Ok(changes)
    }

    fn by_ids(&self, effect: &Effect) -> Result<Vec<Change>, String> {
        if effect.each.is_empty() {
            return Ok(vec![self.by_id(effect, None)?]);
        }
        let found = tree::rows(self.view.body.unwrap_or(&Node::Null), &effect.each);
        found.iter().map(|row| self.by_id(effect, Some(row))).collect()
    }

    fn by_id(&self, effect: &Effect, row: Option<&Row<'_>>) -> Result<Change, String> {
        let id = effect.id.as_ref().map(|id| self.view.texts(id, row)).unwrap_or_default();
        let id = one(id, "id")?;
        let records = self.facts.record(self.place, &id);
        let first = records.first().ok_or_else(|| format!("the record id {id:?} was not seen in a reply"))?;
        Ok(Change {
            kind: first.kind.clone(),
            name: Some(first.name.clone()),
            added: Vec::new(),
            removed: records.into_iter().cloned().collect(),
            written: Vec::new(),
            set: SetChange::Values,
            id: Some(id),
        })
    }

    fn targets(&self, effect: &Effect, rows: &Rows, zone: &DnsName) -> Result<Vec<Target>, String> {
        let found = tree::rows(self.view.body.unwrap_or(&Node::Null), &rows.each);
        found.iter().map(|row| self.target(effect, rows, zone, row)).collect()
    }

    /// Another change of one request beside the earlier ones. What was deleted and is added again stays.
    fn joined(&self, mut changes: Vec<Change>, mut change: Change) -> Result<Vec<Change>, String> {
        for earlier in changes.iter_mut().filter(|earlier| earlier.name == change.name && earlier.kind == change.kind) {
            if earlier.set == SetChange::Whole || change.set == SetChange::Whole {
                return Err(format!("the set at {} is written twice in one request", change.name.unwrap_or_default()));
            }
            let (added, removed) = self.difference(&earlier.removed, &change.added)?;
            (change.added, earlier.removed) = (added, removed);
        }
        changes.push(change);
        Ok(changes)
    }

    fn target(&self, effect: &Effect, rows: &Rows, zone: &DnsName, row: &Row<'_>) -> Result<Target, String> {
        let op = self.operation(effect, row)?;
        let spelled = one(self.view.texts(&rows.name, Some(row)), "name")?;
        let name = plain_name(&spelled, zone);
        if !name.parse::<DnsName>().is_ok_and(|name| name.is_within(zone)) && op != Op::Zone {
            return Err(format!("the name {name:?} is not within the zone of the call"));
        }
        check_form(self.endpoint.form.as_ref(), &name, &spelled)?;
        let kind = one(self.view.texts(&rows.kind, Some(row)), "type")?.to_ascii_uppercase();
        let values = if op == Op::Clear { Vec::new() } else { read_values(rows, self.view, row, &kind) };
        check_values(op, rows, values.len(), row)?;
        let record = |(value, attributes): (String, Attributes)| Record {
            id: None,
            kind: kind.clone(),
            name: name.clone(),
            value,
            attributes,
        };
        let written: Vec<Record> = values.into_iter().map(record).collect();
        if op != Op::Delete {
            written.iter().try_for_each(|record| self.check_ttl(record))?;
        }
        Ok(Target { op, name, kind, written })
    }

    /// A foreign record's TTL stays as it was; one of the call is capped, or the one its set has already.
    fn check_ttl(&self, record: &Record) -> Result<(), String> {
        let Some(ttl) = record.attributes.ttl.as_ref().filter(|_| record.is_of(self.scope)) else { return Ok(()) };
        let set = self.facts.set(self.place, &record.name).unwrap_or_default();
        let is_kept = set.iter().any(|known| known.attributes.ttl.as_ref() == Some(ttl));
        match is_kept || is_ttl(ttl, self.scope.max_ttl) {
            true => Ok(()),
            false => Err(format!("the TTL at {} is not a number of at most {}", record.name, self.scope.max_ttl)),
        }
    }

    fn operation(&self, effect: &Effect, row: &Row<'_>) -> Result<Op, String> {
        match &effect.op {
            OpRule::Fixed(op) => Ok(*op),
            OpRule::By(place, cases) => {
                let word = one(self.view.texts(place, Some(row)), "operation")?;
                cases.get(&word).copied().ok_or_else(|| format!("the operation {word:?} is not listed"))
            }
        }
    }

    fn net(&self, target: Target) -> Result<Change, String> {
        let Target { op, name, kind, written } = target;
        let (added, removed, set) = match op {
            Op::Add => (written.clone(), Vec::new(), SetChange::Values),
            Op::Delete => (Vec::new(), written.clone(), SetChange::Values),
            Op::SetBlind => (written.clone(), Vec::new(), SetChange::Whole),
            Op::Replace | Op::Clear | Op::Zone => {
                let known = self
                    .facts
                    .set(self.place, &name)
                    .ok_or_else(|| format!("the whole set at {name} must be read before it is written"))?;
                let (added, removed) = self.difference(&known, &written)?;
                (added, removed, SetChange::Whole)
            }
        };
        let written = if op == Op::Delete { Vec::new() } else { written };
        Ok(Change { id: None, kind, name: Some(name), added, removed, written, set })
    }

    /// What writing the whole zone anew changes in it.
    fn rewritten(&self, written: Vec<Record>) -> Result<Vec<Change>, String> {
        let known = self.facts.zone(self.place).ok_or("the whole zone must be read before it is written")?;
        let (added, removed) = self.difference(known, &written)?;
        let change = |record: &Record, added: Vec<Record>, removed: Vec<Record>| Change {
            id: None,
            kind: record.kind.clone(),
            name: Some(record.name.clone()),
            written: added.clone(),
            added,
            removed,
            set: SetChange::Zone,
        };
        let additions = added.iter().map(|record| change(record, vec![record.clone()], Vec::new()));
        let removals = removed.iter().map(|record| change(record, Vec::new(), vec![record.clone()]));
        Ok(additions.chain(removals).collect())
    }

    /// The records added and removed; one that is not of this call must stay in all it has.
    fn difference(&self, known: &[Record], written: &[Record]) -> Result<(Vec<Record>, Vec<Record>), String> {
        let same = |one: &Record, other: &Record| {
            one.same_value(other) && (one.attributes == other.attributes || one.is_of(self.scope))
        };
        let missing = |from: &[Record], within: &[Record]| -> Vec<Record> {
            from.iter().filter(|one| !within.iter().any(|other| same(one, other))).cloned().collect()
        };
        let (added, removed) = (missing(written, known), missing(known, written));
        match removed.iter().find(|old| added.iter().any(|new| new.same_value(old))) {
            Some(old) => Err(format!(
                "an existing value at {} is spelled otherwise or has another TTL or attribute than was read",
                old.name
            )),
            None => Ok((added, removed)),
        }
    }
}

/// A value that the guard cannot read is one that it cannot judge.
fn check_values(op: Op, rows: &Rows, written: usize, row: &Row<'_>) -> Result<(), String> {
    let missing = match op {
        Op::Clear => false,
        Op::Add | Op::Delete | Op::SetBlind | Op::Zone if written == 0 => true,
        _ => rows.values.is_some() && elements(rows, row).len() != written,
    };
    if missing { Err("the value of a change is missing".into()) } else { Ok(()) }
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
    let (Some(Covers::Name(template)), Some(zone)) = (&endpoint.covers, &view.guard.scope.zone) else { return Ok(()) };
    let spelled = one(view.texts(template, None), "name")?;
    check_form(endpoint.form.as_ref(), &plain_name(&spelled, zone), &spelled)
}

/// Where the manifest does not say how an API spells names, they are at least in lower case.
fn check_form(form: Option<&Template>, name: &str, spelled: &str) -> Result<(), String> {
    let lookup = |piece: &Piece| if *piece == Piece::Name { vec![name.to_owned()] } else { Vec::new() };
    let is_exact = match form {
        Some(form) => form.render(&lookup).first().is_some_and(|exact| exact == spelled),
        None => !spelled.contains(|c: char| c.is_ascii_uppercase()),
    };
    if is_exact { Ok(()) } else { Err(format!("the name {spelled:?} is not spelled as `form` says")) }
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
        if change.added.iter().chain(&change.removed).any(|record| !record.is_of(scope)) {
            return Err(format!("it changes a value at {name} that is not one of this call"));
        }
    }
    Ok(())
}
