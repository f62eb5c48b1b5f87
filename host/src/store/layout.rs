//! Where every file is.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use crate::digest::sha256_hex;
use crate::name::Host;
use crate::secure_file::{SecureWriteError, create_private_dir, remove_abandoned};

/// The folder of everything acmite keeps: the caller's own, writable by nobody else.
#[derive(Clone, Debug)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// Opens the folder, making it and the folders in it where they are missing.
    pub fn open(path: &Path) -> Result<Self, StateDirError> {
        let dir = Self { root: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()) };
        let inner = [dir.live_dir(), dir.archive_dir(), dir.accounts_dir(), dir.journal_dir(), dir.locks_dir()];
        create_private_dir(&dir.root)?;
        let hooks = HookKind::ALL.map(|kind| dir.hooks_dir(kind));
        for folder in inner.iter().chain([&dir.cache_dir(), &dir.plugins_dir(), &dir.renewal_dir()]).chain(&hooks) {
            create_private_dir(folder)?;
        }
        Ok(dir)
    }

    /// Removes files that a killed run had begun to write; those of a certificate's versions are the store's.
    pub fn tidy(&self) {
        let folders = [self.journal_dir(), self.webroot_journal_dir(), self.renewal_dir(), self.cache_dir()];
        folders.iter().chain([&self.plugins_dir(), &self.root]).for_each(|folder| remove_abandoned(folder));
        let accounts = std::fs::read_dir(self.accounts_dir()).into_iter().flatten().flatten();
        accounts.for_each(|account| remove_abandoned(&account.path()));
    }

    /// Where the folder is when none is named: `/var/lib/acmite` for root, else in the user's XDG state folder.
    pub fn default_path(is_root: bool, env: &dyn Fn(&str) -> Option<OsString>) -> PathBuf {
        if is_root {
            return PathBuf::from("/var/lib/acmite");
        }
        // A relative path there is to be ignored (XDG Base Directory Specification 0.8).
        let xdg = env("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
        let home = || PathBuf::from(env("HOME").unwrap_or_default()).join(".local/state");
        xdg.unwrap_or_else(home).join("acmite")
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The link to the newest files of a certificate. `*.example.com` is kept as `example.com`, as certbot does.
    pub fn live(&self, name: &str) -> PathBuf {
        self.live_dir().join(file_name(name))
    }

    /// The links of all certificates.
    pub fn live_dir(&self) -> PathBuf {
        self.root.join("live")
    }

    /// Every version of a certificate, each in a numbered folder.
    pub fn archive(&self, name: &str) -> PathBuf {
        self.archive_dir().join(file_name(name))
    }

    /// Every version of all certificates.
    pub fn archive_dir(&self) -> PathBuf {
        self.root.join("archive")
    }

    /// What every certificate remembers of how it was made.
    pub fn renewal_dir(&self) -> PathBuf {
        self.root.join("renewal")
    }

    /// What a certificate remembers of how it was made.
    pub fn renewal(&self, name: &str) -> PathBuf {
        self.renewal_dir().join(format!("{}.toml", file_name(name)))
    }

    /// How the renewal of a certificate stands.
    pub fn renewal_state(&self, name: &str) -> PathBuf {
        self.renewal_dir().join(format!("{}.json", file_name(name)))
    }

    /// Until when certificates need nothing.
    pub fn quiet_times(&self) -> PathBuf {
        self.root.join("quiet.json")
    }

    /// Hooks for every certificate.
    pub fn hooks_dir(&self, kind: HookKind) -> PathBuf {
        self.root.join("hooks").join(format!("{kind}.d"))
    }

    /// What is kept of an account at one CA, named by its directory's URL and, of several, a name.
    pub fn account(&self, server: &Url, name: Option<&str>) -> PathBuf {
        let readable: String = server.as_str().chars().skip_while(|c| *c != '/').filter(|c| *c != '?').collect();
        let readable = readable.trim_matches('/').chars();
        let slug: String =
            readable.map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).take(80).collect();
        // Two URLs may read alike; their digests do not.
        let name = name.map(|name| format!("@{}", file_name(name))).unwrap_or_default();
        self.accounts_dir().join(format!("{slug}-{}{name}", &sha256_hex(server.as_str().as_bytes())[..8]))
    }

    /// All accounts.
    pub fn accounts_dir(&self) -> PathBuf {
        self.root.join("accounts")
    }

    /// Compiled code.
    pub fn cache_dir(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Providers that the user installed.
    pub fn plugins_dir(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// What is being published.
    pub fn journal_dir(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// What is being written into web servers' folders.
    pub fn webroot_journal_dir(&self) -> PathBuf {
        self.root.join("webroot-journal")
    }

    /// Locks between processes.
    pub fn locks_dir(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// The lock of storing one certificate.
    pub fn certificate_lock(&self, name: &str) -> PathBuf {
        self.locks_dir().join(format!("cert-{}", file_name(name)))
    }

    /// The lock of making the account at a CA.
    pub fn account_lock(&self, server: &Url, name: Option<&str>) -> PathBuf {
        let account = self.account(server, name);
        let folder = account.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.locks_dir().join(format!("account-{folder}"))
    }

    /// The lock of getting one certificate.
    pub fn renewal_lock(&self, name: &str) -> PathBuf {
        self.locks_dir().join(format!("renewal-{}", file_name(name)))
    }

    /// The lock of the service.
    pub fn service_lock(&self) -> PathBuf {
        self.locks_dir().join("service")
    }

    /// The lock of one TCP port of the machine.
    pub fn port_lock(&self, port: u16) -> PathBuf {
        self.locks_dir().join(format!("port-{port}"))
    }

    /// The lock of one zone; `key` is any text that names provider, account and zone.
    pub fn zone_lock(&self, key: &str) -> PathBuf {
        self.locks_dir().join(format!("zone-{}", sha256_hex(key.as_bytes())))
    }
}

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// Before a certificate is renewed.
    Pre,
    /// When a new certificate was stored.
    Deploy,
    /// After the run.
    Post,
}

impl HookKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pre, Self::Deploy, Self::Post];
}

impl fmt::Display for HookKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pre => "pre",
            Self::Deploy => "deploy",
            Self::Post => "post",
        })
    }
}

/// Whether a certificate may be called so: its files then have that very name, so that no two share them.
pub fn is_certificate_name(name: &str) -> bool {
    !name.is_empty() && file_name(name) == name
}

/// What a certificate is called for its first name; the colons of an IPv6 address are no file name's.
pub fn certificate_name(host: &Host) -> String {
    file_name(&host.to_string())
}

/// A certificate's name as one component of a path, whatever it holds.
fn file_name(name: &str) -> String {
    let base = name.strip_prefix("*.").unwrap_or(name);
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let text: String = base.chars().map(safe).collect();
    if text.is_empty() || text.starts_with('.') { format!("_{text}") } else { text }
}

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the state folder cannot be used; put it right or name another with --state-dir")]
pub struct StateDirError {
    /// What is wrong, with the remedy.
    #[from]
    pub source: SecureWriteError,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_systems_for_root_and_the_users_for_others() {
        let none = |_: &str| None;
        assert_eq!(StateDir::default_path(true, &none), Path::new("/var/lib/acmite"));
        let home = |name: &str| (name == "HOME").then(|| OsString::from("/home/a"));
        assert_eq!(StateDir::default_path(false, &home), Path::new("/home/a/.local/state/acmite"));
        let xdg = |name: &str| Some(OsString::from(if name == "HOME" { "/home/a" } else { "/state" }));
        assert_eq!(StateDir::default_path(false, &xdg), Path::new("/state/acmite"));
        let relative = |name: &str| Some(OsString::from(if name == "HOME" { "/home/a" } else { "state" }));
        assert_eq!(StateDir::default_path(false, &relative), Path::new("/home/a/.local/state/acmite"));
    }

    #[test]
    fn no_name_leads_out_of_its_folder() {
        assert_eq!(file_name("*.example.com"), "example.com");
        assert_eq!(file_name("../../etc"), "_.._.._etc");
        assert_eq!(file_name(".."), "_..");
        assert_eq!(file_name(""), "_");
    }

    #[test]
    fn no_two_names_that_a_certificate_may_have_are_one_file() {
        for name in ["a/b", "a b", "a:b", "*.a", ".a", "..", "", "\u{e4}"] {
            assert!(!is_certificate_name(name), "{name:?} was taken");
        }
        assert!(["a_b", "A.example-1", "_a"].into_iter().all(is_certificate_name));
        for name in ["192.0.2.1", "2001:db8::1", "example.com"] {
            let host = crate::name::CertName::parse(name).expect("a name").base().clone();
            assert!(is_certificate_name(&certificate_name(&host)), "{name}");
        }
    }

    #[test]
    fn accounts_of_two_servers_are_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = StateDir::open(&folder.path().join("state")).expect("opened");
        let path = |url: &str| dir.account(&Url::parse(url).expect("a URL"), None);
        assert_ne!(path("https://ca.example/dir"), path("https://ca.example/dir/"));
        assert_ne!(path("https://ca.example:1/dir"), path("https://ca.example:2/dir"));
        let name = path("https://ca.example/acme/dir");
        let name = name.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(name.starts_with("ca.example-acme-dir-"), "{name}");
    }
}
