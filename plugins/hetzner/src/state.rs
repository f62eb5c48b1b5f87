//! The actions still running, as `present` hands them to `settled`: 8 bytes an id.

/// As many as fit; for one left out, the name servers are asked anyway.
pub(crate) fn bytes(actions: &[u64]) -> Vec<u8> {
    actions.iter().take(MAX_BYTES / ID_BYTES).flat_map(|id| id.to_be_bytes()).collect()
}

pub(crate) fn read(state: &[u8]) -> Vec<u64> {
    state.as_chunks().0.iter().map(|id| u64::from_be_bytes(*id)).collect()
}

const ID_BYTES: usize = 8;
/// What the host keeps of a state.
const MAX_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_many_as_fit() {
        let ids: Vec<u64> = (9_007_199_254_740_000..9_007_199_254_740_991).collect();
        let bytes = bytes(&ids);
        assert_eq!((bytes.len(), read(&bytes)), (MAX_BYTES, ids[..512].to_vec()));
        assert!(read(b"").is_empty());
    }
}
