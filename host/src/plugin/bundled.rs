//! The providers that come with acmite.

/// The component of a bundled provider.
pub fn component(id: &str) -> Option<&'static [u8]> {
    BUNDLED.iter().find(|(bundled, _)| *bundled == id).map(|(_, component)| *component)
}

/// Id and component of every bundled provider, by id.
pub const BUNDLED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::inspect::inspect;

    #[test]
    fn every_bundled_component_is_a_provider_of_the_name_it_is_bundled_under() {
        for (id, component) in BUNDLED {
            let inspected = inspect(component).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(inspected.manifest.id, *id);
        }
        assert!(component("no-such-provider").is_none());
    }
}
