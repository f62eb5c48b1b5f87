//! What a provider's manifest says of one of its fields.

use std::collections::BTreeMap;

/// The variable that holds a field of a plugin, or of one of its instances (`ID-INSTANCE`), whatever else may.
pub fn own_variable(stem: &str, field: &str) -> String {
    format!("{OWN_PREFIX}{stem}_{field}").to_ascii_uppercase().replace(['-', '.'], "_")
}

/// What each of these variables begins with.
pub const OWN_PREFIX: &str = "ACMITE_";

/// One setting or credential of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSpec {
    /// Its name in the manifest and in credentials files.
    pub name: String,
    /// Whether its value stays in the host.
    pub secret: bool,
    /// Whether there must be a value.
    pub required: bool,
    /// The field that may be given in its place.
    pub unless: Option<String>,
    /// What the user is warned of where it has a value.
    pub warning: Option<String>,
    /// The value where none is given; plain fields only.
    pub default: Option<String>,
    /// The values allowed; empty: any.
    pub one_of: Vec<String>,
    /// What other tools write for a value: "ovh-eu" for "eu".
    pub alias: BTreeMap<String, String>,
    /// Environment variables that may hold it.
    pub env: Vec<String>,
    /// What certbot's plugin calls it in its INI file.
    pub certbot: Vec<String>,
    /// What lego calls it in the environment.
    pub lego: Vec<String>,
    /// One line for the user.
    pub help: String,
    /// The field and the JSON pointer in it that the value is taken from; an empty pointer takes all of a plain field.
    pub from: Option<(String, String)>,
}

impl FieldSpec {
    /// Whether others of `fields` are taken out of this one, which is JSON: a key file may be given as it is.
    pub fn is_json(&self, fields: &[Self]) -> bool {
        let mut sources = fields.iter().filter_map(|other| other.from.as_ref());
        sources.any(|(of, pointer)| *of == self.name && !pointer.is_empty())
    }
}
