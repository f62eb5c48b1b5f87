//! The records' ids, as `present` hands them to `cleanup`: 16 bytes of the zone's id, then 20 bytes a record.

use acmite_sdk::Txt;

/// Ids of a zone and of some of its records.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) zone: String,
    ids: Vec<(u32, String)>,
}

impl State {
    pub(crate) fn new(zone: &str) -> Self {
        Self { zone: zone.to_owned(), ids: Vec::new() }
    }

    pub(crate) fn keep(&mut self, record: &Txt, id: &str) {
        self.ids.push((key(record), id.to_owned()));
    }

    pub(crate) fn id_of(&self, record: &Txt) -> Option<String> {
        let key = key(record);
        self.ids.iter().find(|(known, _)| *known == key).map(|(_, id)| id.clone())
    }

    /// As many as fit; those left out are found by listing. Empty if the ids are not those of today's API.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Some(mut bytes) = packed(&self.zone) else { return Vec::new() };
        for (key, id) in &self.ids {
            if let Some(id) = packed(id).filter(|_| bytes.len() + ENTRY_BYTES <= MAX_BYTES) {
                bytes.extend(key.to_be_bytes());
                bytes.extend(id);
            }
        }
        bytes
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (zone, entries) = bytes.split_at_checked(ID_BYTES)?;
        let entry = |entry: &[u8]| {
            let (key, id) = entry.split_first_chunk()?;
            Some((u32::from_be_bytes(*key), unpacked(id)))
        };
        Some(Self { zone: unpacked(zone), ids: entries.chunks_exact(ENTRY_BYTES).filter_map(entry).collect() })
    }
}

/// FNV-1a of name and value.
fn key(record: &Txt) -> u32 {
    let bytes = record.name.bytes().chain([0]).chain(record.value.bytes());
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// 32 hex digits as 16 bytes.
fn packed(id: &str) -> Option<Vec<u8>> {
    let byte = |at: usize| id.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let plain = id.len() == 2 * ID_BYTES && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if plain { (0..ID_BYTES).map(|index| byte(2 * index)).collect() } else { None }
}

fn unpacked(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

const ID_BYTES: usize = 16;
const ENTRY_BYTES: usize = 4 + ID_BYTES;
/// What the host keeps of a state.
const MAX_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: &str = "023e105f4ecef8ad9ca31a8372d0c353";

    fn txt(number: usize) -> Txt {
        Txt { name: "_acme-challenge.example.com".into(), value: format!("v{number}") }
    }

    #[test]
    fn ids_come_back_for_the_records_they_belong_to() {
        let mut state = State::new(ZONE);
        state.keep(&txt(1), "372e67954025e0ba6aaa6d586b9e0b59");
        let read = State::read(&state.bytes()).expect("a state");
        assert_eq!(read, state);
        assert_eq!(read.id_of(&txt(1)).as_deref(), Some("372e67954025e0ba6aaa6d586b9e0b59"));
        assert_eq!((read.id_of(&txt(2)), read.zone.as_str()), (None, ZONE));
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut state = State::new(ZONE);
        (0..500).for_each(|number| state.keep(&txt(number), &format!("{number:032x}")));
        let bytes = state.bytes();
        assert!(bytes.len() <= MAX_BYTES);
        let read = State::read(&bytes).expect("a state");
        assert!(read.id_of(&txt(203)).is_some() && read.id_of(&txt(204)).is_none());
    }

    #[test]
    fn ids_of_another_form_are_not_kept() {
        let mut state = State::new(ZONE);
        state.keep(&txt(1), "not hex");
        assert_eq!(State::read(&state.bytes()).expect("a state").id_of(&txt(1)), None);
        assert!(State::new("zone").bytes().is_empty());
        assert_eq!(State::read(b""), None);
    }
}
