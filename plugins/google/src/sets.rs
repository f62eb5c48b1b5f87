//! What the sets of a zone become.

use std::collections::BTreeMap;

use acmite_sdk::{Txt, txt, zone};

use crate::api::{Change, Set};

/// The change after which every record exists; a set keeps its TTL.
pub(crate) fn with(there: &[Set], records: &[Txt], ttl: u32) -> Change {
    let mut change = Change::default();
    for (name, values) in by_name(records) {
        let old = find(there, name);
        let mut rrdatas = old.map(|set| set.rrdatas.clone()).unwrap_or_default();
        let before = rrdatas.len();
        for value in values {
            if !rrdatas.iter().any(|data| txt::unquoted(data) == value) {
                rrdatas.push(txt::quoted(value));
            }
        }
        if rrdatas.len() > before {
            let ttl = old.map_or(ttl, |set| set.ttl);
            change.deletions.extend(old.cloned());
            change.additions.push(Set { name: format!("{name}."), r#type: "TXT".to_owned(), ttl, rrdatas });
        }
    }
    change
}

/// The change after which none of the records exists.
pub(crate) fn without(there: &[Set], records: &[Txt]) -> Change {
    let mut change = Change::default();
    for (name, values) in by_name(records) {
        let Some(old) = find(there, name) else { continue };
        let mut kept = old.clone();
        kept.rrdatas.retain(|data| !values.contains(&txt::unquoted(data).as_str()));
        if kept.rrdatas.len() < old.rrdatas.len() {
            change.deletions.push(old.clone());
            change.additions.extend((!kept.rrdatas.is_empty()).then_some(kept));
        }
    }
    change
}

fn by_name(records: &[Txt]) -> BTreeMap<&str, Vec<&str>> {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in records {
        names.entry(&record.name).or_default().push(&record.value);
    }
    names
}

fn find<'a>(there: &'a [Set], name: &str) -> Option<&'a Set> {
    there.iter().find(|set| set.r#type == "TXT" && zone::same(&set.name, name))
}
