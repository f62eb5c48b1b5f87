//! Which values are published together where a name holds only so many of them.

use crate::name::DnsName;

/// The positions of `names` in rounds: in each, no name stands more than `most` times, and each round is as early as it
/// can be.
pub(super) fn rounds(names: &[&DnsName], most: usize) -> Vec<Vec<usize>> {
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for (position, name) in names.iter().enumerate() {
        let has_room = |round: &&mut Vec<usize>| round.iter().filter(|other| names[**other] == *name).count() < most;
        match rounds.iter_mut().find(has_room) {
            Some(round) => round.push(position),
            None => rounds.push(vec![position]),
        }
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &str, most: usize) -> Vec<Vec<usize>> {
        let names: Vec<DnsName> =
            names.split(' ').map(|label| format!("{label}.example.test").parse().expect("a name")).collect();
        rounds(&names.iter().collect::<Vec<_>>(), most)
    }

    #[test]
    fn a_name_comes_in_as_many_rounds_as_it_has_too_many_values() {
        assert_eq!(of("a a b", 1), [vec![0, 2], vec![1]]);
        assert_eq!(of("a b a a b", 2), [vec![0, 1, 2, 4], vec![3]]);
        assert_eq!(of("a b c", 1), [vec![0, 1, 2]]);
        assert!(rounds(&[], 1).is_empty());
    }
}
