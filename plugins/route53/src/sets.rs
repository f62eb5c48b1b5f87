//! What the sets of a zone become.

use std::collections::BTreeMap;

use acmite_sdk::{Txt, txt, xml, zone};

/// The TXT set at a name, its values as Route 53 writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) ttl: String,
    pub(crate) values: Vec<String>,
}

/// What becomes of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) action: &'static str,
    pub(crate) set: Set,
}

/// The changes after which every record exists; sets that have them all are left alone, and a set keeps its TTL.
pub(crate) fn with(there: &[Set], records: &[Txt], ttl: u32) -> Vec<Change> {
    by_name(records)
        .into_iter()
        .filter_map(|(name, values)| {
            let known = find(there, name);
            let mut set = known.cloned().unwrap_or_else(|| empty(name, ttl));
            let missing: Vec<String> =
                values.into_iter().filter(|value| !holds(&set, value)).map(txt::quoted).collect();
            let is_complete = missing.is_empty();
            set.values.extend(missing);
            (!is_complete).then_some(Change { action: "UPSERT", set })
        })
        .collect()
}

/// The changes after which none of the records exists.
pub(crate) fn without(there: &[Set], records: &[Txt]) -> Vec<Change> {
    by_name(records)
        .into_iter()
        .filter_map(|(name, values)| {
            let set = find(there, name)?;
            let is_ours = |spelled: &String| values.contains(&txt::unquoted(spelled).as_str());
            let kept: Vec<String> = set.values.iter().filter(|spelled| !is_ours(spelled)).cloned().collect();
            match kept.len() {
                left if left == set.values.len() => None,
                // What is deleted is written as it stands there.
                0 => Some(Change { action: "DELETE", set: set.clone() }),
                _ => Some(Change { action: "UPSERT", set: Set { values: kept, ..set.clone() } }),
            }
        })
        .collect()
}

/// In batches within the limits of "Quotas" in the Developer Guide; an UPSERT counts twice.
pub(crate) fn batches(changes: &[Change]) -> Vec<&[Change]> {
    let (mut batches, mut rest) = (Vec::new(), changes);
    while !rest.is_empty() {
        let (mut records, mut characters) = (0, 0);
        let fits = rest.iter().take_while(|change| {
            let values = &change.set.values;
            records += 2 * values.len();
            characters += 2 * values.iter().map(|value| value.chars().count()).sum::<usize>();
            records <= BATCH_RECORDS && characters <= BATCH_CHARACTERS
        });
        let (batch, after) = rest.split_at(fits.count().max(1));
        batches.push(batch);
        rest = after;
    }
    batches
}

/// The body of ChangeResourceRecordSets.
pub(crate) fn body(changes: &[Change]) -> String {
    let changes: String = changes.iter().map(change).collect();
    format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>\
         {changes}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    )
}

fn change(Change { action, set }: &Change) -> String {
    let record = |value: &String| format!("<ResourceRecord><Value>{}</Value></ResourceRecord>", xml::escaped(value));
    let records: String = set.values.iter().map(record).collect();
    let (name, ttl) = (xml::escaped(&set.name), xml::escaped(&set.ttl));
    format!(
        "<Change><Action>{action}</Action><ResourceRecordSet><Name>{name}</Name><Type>TXT</Type><TTL>{ttl}</TTL>\
         <ResourceRecords>{records}</ResourceRecords></ResourceRecordSet></Change>"
    )
}

/// The records' names, each with its values.
pub(crate) fn by_name(records: &[Txt]) -> BTreeMap<&str, Vec<&str>> {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in records {
        names.entry(&record.name).or_default().push(&record.value);
    }
    names
}

fn find<'a>(there: &'a [Set], name: &str) -> Option<&'a Set> {
    there.iter().find(|set| zone::same(&set.name, name))
}

fn holds(set: &Set, value: &str) -> bool {
    set.values.iter().any(|spelled| txt::unquoted(spelled) == value)
}

fn empty(name: &str, ttl: u32) -> Set {
    Set { name: format!("{name}."), ttl: ttl.to_string(), values: Vec::new() }
}

const BATCH_RECORDS: usize = 1000;
const BATCH_CHARACTERS: usize = 32_000;

#[cfg(test)]
mod tests {
    use acmite_sdk::testing::txt;

    use super::*;

    const NAME: &str = "_acme-challenge.example.com";

    fn set(values: &[&str]) -> Set {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Set { name: format!("{NAME}."), ttl: "300".into(), values }
    }

    #[test]
    fn two_values_at_one_name_join_what_is_there_as_it_is_spelled() {
        let there = [set(&["\"for\" \"eign\\303\""])];
        let changes = with(&there, &[txt(NAME, "one"), txt(NAME, "two")], 60);
        let joined = set(&["\"for\" \"eign\\303\"", "\"one\"", "\"two\""]);
        assert_eq!(changes, [Change { action: "UPSERT", set: joined }]);
        assert_eq!(with(&[set(&["\"one\""])], &[txt(NAME, "one")], 60), []);
        assert_eq!(with(&[], &[txt(NAME, "one")], 60)[0].set, Set { ttl: "60".into(), ..set(&["\"one\""]) });
    }

    #[test]
    fn cleanup_keeps_siblings_and_deletes_an_emptied_set_as_it_stands() {
        let there = [set(&["\"foreign\"", "\"ours\""])];
        assert_eq!(without(&there, &[txt(NAME, "ours")]), [Change { action: "UPSERT", set: set(&["\"foreign\""]) }]);
        let alone = [set(&["\"ou\" \"rs\""])];
        assert_eq!(without(&alone, &[txt(NAME, "ours")]), [Change { action: "DELETE", set: alone[0].clone() }]);
        assert_eq!(without(&there, &[txt(NAME, "absent")]), []);
        assert_eq!(without(&[], &[txt(NAME, "ours")]), []);
    }

    #[test]
    fn no_batch_is_larger_than_route_53_takes() {
        let change = |values: usize, bytes: usize| {
            let values = vec!["x".repeat(bytes); values];
            Change { action: "UPSERT", set: Set { values, ..set(&[]) } }
        };
        let sizes = |changes: &[Change]| batches(changes).iter().map(|batch| batch.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&vec![change(1, 10); 501]), [500, 1]);
        assert_eq!(sizes(&vec![change(2, 4000); 5]), [2, 2, 1]);
        assert_eq!(sizes(&[change(1, 40_000), change(1, 10)]), [1, 1]);
        assert!(sizes(&[]).is_empty());
    }
}
