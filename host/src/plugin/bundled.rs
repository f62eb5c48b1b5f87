//! The providers that come with acmite.

use crate::plugin::inspect::{Inspected, inspect};
use crate::plugin::reserved::{self, ReservedError};

/// The component of a bundled provider.
pub fn component(id: &str) -> Option<&'static [u8]> {
    BUNDLED.iter().find(|(bundled, _)| *bundled == id).map(|(_, component)| *component)
}

/// Checks that a component from outside claims nothing that belongs to a bundled provider.
pub fn check_outsider(outsider: &Inspected) -> Result<(), ReservedError> {
    let inspected: Vec<(&str, Inspected)> =
        BUNDLED.iter().filter_map(|(id, component)| Some((*id, inspect(component).ok()?))).collect();
    reserved::check(&outsider.manifest_text, inspected.iter().map(|(id, ours)| (*id, ours.manifest_text.as_str())))
}

/// Id and component of every bundled provider, by id.
pub const BUNDLED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_component_is_a_provider_of_the_name_it_is_bundled_under() {
        for (id, component) in BUNDLED {
            let inspected = inspect(component).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(inspected.manifest.id, *id);
        }
        assert!(component("no-such-provider").is_none());
    }
}
