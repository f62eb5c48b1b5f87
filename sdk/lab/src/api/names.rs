//! Owner names as most APIs write them: below the zone, without the final dot.

use crate::dns::Entry;

/// The whole name, in lower case, without the final dot.
pub(super) fn owner(entry: &Entry) -> String {
    entry.record.name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

/// The name below the zone; `apex` is the API's word for the zone itself.
pub(super) fn below(entry: &Entry, zone: &str, apex: &str) -> String {
    let name = owner(entry);
    let label = name.strip_suffix(zone).map_or(name.as_str(), |label| label.trim_end_matches('.'));
    if label.is_empty() { apex.to_owned() } else { label.to_owned() }
}

/// The whole name of what an API calls `label`; `apex` is its word for the zone itself.
pub(super) fn whole(label: &str, zone: &str, apex: &str) -> String {
    if label == apex { zone.to_owned() } else { format!("{label}.{zone}") }
}
