//! The zone's name and the change's id, as `present` hands them on: two lines.

/// What `settled` and `cleanup` need.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) zone: String,
    /// None if there was nothing to change.
    pub(crate) change: Option<String>,
}

impl State {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        format!("{}\n{}", self.zone, self.change.as_deref().unwrap_or_default()).into_bytes()
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (zone, change) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
        Some(Self { zone: zone.to_owned(), change: (!change.is_empty()).then(|| change.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back() {
        for change in [None, Some("17".to_owned())] {
            let state = State { zone: "my-zone".to_owned(), change };
            assert_eq!(State::read(&state.bytes()), Some(state));
        }
        assert_eq!(State::read(b""), None);
    }
}
