//! The providers that come with acmite.

use crate::plugin::inspect::inspect;
use crate::plugin::manifest::Manifest;

/// The component of a bundled provider.
pub fn component(id: &str) -> Option<&'static [u8]> {
    BUNDLED.iter().find(|(bundled, _)| *bundled == id).map(|(_, component)| *component)
}

/// The manifests of all bundled providers.
pub fn manifests() -> Vec<Manifest> {
    BUNDLED.iter().filter_map(|(_, component)| inspect(component).ok()).map(|inspected| inspected.manifest).collect()
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
