//! What a certificate remembers of how it was made, so that it can be made again: `renewal/NAME.toml`.
//!
//! The file is acmite's, and people may read and edit it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};
use url::Url;

use super::layout::StateDir;
use crate::name::{CertName, DnsName};
use crate::secure_file::{SecureReadError, SecureWriteError, read_own, remove_durably, write_whole};

/// How a certificate was made. What layers beside this one define stands here as they write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// Of the file's form.
    pub version: FormatVersion,
    /// The certificate's names, at least one.
    pub names: Vec<CertName>,
    /// The CA's directory.
    #[serde(with = "url_text")]
    pub server: Url,
    /// Which of several accounts at the CA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// PEM file of roots trusted besides the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<PathBuf>,
    /// The request that each certificate is got with, PEM; `None` where acmite makes key and request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csr: Option<String>,
    /// Type of the certificate's key, `p256`; `csr` where it is that of the request.
    pub key_type: String,
    /// Whether the next certificate is for the same key.
    #[serde(default)]
    pub reuse_key: bool,
    /// One of the CA's profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Common name of an issuer in the chain to take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_chain: Option<String>,
    /// How the names are proven.
    pub challenge: ChallengeRecord,
    /// What runs around a renewal.
    #[serde(default, skip_serializing_if = "Hooks::is_empty")]
    pub hooks: Hooks,
}

/// How names are proven. A method is `dns-01`, `dns-account-01`, `dns-persist-01`, `standalone`, `webroot:FOLDER` or
/// `tls-alpn-01`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengeRecord {
    /// For names that have none of their own; the first that can prove a name is taken.
    pub methods: Vec<String>,
    /// For certain names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_name: BTreeMap<CertName, String>,
    /// Where the own web server listens.
    #[serde(default = "http_port")]
    pub http_port: u16,
    /// Where the own TLS server listens.
    #[serde(default = "tls_port")]
    pub tls_port: u16,
    /// What those in DNS work with.
    pub dns: DnsRecord,
}

fn http_port() -> u16 {
    80
}

fn tls_port() -> u16 {
    443
}

/// What challenges in DNS work with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsRecord {
    /// As after `--dns-plugin`: `cloudflare`, `example.org=powerdns:work`.
    pub plugins: Vec<String>,
    /// The file of the providers' settings and secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<PathBuf>,
    /// The same for one of the plugins, as it stands there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub credentials_by_plugin: BTreeMap<String, PathBuf>,
    /// Asked instead of the system's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolvers: Vec<String>,
    /// The apex of the zone of every name, where DNS does not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<DnsName>,
    /// Who must show the records: `all`, `resolver` or `none`.
    pub propagation_check: String,
    /// How long to wait for them.
    pub propagation_timeout_seconds: u64,
    /// TTL of the records in seconds.
    pub ttl: u32,
}

/// Commands around a renewal, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hooks {
    /// Before the certificate is renewed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pre: Vec<String>,
    /// When a new certificate was stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deploy: Vec<String>,
    /// After the run, also after a failure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub post: Vec<String>,
}

impl Hooks {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pre.is_empty() && self.deploy.is_empty() && self.post.is_empty()
    }
}

/// The version of the file's form; another one is refused when it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct FormatVersion;

const VERSION: u32 = 1;

impl TryFrom<u32> for FormatVersion {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        if number == VERSION {
            return Ok(Self);
        }
        Err(format!("version {number} is not that of this acmite, {VERSION}; use the acmite that wrote the file"))
    }
}

impl From<FormatVersion> for u32 {
    fn from(_: FormatVersion) -> Self {
        VERSION
    }
}

/// Where what one certificate remembers is kept.
#[derive(Clone, Debug)]
pub struct RenewalStore {
    path: PathBuf,
}

impl RenewalStore {
    /// The place of the certificate called `name`.
    pub fn new(state: &StateDir, name: &str) -> Self {
        Self { path: state.renewal(name) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was kept; `None` where nothing was.
    pub fn load(&self) -> Result<Option<Renewal>, RenewalError> {
        let unreadable = |source| RenewalError::Unreadable { path: self.path.clone(), source };
        match read_own(&self.path) {
            Ok(bytes) => {
                let text = String::from_utf8(bytes);
                let text = text.map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error)))?;
                parse(&self.path, &text).map(Some)
            }
            Err(SecureReadError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(SecureReadError::Unreadable { source, .. }) => Err(unreadable(source)),
            // Hooks stand in it.
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps it, whole or not at all.
    pub fn save(&self, renewal: &Renewal) -> Result<(), RenewalError> {
        let unwritable = || RenewalError::NotText { path: self.path.clone() };
        let text = toml::to_string_pretty(renewal).map_err(|_| unwritable())?;
        Ok(write_whole(&self.path, format!("{HEADING}\n{text}").as_bytes(), 0o600)?)
    }

    /// Forgets it.
    pub fn remove(&self) -> Result<(), RenewalError> {
        Ok(remove_durably(&self.path)?)
    }

    /// The error of a value that its own layer does not take; `key` is the last part of the key's path.
    pub fn refused(&self, key: &str, why: impl ToString) -> RenewalError {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let line = DeTable::parse(&text).ok().and_then(|table| find(table.get_ref(), key)).map(|at| line_of(&text, at));
        let why = format!("{key}: {}", why.to_string());
        RenewalError::Malformed { path: self.path.clone(), line: line.unwrap_or(1), why }
    }
}

const HEADING: &str = "# How acmite renews this certificate. `acmite issue` writes it anew; you may change it.";

fn parse(path: &Path, text: &str) -> Result<Renewal, RenewalError> {
    let renewal: Renewal = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let (key, why) = (key_at(text, at), error.message().trim_end());
        let why = if why.contains(key) { why.to_owned() } else { format!("{key}: {why}") };
        RenewalError::Malformed { path: path.to_owned(), line: line_of(text, at), why }
    })?;
    if renewal.names.is_empty() {
        let why = "names: it is empty; give at least one name".to_owned();
        return Err(RenewalError::Malformed { path: path.to_owned(), line: 1, why });
    }
    Ok(renewal)
}

/// The key of the line that a byte is in, or its table's name.
fn key_at(text: &str, at: usize) -> &str {
    let line = text.lines().nth(line_of(text, at) - 1).unwrap_or_default();
    line.split('=').next().unwrap_or_default().trim()
}

fn find(table: &DeTable<'_>, key: &str) -> Option<usize> {
    table.iter().find_map(|(name, value)| match value.get_ref() {
        _ if name.get_ref() == key => Some(name.span().start),
        DeValue::Table(inner) => find(inner, key),
        _ => None,
    })
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The names of all certificates that remember how they were made, sorted.
pub fn list(state: &StateDir) -> Result<Vec<String>, RenewalError> {
    let folder = state.renewal_dir();
    let unreadable = |source| RenewalError::Unreadable { path: folder.clone(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        match name.strip_suffix(".toml") {
            Some(stem) if !name.starts_with('.') => names.push(stem.to_owned()),
            _ => {}
        }
    }
    names.sort_unstable();
    Ok(names)
}

mod url_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use url::Url;

    pub(super) fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(url.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
        let text = String::deserialize(deserializer)?;
        Url::parse(&text).map_err(|_| serde::de::Error::custom(format!("{text:?} is no URL")))
    }
}

/// Why what a certificate remembers could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum RenewalError {
    /// The file cannot be read.
    #[error("cannot read {}; check that this user may", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may have changed the file.
    #[error(transparent)]
    NotOwn(#[from] SecureReadError),
    /// The file is not as it must be.
    #[error("{}:{line}: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong, with the key.
        why: String,
    },
    /// A path in it is no text.
    #[error("{} cannot be written, as a path in it is not UTF-8; name the file otherwise", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("how the certificate was made cannot be kept")]
    Write(#[from] SecureWriteError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renewal() -> Renewal {
        Renewal {
            version: FormatVersion,
            names: ["example.com", "*.example.com"].map(|name| CertName::parse(name).expect("a name")).to_vec(),
            server: Url::parse("https://ca.example/dir").expect("a URL"),
            account: None,
            ca_bundle: Some("/etc/ca.pem".into()),
            csr: None,
            key_type: "p256".to_owned(),
            reuse_key: false,
            profile: None,
            preferred_chain: None,
            challenge: ChallengeRecord {
                methods: vec!["dns-01".to_owned()],
                by_name: BTreeMap::from([(CertName::parse("example.com").expect("a name"), "standalone".to_owned())]),
                http_port: 80,
                tls_port: 443,
                dns: DnsRecord {
                    plugins: vec!["quillzone:work".to_owned()],
                    credentials: Some("/etc/acmite/quillzone.toml".into()),
                    credentials_by_plugin: BTreeMap::new(),
                    resolvers: vec!["127.0.0.1:53".to_owned()],
                    zone: None,
                    propagation_check: "all".to_owned(),
                    propagation_timeout_seconds: 300,
                    ttl: 60,
                },
            },
            hooks: Hooks { deploy: vec!["shell: systemctl reload nginx".to_owned()], ..Hooks::default() },
        }
    }

    fn store(folder: &tempfile::TempDir) -> RenewalStore {
        RenewalStore::new(&StateDir::open(&folder.path().join("state")).expect("opened"), "example.com")
    }

    /// The error that the file gives with one line changed, and that line's number.
    fn refusal(from: &str, to: &str) -> (String, usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(&folder);
        store.save(&renewal()).expect("kept");
        let text = fs::read_to_string(store.path()).expect("there");
        let line = text.lines().position(|line| line.contains(from)).expect("a line") + 1;
        fs::write(store.path(), text.replacen(from, to, 1)).expect("written");
        (store.load().expect_err("refused").to_string(), line)
    }

    #[test]
    fn what_was_kept_is_found_again_and_listed_by_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(&folder.path().join("state")).expect("opened");
        let store = store(&folder);
        assert_eq!(store.load().expect("readable"), None);
        store.save(&renewal()).expect("kept");
        assert_eq!(store.load().expect("readable"), Some(renewal()));
        assert_eq!(list(&state).expect("readable"), ["example.com"]);
        store.remove().expect("removed");
        assert_eq!(list(&state).expect("readable"), [""; 0]);
    }

    #[test]
    fn each_provider_can_have_credentials_of_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut several = renewal();
        let own = ("example.org=quillzone:work".to_owned(), "/etc/acmite/work.toml".into());
        several.challenge.dns.credentials_by_plugin = BTreeMap::from([own]);
        store(&folder).save(&several).expect("kept");
        assert_eq!(store(&folder).load().expect("readable"), Some(several));
    }

    #[test]
    fn what_has_a_usual_value_need_not_be_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(&folder);
        let minimal = "version = 1\nnames = [\"example.com\"]\nserver = \"https://ca.example/dir\"\nkey_type = \"p256\"\n\
            [challenge]\nmethods = [\"standalone\"]\n[challenge.dns]\nplugins = []\npropagation_check = \"all\"\n\
            propagation_timeout_seconds = 300\nttl = 60\n";
        fs::write(store.path(), minimal).expect("written");
        let read = store.load().expect("readable").expect("there");
        assert_eq!((read.challenge.http_port, read.challenge.tls_port, read.reuse_key), (80, 443, false));
    }

    #[test]
    fn an_error_names_file_line_and_key() {
        for (from, to, word) in [
            ("reuse_key =", "reusekey =", "reusekey"),
            ("ttl = 60", "ttl = \"x\"", "ttl: invalid type"),
            ("reuse_key = false", "reuse_key = 3", "reuse_key: invalid type"),
            ("https://ca.example/dir", "nowhere", "nowhere"),
            ("version = 1", "version = 2", "version 2"),
            ("[challenge.dns]", "[challenge.dsn]", "dsn"),
        ] {
            let (error, line) = refusal(from, to);
            assert!(error.contains(&format!("renewal/example.com.toml:{line}: ")), "{to}, line {line}: {error}");
            assert!(error.contains(word), "{to}: {error}");
        }
    }

    #[test]
    fn a_value_refused_by_another_layer_is_found_by_its_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(&folder);
        store.save(&renewal()).expect("kept");
        let text = fs::read_to_string(store.path()).expect("there");
        let line = text.lines().position(|line| line.starts_with("propagation_check")).expect("there") + 1;
        let error = store.refused("propagation_check", "no such").to_string();
        assert!(error.ends_with(&format!("example.com.toml:{line}: propagation_check: no such")), "{error}");
    }
}
