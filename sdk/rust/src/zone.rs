//! Names and the zones they belong to.
//!
//! The host gives every call its zone, so most providers need [`relative`] only. [`longest`] is for an API whose zones
//! are not those of DNS, or that lists more than was asked for.

/// The listed zone that holds `name` and is the longest of those that do; `zone_name` tells a listed zone's name.
pub fn longest<T>(name: &str, listed: impl IntoIterator<Item = T>, zone_name: impl Fn(&T) -> &str) -> Option<T> {
    listed
        .into_iter()
        .filter(|zone| relative(name, zone_name(zone)).is_some())
        .max_by_key(|zone| plain(zone_name(zone)).len())
}

/// What stands in front of `zone` in `name`, without the dot between: "" at the apex, `None` outside the zone.
///
/// Compares without case; final dots do not matter.
pub fn relative<'a>(name: &'a str, zone: &str) -> Option<&'a str> {
    let (name, zone) = (plain(name), plain(zone));
    let split = name.len().checked_sub(zone.len())?;
    let (front, back) = (name.get(..split)?, name.get(split..)?);
    if !back.eq_ignore_ascii_case(zone) || zone.is_empty() {
        return None;
    }
    if front.is_empty() { Some(front) } else { front.strip_suffix('.') }
}

/// [`relative`] with the word that an API has for the apex, "@" for most.
pub fn relative_or<'a>(name: &'a str, zone: &str, apex: &'a str) -> Option<&'a str> {
    relative(name, zone).map(|label| if label.is_empty() { apex } else { label })
}

/// Whether two names are the same but for case and a final dot.
pub fn same(one: &str, other: &str) -> bool {
    plain(one).eq_ignore_ascii_case(plain(other))
}

fn plain(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_zone_that_holds_the_name_is_taken() {
        let listed = ["example.com", "sub.example.com.", "other.com", "ample.com", "deep.sub.example.com"];
        let found = |name| longest(name, listed, |zone| zone);
        assert_eq!(found("_acme-challenge.a.sub.example.com"), Some("sub.example.com."));
        assert_eq!(found("SUB.example.com"), Some("sub.example.com."));
        assert_eq!(found("_acme-challenge.example.com."), Some("example.com"));
        assert_eq!(found("notexample.com"), None);
    }

    #[test]
    fn relative_names_end_at_a_label() {
        assert_eq!(relative("_acme-challenge.www.example.com", "example.com."), Some("_acme-challenge.www"));
        assert_eq!(relative("example.com.", "EXAMPLE.com"), Some(""));
        assert_eq!(relative("badexample.com", "example.com"), None);
        assert_eq!(relative("com", "example.com"), None);
        assert_eq!(relative("example.com", ""), None);
        assert_eq!(relative_or("example.com", "example.com", "@"), Some("@"));
        assert_eq!(relative_or("a.example.com", "example.com", "@"), Some("a"));
        assert!(same("A.example.", "a.EXAMPLE") && !same("a.example", "b.example"));
    }
}
