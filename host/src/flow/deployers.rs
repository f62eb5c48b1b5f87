//! Deploy hooks that acmite has built in, where a script is overkill.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::secure_file::{Owner, SecureReadError, SecureWriteError, write_whole_for};
use crate::store::certificate::stored_key;

/// Where certificate and key are put, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    path: PathBuf,
    owner: Owner,
    mode: u32,
}

impl FromStr for Target {
    type Err = DeployError;

    /// `PATH [owner=USER] [group=GROUP] [mode=0640]`, words quoted as in a shell.
    fn from_str(text: &str) -> Result<Self, DeployError> {
        Self::read(text, |_, _| false)
    }
}

impl Target {
    /// The same with words `KEY=VALUE` that `other` takes.
    pub(super) fn read(text: &str, mut other: impl FnMut(&str, &str) -> bool) -> Result<Self, DeployError> {
        let malformed = || DeployError::Malformed { text: text.to_owned() };
        let mut words = shlex::split(text).ok_or_else(malformed)?.into_iter();
        let path = words.next().map(PathBuf::from).filter(|path| path.is_absolute()).ok_or_else(malformed)?;
        let mut target = Self { path, owner: Owner::default(), mode: 0o600 };
        for word in words {
            match word.split_once('=') {
                Some(("owner", user)) => target.owner.uid = Some(id_of(user, "/etc/passwd")?),
                Some(("group", group)) => target.owner.gid = Some(id_of(group, "/etc/group")?),
                Some(("mode", mode)) => target.mode = u32::from_str_radix(mode, 8).map_err(|_| malformed())?,
                Some((key, value)) if other(key, value) => {}
                _ => return Err(malformed()),
            }
        }
        if target.mode & !0o777 != 0 { Err(malformed()) } else { Ok(target) }
    }
}

/// A number, or the third field of the line of a name.
fn id_of(name: &str, database: &'static str) -> Result<u32, DeployError> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let text = fs::read_to_string(database)
        .map_err(|source| DeployError::Unreadable { path: PathBuf::from(database), source })?;
    let ids = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = ids.filter(|fields| fields.first() == Some(&name)).find_map(|fields| fields.get(2)?.parse().ok());
    found.ok_or_else(|| DeployError::NoSuchId { name: name.to_owned(), database })
}

impl Target {
    /// Copies fullchain.pem and privkey.pem into the folder; the key only where acmite has it.
    pub(super) fn copy(&self, live: &Path) -> Result<(), DeployError> {
        let (chain, key) = parts(live)?;
        // The key first: a server that reloads in between fails on the pair instead of serving half of it for long.
        if let Some(key) = key {
            self.write(&self.path.join("privkey.pem"), &key, self.mode)?;
        }
        self.write(&self.path.join("fullchain.pem"), &chain, self.mode | CHAIN_MODE)
    }

    /// Writes key and chain into one file.
    pub(super) fn bundle(&self, live: &Path) -> Result<(), DeployError> {
        let (chain, key) = pair(live)?;
        let mut both = Zeroizing::new(Vec::with_capacity(key.len() + chain.len()));
        both.extend_from_slice(&key);
        both.extend_from_slice(&chain);
        self.write_file(&both)
    }

    /// Writes the one file.
    pub(super) fn write_file(&self, bytes: &[u8]) -> Result<(), DeployError> {
        self.write(&self.path, bytes, self.mode)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn write(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), DeployError> {
        Ok(write_whole_for(path, bytes, mode, self.owner)?)
    }
}

const CHAIN_MODE: u32 = 0o444;

/// Chain and key of one version, though the link may be swapped meanwhile.
pub(super) fn pair(live: &Path) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), DeployError> {
    let (chain, key) = parts(live)?;
    Ok((chain, key.ok_or(DeployError::KeyElsewhere)?))
}

type Parts = (Vec<u8>, Option<Zeroizing<Vec<u8>>>);

fn parts(live: &Path) -> Result<Parts, DeployError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| DeployError::Unreadable { path, source }
    };
    let folder = fs::canonicalize(live).map_err(unreadable(live))?;
    let chain = folder.join("fullchain.pem");
    Ok((fs::read(&chain).map_err(unreadable(&chain))?, stored_key(&folder)?))
}

/// Why a certificate was not put in its place.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// Not what a target looks like.
    #[error("{text:?} is no target; write an absolute PATH, then owner=USER, group=GROUP, mode=0640 as needed")]
    Malformed {
        /// As it was written.
        text: String,
    },
    /// No such user or group.
    #[error("{name:?} is not in {database}; correct it, or give its number")]
    NoSuchId {
        /// As it was written.
        name: String,
        /// Where it was looked for.
        database: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {}; check that this user may", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A PKCS#12 file without one.
    #[error("a PKCS#12 file needs password-file=PATH, absolute and the owner's alone")]
    NoPasswordFile,
    /// No PKCS#12 file can be made.
    #[error("{} cannot be made: {why}", path.display())]
    Keystore {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// The key, or a password, cannot be read.
    #[error("the certificate's key or the password cannot be read")]
    Key(#[from] SecureReadError),
    /// The certificate was got with a request of the user's own.
    #[error("the key is that of your own request, and is not here; `copy: FOLDER` puts the chain alone")]
    KeyElsewhere,
    /// The copy cannot be written.
    #[error("the copy was not written")]
    Write(#[from] SecureWriteError),
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::store::StateDir;
    use crate::store::certificate::CertificateStore;

    fn live(folder: &tempfile::TempDir) -> PathBuf {
        let state = StateDir::open(&folder.path().join("state")).expect("opened");
        CertificateStore::new(&state, "example.com").store("leaf", "chain", "key\n").expect("stored")
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn a_copy_has_chain_and_key_with_the_mode_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("my site");
        fs::create_dir(&to).expect("made");
        let target: Target = format!("'{}' mode=0640", to.display()).parse().expect("a target");
        target.copy(&live(&folder)).expect("copied");
        assert_eq!(fs::read_to_string(to.join("fullchain.pem")).expect("there"), "leaf\nchain\n");
        assert_eq!(fs::read_to_string(to.join("privkey.pem")).expect("there"), "key\n");
        assert_eq!((mode(&to.join("privkey.pem")), mode(&to.join("fullchain.pem"))), (0o640, 0o644));
    }

    #[test]
    fn a_bundle_is_one_private_file_of_key_and_chain() {
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("site.pem");
        let target: Target = to.display().to_string().parse().expect("a target");
        target.bundle(&live(&folder)).expect("written");
        assert_eq!(fs::read_to_string(&to).expect("there"), "key\nleaf\nchain\n");
        assert_eq!(mode(&to), 0o600);
    }

    #[test]
    fn where_the_key_is_elsewhere_the_chain_is_copied_alone_and_no_bundle_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(&folder.path().join("state")).expect("opened");
        let live = CertificateStore::new(&state, "a").store_requested("leaf", "chain", "request").expect("stored");
        let to = folder.path().join("site");
        fs::create_dir(&to).expect("made");
        let target: Target = to.display().to_string().parse().expect("a target");
        target.copy(&live).expect("copied");
        assert_eq!(fs::read_to_string(to.join("fullchain.pem")).expect("there"), "leaf\nchain\n");
        assert!(!to.join("privkey.pem").exists());
        assert!(matches!(target.bundle(&live), Err(DeployError::KeyElsewhere)));
    }

    #[test]
    fn owners_are_names_or_numbers_and_what_makes_no_sense_is_refused() {
        let target: Target = "/a owner=root group=0 mode=0400".parse().expect("a target");
        let owner = Owner { uid: Some(0), gid: Some(0) };
        assert_eq!(target, Target { path: "/a".into(), owner, mode: 0o400 });
        for text in ["", "relative", "/a mode=rw", "/a mode=4755", "/a owner=no-such-user", "/a b", "/a 'b"] {
            assert!(text.parse::<Target>().is_err(), "{text:?} was taken");
        }
    }
}
