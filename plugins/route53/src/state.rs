//! What `present` hands on: the zone's id, then those of its changes, a line each.

/// Ids of a zone and of the changes made in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) zone: String,
    pub(crate) changes: Vec<String>,
}

impl State {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let lines = std::iter::once(self.zone.as_str()).chain(self.changes.iter().map(String::as_str));
        lines.collect::<Vec<_>>().join("\n").into_bytes()
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines().map(str::to_owned);
        let zone = lines.next()?;
        Some(Self { zone, changes: lines.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back() {
        for changes in [vec![], vec!["C1".to_owned(), "C2".to_owned()]] {
            let state = State { zone: "Z1".into(), changes };
            assert_eq!(State::read(&state.bytes()), Some(state));
        }
        assert_eq!(State::read(b""), None);
    }
}
