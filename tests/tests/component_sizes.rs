//! No provider grows without being noticed.

use acmite_tests::plugins::{build, folder, ids};
use acmite_tests::written::compare;

#[test]
fn each_component_is_about_as_large_as_it_is_written_down() {
    let size = |id: String| {
        let size = build(&folder(&id)).len() as u64;
        (id, size)
    };
    compare("component-sizes.txt", LEEWAY_PERCENT, &ids().into_iter().map(size).collect());
}

/// Compilers differ a little from machine to machine.
const LEEWAY_PERCENT: u64 = 4;
