//! What a set becomes.

use crate::api::{Change, Properties, Record, Set};

/// The change after which every value exists; a set that has them all is left alone, and one keeps its TTL.
pub(crate) fn with(set: Option<Set>, values: Vec<String>, ttl: u32) -> Option<Change> {
    let (etag, mut properties) = match set {
        Some(set) => (Some(set.etag), set.properties),
        None => (None, Properties { ttl, records: Vec::new() }),
    };
    let is_missing = |value: &String| !properties.records.iter().any(|record| record.value.concat() == *value);
    let missing: Vec<String> = values.into_iter().filter(is_missing).collect();
    if missing.is_empty() {
        return None;
    }
    properties.records.extend(missing.iter().map(|value| Record { value: strings(value) }));
    Some(match etag {
        Some(etag) => Change::Update(etag, properties),
        None => Change::Create(properties),
    })
}

/// The change after which none of the values exists.
pub(crate) fn without(set: Set, values: &[String]) -> Option<Change> {
    let Set { etag, mut properties } = set;
    let before = properties.records.len();
    properties.records.retain(|record| !values.contains(&record.value.concat()));
    match properties.records.len() {
        0 if before > 0 => Some(Change::Delete(etag)),
        left if left < before => Some(Change::Update(etag, properties)),
        _ => None,
    }
}

/// Strings of at most 255 bytes (RFC 1035 section 3.3).
fn strings(value: &str) -> Vec<String> {
    let mut strings = vec![String::new()];
    for character in value.chars() {
        match strings.last_mut() {
            Some(last) if last.len() + character.len_utf8() <= STRING_BYTES => last.push(character),
            _ => strings.push(character.to_string()),
        }
    }
    strings
}

const STRING_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_cut_between_characters() {
        let lengths = |value: &str| strings(value).iter().map(String::len).collect::<Vec<_>>();
        assert_eq!((lengths(""), lengths(&"x".repeat(255))), (vec![0], vec![255]));
        assert_eq!((lengths(&"x".repeat(256)), lengths(&"\u{fc}".repeat(128))), (vec![255, 1], vec![254, 2]));
    }
}
