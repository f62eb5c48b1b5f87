//! The text of `acmite.toml` with the place of everything in it, so that every error can name it.

use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::file::{RawConfig, schema};
use crate::secure_file::read_to_its_end;

/// A configuration file that was read.
#[derive(Clone, Debug)]
pub struct ConfigText {
    path: PathBuf,
    text: String,
}

/// Where in the file a value is, as its keys from the outside in.
pub type Keys<'a> = &'a [&'a str];

impl ConfigText {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let unreadable = |source| ConfigError::Unreadable { path: path.clone(), source };
        let file = File::open(&path).map_err(unreadable)?;
        check_writers(&path, &file.metadata().map_err(unreadable)?)?;
        let bytes = read_to_its_end(file).map_err(unreadable)?;
        let not_text = |error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error));
        let text = String::from_utf8(bytes).map_err(not_text)?;
        Ok(Self { path, text })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path in the file, which begins at the file's folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("/")).join(path)
    }

    /// The file as it is written; keys that do not exist are refused with the nearest that does.
    pub fn parse(&self) -> Result<RawConfig, ConfigError> {
        let table = DeTable::parse(&self.text).map_err(|error| self.malformed(&error))?;
        if let Some(stray) = stray(table.get_ref(), &schema(), &[]) {
            let place = self.place(stray.at, stray.keys.last().map_or("", |key| key), &stray.keys);
            let nearest = nearest(&place.last, stray.known.iter().map(String::as_str));
            return Err(ConfigError::UnknownKey { place, nearest, known: stray.known.join(", ") });
        }
        toml::from_str(&self.text).map_err(|error| self.malformed(&error))
    }

    /// The error of a value that its own part of acmite does not take.
    pub fn refused(&self, keys: Keys<'_>, why: impl fmt::Display) -> ConfigError {
        ConfigError::Refused { place: self.find(keys), why: why.to_string() }
    }

    /// The error of a name that nothing in the file has.
    pub fn unknown<'a>(&self, keys: Keys<'_>, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> ConfigError {
        let nearest = nearest(name, known.clone());
        let known = known.collect::<Vec<_>>().join(", ");
        ConfigError::UnknownName { place: self.find(keys), name: name.to_owned(), nearest, known }
    }

    fn malformed(&self, error: &toml::de::Error) -> ConfigError {
        let at = error.span().map_or(0, |span| span.start);
        let keys = DeTable::parse(&self.text).map(|table| keys_at(table.get_ref(), at)).unwrap_or_default();
        let last = keys.last().cloned().unwrap_or_default();
        ConfigError::Malformed { place: self.place(at, &last, &keys), why: error.message().trim_end().to_owned() }
    }

    fn find(&self, keys: Keys<'_>) -> Box<Place> {
        let at = DeTable::parse(&self.text).ok().and_then(|table| at(table.get_ref(), keys));
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        self.place(at.unwrap_or(0), keys.last().map_or("", |key| key), &keys)
    }

    fn place(&self, at: usize, last: &str, keys: &[String]) -> Box<Place> {
        let before = &self.text[..self.text.floor_char_boundary(at)];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Box::new(Place {
            path: self.path.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            last: last.to_owned(),
            keys: keys.iter().map(|key| quoted(key)).collect::<Vec<_>>().join("."),
        })
    }
}

/// The file holds commands that this process will run: whoever writes it may do all that this process may.
fn check_writers(path: &Path, facts: &Metadata) -> Result<(), ConfigError> {
    let (path, owner, mode) = (path.to_owned(), facts.uid(), facts.mode() & 0o7777);
    if owner != ROOT && owner != rustix::process::geteuid().as_raw() {
        return Err(ConfigError::Owner { path, owner });
    }
    if mode & 0o022 != 0 { Err(ConfigError::Mode { path, mode }) } else { Ok(()) }
}

const ROOT: u32 = 0;

/// Keys are written as TOML needs them.
fn quoted(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare { key.to_owned() } else { format!("{key:?}") }
}

struct Stray {
    at: usize,
    keys: Vec<String>,
    known: Vec<String>,
}

/// The first key that the schema does not know.
fn stray(table: &DeTable<'_>, schema: &Value, above: &[String]) -> Option<Stray> {
    let schema = of_table(schema)?;
    let named = schema.get("properties").and_then(Value::as_object);
    let any = schema.get("additionalProperties").filter(|any| any.is_object());
    table.iter().find_map(|(key, value)| {
        let keys: Vec<String> = above.iter().cloned().chain([key.get_ref().to_string()]).collect();
        let Some(inner) = named.and_then(|named| named.get(key.get_ref().as_ref())).or(any) else {
            let known = named.into_iter().flat_map(|named| named.keys().cloned()).collect();
            return Some(Stray { at: key.span().start, keys, known });
        };
        match value.get_ref() {
            DeValue::Table(table) => stray(table, inner, &keys),
            _ => None,
        }
    })
}

/// The schema for a table among those for a value; what may be left out may be null there too.
fn of_table(schema: &Value) -> Option<&Value> {
    let describes = |one: &&Value| one.get("properties").is_some() || one.get("additionalProperties").is_some();
    Some(schema).filter(describes).or_else(|| schema.get("anyOf")?.as_array()?.iter().find(describes))
}

/// Where the value of these keys begins; for a table, or what is not there, the nearest above it that is.
fn at(table: &DeTable<'_>, keys: Keys<'_>) -> Option<usize> {
    let (first, rest) = keys.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == *first)?;
    let inner = match value.get_ref() {
        DeValue::Table(inner) => at(inner, rest),
        DeValue::Array(items) => {
            let number = rest.first().and_then(|number| number.parse::<usize>().ok());
            number.and_then(|number| items.get(number)).map(|item| item.span().start)
        }
        _ => None,
    };
    inner.or(Some(key.span().start))
}

/// The keys of the innermost value that a byte is in.
fn keys_at(table: &DeTable<'_>, byte: usize) -> Vec<String> {
    let holds = |span: Range<usize>| span.contains(&byte);
    for (key, value) in table {
        if let DeValue::Table(inner) = value.get_ref() {
            let deeper = keys_at(inner, byte);
            if !deeper.is_empty() {
                return [vec![key.get_ref().to_string()], deeper].concat();
            }
        }
        if holds(key.span()) || holds(value.span()) {
            return vec![key.get_ref().to_string()];
        }
    }
    Vec::new()
}

/// The name that was probably meant.
pub fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let distance = |name: &&str| strsim::damerau_levenshtein(written, name);
    let best = known.min_by_key(distance)?;
    (distance(&best) <= (written.chars().count() / FARTHEST_PART).max(1)).then(|| best.to_owned())
}

/// A third of the letters may be wrong.
const FARTHEST_PART: usize = 3;

/// A place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The keys from the outside in, with dots between.
    pub keys: String,
    last: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)?;
        if self.keys.is_empty() { Ok(()) } else { write!(f, ": {}", self.keys) }
    }
}

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read the configuration {}; check that it is there and that this user may", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is another user's.
    #[error("the configuration {} belongs to user {owner}, who could have any command run; chown it", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// User id.
        owner: u32,
    },
    /// Others may write to it.
    #[error("the configuration {} has mode {mode:04o}, so others could have any command run; chmod go-w it", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is no TOML, or a value is of the wrong type or missing.
    #[error("{place}: {why}")]
    Malformed {
        /// Where.
        place: Box<Place>,
        /// What is wrong.
        why: String,
    },
    /// A key that does not exist.
    #[error("{place}: there is no such key{}; those there are: {known}", meant(nearest))]
    UnknownKey {
        /// Where.
        place: Box<Place>,
        /// What was probably meant.
        nearest: Option<String>,
        /// Those there are.
        known: String,
    },
    /// A name of something that the file does not have.
    #[error("{place}: there is no {name:?}{}; those there are: {known}", meant(nearest))]
    UnknownName {
        /// Where.
        place: Box<Place>,
        /// As it is written.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
        /// Those there are.
        known: String,
    },
    /// A value that is not taken.
    #[error("{place}: {why}")]
    Refused {
        /// Where.
        place: Box<Place>,
        /// Why not, with what to do.
        why: String,
    },
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|nearest| format!("; did you mean {nearest:?}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> ConfigText {
        ConfigText { path: "/etc/acmite/acmite.toml".into(), text: text.to_owned() }
    }

    fn refusal(toml: &str) -> String {
        text(toml).parse().expect_err(toml).to_string()
    }

    #[test]
    fn a_key_that_does_not_exist_is_told_with_its_place_and_the_one_that_was_meant() {
        let error = refusal("at_once = 2\n\n[certificate.web]\nnames = [\"a.example\"]\n  key_tpye = \"p256\"\n");
        assert!(
            error.starts_with("/etc/acmite/acmite.toml:5:3: certificate.web.key_tpye: there is no such"),
            "{error}"
        );
        assert!(error.contains("did you mean \"key_type\"?"), "{error}");
        let error = refusal("[certficate.web]\nnames = []\n");
        assert!(error.contains(":1:2: certficate: ") && error.contains("did you mean \"certificate\"?"), "{error}");
        let error = refusal("[certificate.\"a.example\"]\nnames = []\ndns = { xyz = 1 }\n");
        assert!(error.contains(":3:9: certificate.\"a.example\".dns.xyz: ") && !error.contains("did you"), "{error}");
        let error = refusal("[ca.own.eab]\nkid = \"a\"\nhmac_key = \"b\"\n");
        assert!(error.contains(":3:1: ca.own.eab.hmac_key: "), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_type_and_one_that_is_missing_are_told_with_their_place() {
        let error = refusal("[certificate.web]\nnames = [\"a.example\"]\nreuse_key = \"yes\"\n");
        assert!(error.contains(":3:13: certificate.web.reuse_key: invalid type"), "{error}");
        let error = refusal("at_once = 3\n[provider.own]\ndomains = []\n");
        assert!(error.contains(":2:1: provider.own: missing field `plugin`"), "{error}");
        assert!(refusal("at_once = \n").contains(":1:11"), "{}", refusal("at_once = \n"));
    }

    #[test]
    fn a_value_is_found_by_its_keys_also_inside_a_list() {
        let text = text("[certificate.web]\nnames = [\n  \"a.example\",\n  \"b..example\",\n]\n");
        let error = text.refused(&["certificate", "web", "names", "1"], "no name").to_string();
        assert!(error.ends_with(":4:3: certificate.web.names.1: no name"), "{error}");
        let error = text.refused(&["certificate", "web", "ca"], "several").to_string();
        assert!(error.ends_with(":1:14: certificate.web.ca: several"), "{error}");
    }

    #[test]
    fn a_file_that_others_may_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("acmite.toml");
        std::fs::write(&path, "at_once = 1\n").expect("written");
        for (mode, taken) in [(0o644, true), (0o600, true), (0o664, false), (0o602, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("changed");
            assert_eq!(ConfigText::read(&path).is_ok(), taken, "{mode:o}");
        }
    }

    #[test]
    fn names_that_are_near_are_meant_and_others_are_not() {
        let known = || ["letsencrypt", "internal"].into_iter();
        assert_eq!(nearest("letsencrpyt", known()).as_deref(), Some("letsencrypt"));
        assert_eq!(nearest("zerossl", known()), None);
    }
}
