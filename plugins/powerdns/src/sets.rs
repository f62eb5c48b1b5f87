//! What the sets of a zone become.

use std::collections::BTreeMap;

use acmite_sdk::{Txt, txt};

use crate::api::{Change, Record, Set, Zone};

/// The changes after which every record exists; sets that have them all are left alone, and a set keeps its TTL.
pub(crate) fn with(zone: &Zone, records: &[Txt], ttl: u32) -> Vec<Change> {
    by_name(records)
        .into_iter()
        .filter_map(|(name, values)| {
            let set = find(zone, &name);
            let mut kept = set.map(|set| set.records.clone()).unwrap_or_default();
            let missing: Vec<Record> = values.into_iter().filter(|value| !holds(&kept, value)).map(record).collect();
            kept.extend(missing.iter().cloned());
            let ttl = set.map_or(ttl, |set| set.ttl);
            (!missing.is_empty()).then(|| replace(name, ttl, kept))
        })
        .collect()
}

/// The changes after which none of the records exists.
pub(crate) fn without(zone: &Zone, records: &[Txt]) -> Vec<Change> {
    by_name(records)
        .into_iter()
        .filter_map(|(name, values)| {
            let set = find(zone, &name)?;
            let is_ours = |record: &&Record| values.contains(&txt::unquoted(&record.content));
            if !set.records.iter().any(|record| is_ours(&record)) {
                return None;
            }
            let kept: Vec<Record> = set.records.iter().filter(|record| !is_ours(record)).cloned().collect();
            Some(if kept.is_empty() { delete(name) } else { replace(name, set.ttl, kept) })
        })
        .collect()
}

fn by_name(records: &[Txt]) -> BTreeMap<String, Vec<String>> {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in records {
        names.entry(format!("{}.", record.name)).or_default().push(record.value.clone());
    }
    names
}

fn find<'a>(zone: &'a Zone, name: &str) -> Option<&'a Set> {
    zone.rrsets.iter().find(|set| set.r#type == "TXT" && set.name.eq_ignore_ascii_case(name))
}

fn holds(records: &[Record], value: &str) -> bool {
    records.iter().any(|record| txt::unquoted(&record.content) == value)
}

fn record(value: String) -> Record {
    Record { content: txt::quoted(&value), disabled: false }
}

fn replace(name: String, ttl: u32, records: Vec<Record>) -> Change {
    Change { name, r#type: "TXT", changetype: "REPLACE", ttl: Some(ttl), records }
}

fn delete(name: String) -> Change {
    Change { name, r#type: "TXT", changetype: "DELETE", ttl: None, records: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> Zone {
        serde_json::from_str(include_str!("../fixtures/zone.json")).expect("a zone")
    }

    fn txt(value: &str) -> Txt {
        Txt { name: "_acme-challenge.example.com".into(), value: value.into() }
    }

    #[test]
    fn two_values_at_one_name_join_what_is_there() {
        let changes = with(&zone(), &[txt("one"), txt("two")], 60);
        assert_eq!(changes.len(), 1);
        let contents: Vec<&str> = changes[0].records.iter().map(|record| record.content.as_str()).collect();
        assert_eq!(contents, ["\"foreign\"", "\"one\"", "\"two\""]);
        assert_eq!((changes[0].ttl, changes[0].records[0].disabled), (Some(300), true));
    }

    #[test]
    fn what_exists_is_not_written_again() {
        assert_eq!(with(&zone(), &[txt("foreign")], 60), []);
        let fresh = with(&zone(), &[Txt { name: "_acme-challenge.www.example.com".into(), value: "v".into() }], 60);
        assert_eq!((fresh[0].ttl, fresh[0].name.as_str()), (Some(60), "_acme-challenge.www.example.com."));
    }

    #[test]
    fn cleanup_keeps_siblings_and_removes_an_emptied_set() {
        assert_eq!(without(&zone(), &[txt("absent")]), []);
        let emptied = without(&zone(), &[txt("foreign")]);
        assert_eq!((emptied[0].changetype, emptied[0].records.len()), ("DELETE", 0));
        let mut both = zone();
        both.rrsets[1].records.push(record("ours".into()));
        let left = without(&both, &[txt("ours")]);
        assert_eq!(left[0].records, zone().rrsets[1].records);
    }
}
