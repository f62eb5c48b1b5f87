//! Certificates and their keys, under certbot's names; a reader never sees one without the other.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::layout::StateDir;
use crate::digest::sha256_hex;
use crate::secure_file::{
    FileLock, LockError, SecureReadError, SecureWriteError, create_private_dir, read_private, remove_durably, sync_dir,
    write_whole, write_whole_files,
};

/// Where one certificate is kept: `archive/NAME/N/{cert,chain,fullchain,privkey}.pem`, and `live/NAME`, a link to the
/// newest `N`. Where the key is the user's own, the request that it signed stands in its place: `csr.pem`.
#[derive(Clone, Debug)]
pub struct CertificateStore {
    state: StateDir,
    name: String,
}

impl CertificateStore {
    /// The place of the certificate called `name`.
    pub fn new(state: &StateDir, name: &str) -> Self {
        Self { state: state.clone(), name: name.to_owned() }
    }

    /// Keeps a key (PEM) before a CA hears of it; [`Self::store`] removes it again. Gives what finds it.
    pub fn save_pending_key(&self, pem: &str) -> Result<String, StoreError> {
        let id = key_id(pem.as_bytes());
        let path = self.pending_path(&id);
        create_private_dir(path.parent().expect("it is in the folder of pending keys"))?;
        write_whole(&path, pem.as_bytes(), 0o600)?;
        Ok(id)
    }

    /// A key that was kept and whose certificate was not stored; `None` where there is none.
    pub fn pending_key(&self, id: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let path = self.pending_path(id);
        if path.exists() { Ok(Some(read_private(&path)?)) } else { Ok(None) }
    }

    /// Removes the keys that were kept by runs before and whose orders nobody remembers, all but `id`.
    pub fn discard_other_pending_keys(&self, id: &str) -> Result<(), StoreError> {
        let kept = self.pending_path(id);
        for path in files_in(kept.parent().expect("it is in the folder of pending keys")) {
            if path != kept {
                remove_durably(&path)?;
            }
        }
        Ok(())
    }

    /// Removes a key that no CA will certify.
    pub fn discard_pending_key(&self, id: &str) -> Result<(), StoreError> {
        Ok(remove_durably_if_there(&self.pending_path(id))?)
    }

    /// Keeps a certificate with its chain and key, all PEM, and makes it the live one by one rename. Gives `live/NAME`.
    pub fn store(&self, leaf_pem: &str, chain_pem: &str, key_pem: &str) -> Result<PathBuf, StoreError> {
        let live = self.store_with((KEY, key_pem, 0o600), leaf_pem, chain_pem)?;
        // A power cut may bring it back: as the key of a live certificate, which a later run discards.
        remove_if_there(&self.pending_path(&key_id(key_pem.as_bytes())))?;
        Ok(live)
    }

    /// The same for a key that is elsewhere: with the request that it signed.
    pub fn store_requested(&self, leaf_pem: &str, chain_pem: &str, csr_pem: &str) -> Result<PathBuf, StoreError> {
        self.store_with((REQUEST, csr_pem, 0o644), leaf_pem, chain_pem)
    }

    fn store_with(
        &self,
        (file, text, mode): (&str, &str, u32),
        leaf_pem: &str,
        chain_pem: &str,
    ) -> Result<PathBuf, StoreError> {
        let _lock = self.lock()?;
        let folder = self.next_version()?;
        let leaf = with_newline(leaf_pem);
        let chain = with_newline(chain_pem);
        let fullchain = format!("{leaf}{chain}");
        let files = [
            (file, text.as_bytes(), mode),
            ("cert.pem", leaf.as_bytes(), 0o644),
            ("chain.pem", chain.as_bytes(), 0o644),
            ("fullchain.pem", fullchain.as_bytes(), 0o644),
        ];
        // Nobody looks here before the link leads here, so that the folder need not be on disk after each.
        write_whole_files(&folder, &files)?;
        sync_dir(&self.state.archive(&self.name))?;
        self.point_live_to(&folder)?;
        Ok(self.state.live(&self.name))
    }

    fn lock(&self) -> Result<FileLock, StoreError> {
        let path = self.state.certificate_lock(&self.name);
        // Storing takes milliseconds, so that a holder who has it for so long is stuck.
        FileLock::acquire_blocking(&path, LOCK_TIMEOUT).map_err(StoreError::Locked)
    }

    fn next_version(&self) -> Result<PathBuf, StoreError> {
        let archive = self.state.archive(&self.name);
        create_private_dir(&archive)?;
        self.remove_halves(&archive)?;
        let unreadable = |source| StoreError::Unreadable { path: archive.clone(), source };
        let mut last = 0;
        for entry in fs::read_dir(&archive).map_err(unreadable)? {
            last = last.max(number(&entry.map_err(unreadable)?.path()).unwrap_or(0));
        }
        let folder = archive.join((last + 1).to_string());
        create_private_dir(&folder)?;
        Ok(folder)
    }

    /// Versions that a killed run had begun to write; the lock says that nobody else writes one. What is older than the
    /// live one was whole once, and whoever took a file out of it may have had a reason.
    fn remove_halves(&self, archive: &Path) -> Result<(), StoreError> {
        let live = self.live_target().and_then(|target| number(&target)).unwrap_or(0);
        for folder in files_in(archive) {
            let is_newer = number(&folder).is_some_and(|number| number > live);
            if is_newer && !FILES.iter().all(|file| folder.join(file).exists()) {
                fs::remove_dir_all(&folder).map_err(|source| SecureWriteError::Write { path: folder, source })?;
            }
        }
        Ok(())
    }

    fn point_live_to(&self, folder: &Path) -> Result<(), StoreError> {
        let live = self.state.live(&self.name);
        let swapped = swap_link(&live, &self.link_target(folder));
        swapped.map_err(|source| StoreError::LiveLink { path: live, source })?;
        Ok(sync_dir(&self.state.live_dir())?)
    }

    /// Relative, so that the state folder can be moved.
    fn link_target(&self, folder: &Path) -> PathBuf {
        let inside = folder.strip_prefix(self.state.root()).expect("versions are in the state folder");
        Path::new("..").join(inside)
    }

    /// Removes versions that `is_over` says nobody can use any more, oldest first, each with its key; it is asked with
    /// the certificate, PEM. The live one, the newest `kept` ones, and what cannot be read stay. Gives how many it removed.
    pub fn remove_over(&self, kept: usize, is_over: impl Fn(&str) -> bool) -> Result<usize, StoreError> {
        if self.versions().len() <= kept {
            return Ok(0);
        }
        let _lock = self.lock()?;
        let live = self.live_target().and_then(|target| number(&target));
        let mut versions = self.versions();
        versions.truncate(versions.len().saturating_sub(kept));
        versions.retain(|folder| {
            number(folder) != live && fs::read_to_string(folder.join("cert.pem")).is_ok_and(|pem| is_over(&pem))
        });
        for folder in &versions {
            let source = |source| SecureWriteError::Write { path: folder.clone(), source };
            fs::remove_dir_all(folder).map_err(source)?;
        }
        Ok(versions.len())
    }

    /// Their folders, the oldest first.
    fn versions(&self) -> Vec<PathBuf> {
        let archive = self.state.archive(&self.name);
        let mut versions: Vec<_> = files_in(&archive).into_iter().filter(|folder| number(folder).is_some()).collect();
        versions.sort_by_key(|folder| number(folder));
        versions
    }

    /// The live certificate with the key that belongs to it; `None` where there is none yet.
    pub fn current(&self) -> Result<Option<StoredCertificate>, StoreError> {
        let live = self.state.live(&self.name);
        // Resolved once: the link may be swapped between two reads.
        let folder = match fs::canonicalize(&live) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            folder => folder.map_err(|source| StoreError::Unreadable { path: live, source })?,
        };
        let text = |file: &str| {
            let path = folder.join(file);
            fs::read_to_string(&path).map_err(|source| StoreError::Unreadable { path, source })
        };
        let key_pem = stored_key(&folder)?;
        Ok(Some(StoredCertificate { leaf_pem: text("cert.pem")?, chain_pem: text("chain.pem")?, key_pem }))
    }

    /// The request that the live certificate was got with, if its key is elsewhere.
    pub fn request(&self) -> Option<PathBuf> {
        let path = self.state.live(&self.name).join(REQUEST);
        path.exists().then_some(path)
    }

    /// Where the live link leads; `None` where there is no certificate.
    pub fn live_target(&self) -> Option<PathBuf> {
        fs::read_link(self.state.live(&self.name)).ok()
    }

    /// The live certificate alone; `None` where there is none yet.
    pub fn leaf_pem(&self) -> Result<Option<String>, StoreError> {
        let path = self.state.live(&self.name).join("cert.pem");
        match fs::read_to_string(&path) {
            Ok(pem) => Ok(Some(pem)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Unreadable { path, source }),
        }
    }

    /// Removes the link first, then every version with its key.
    pub fn delete(&self) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        let live = self.state.live(&self.name);
        if live.is_symlink() {
            remove_durably(&live)?;
        }
        let archive = self.state.archive(&self.name);
        match fs::remove_dir_all(&archive) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(SecureWriteError::Write { path: archive, source }.into())
            }
            _ => Ok(()),
        }
    }

    fn pending_path(&self, id: &str) -> PathBuf {
        self.state.archive(&self.name).join("pending").join(format!("{id}.pem"))
    }
}

const KEY: &str = "privkey.pem";
const REQUEST: &str = "csr.pem";
/// Of a version with its key; one without is never whole before it is live.
const FILES: [&str; 4] = [KEY, "cert.pem", "chain.pem", "fullchain.pem"];

/// The private key in a folder like `live/NAME`, PEM; `None` if it is elsewhere, and its request stands there instead.
pub fn stored_key(folder: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, SecureReadError> {
    let path = folder.join(KEY);
    if !path.exists() && folder.join(REQUEST).exists() { Ok(None) } else { read_private(&path).map(Some) }
}

/// Of the version in a folder.
fn number(folder: &Path) -> Option<u64> {
    folder.file_name()?.to_str()?.parse().ok()
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// What finds a key (PEM): two runs at once keep both of theirs.
pub fn key_id(pem: &[u8]) -> String {
    sha256_hex(pem)[..16].to_owned()
}

const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The names of all certificates, sorted.
pub fn list(state: &StateDir) -> Result<Vec<String>, StoreError> {
    let live = state.live_dir();
    let unreadable = |source| StoreError::Unreadable { path: live.clone(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(&live).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn swap_link(link: &Path, target: &Path) -> io::Result<()> {
    let name = link.file_name().unwrap_or_default().to_string_lossy();
    let temporary = link.with_file_name(format!(".{name}.new"));
    // Left by a run that was killed; the lock says that nobody else is making one.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(target, &temporary)?;
    fs::rename(&temporary, link)
}

fn remove_if_there(path: &Path) -> Result<(), SecureWriteError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(SecureWriteError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn remove_durably_if_there(path: &Path) -> Result<(), SecureWriteError> {
    if path.exists() { remove_durably(path) } else { Ok(()) }
}

fn with_newline(pem: &str) -> String {
    let text = pem.trim();
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}

/// A certificate as it was kept.
pub struct StoredCertificate {
    /// The certificate itself.
    pub leaf_pem: String,
    /// What leads from it to a root, without the root.
    pub chain_pem: String,
    /// Its private key, PEM; `None` if it is elsewhere.
    pub key_pem: Option<Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for StoredCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredCertificate").field("leaf_pem", &self.leaf_pem).finish_non_exhaustive()
    }
}

/// Why a certificate could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file cannot be written.
    #[error("the certificate cannot be kept")]
    Write(#[from] SecureWriteError),
    /// The key may not be read.
    #[error("the certificate's key cannot be read")]
    Key(#[from] SecureReadError),
    /// Another process is storing it.
    #[error("the certificate is being stored by another process")]
    Locked(#[source] LockError),
    /// The link cannot be put in place: `live/NAME` is a real folder, say.
    #[error("{} cannot be made a link to the new certificate; move away what is there and run again", path.display())]
    LiveLink {
        /// The link.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}; check that this user may", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn state(folder: &tempfile::TempDir) -> StateDir {
        StateDir::open(&folder.path().join("state")).expect("opened")
    }

    #[test]
    fn a_certificate_is_live_under_certbots_names_with_a_private_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = state(&folder);
        let store = CertificateStore::new(&state, "*.example.com");
        store.save_pending_key("key").expect("kept");
        let pending = state.root().join("archive/example.com/pending");
        assert_eq!(fs::read_dir(&pending).expect("a folder").count(), 1);
        let live = store.store("leaf", "chain\n", "key").expect("stored");
        assert_eq!(live, state.root().join("live/example.com"));
        assert_eq!(fs::read_to_string(live.join("fullchain.pem")).expect("there"), "leaf\nchain\n");
        let mode = fs::metadata(live.join("privkey.pem")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&pending).expect("a folder").count(), 0);
        assert_eq!(list(&state).expect("readable"), ["example.com"]);
    }

    #[test]
    fn a_key_and_its_certificate_change_together_and_the_old_ones_stay_in_the_archive() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = state(&folder);
        let store = CertificateStore::new(&state, "example.com");
        assert!(store.current().expect("readable").is_none());
        for n in ["1", "2"] {
            store.store(n, "chain", n).expect("stored");
            let current = store.current().expect("readable").expect("there");
            let key = current.key_pem.expect("a key");
            assert_eq!((current.leaf_pem.trim(), key.as_slice()), (n, n.as_bytes()));
        }
        assert_eq!(fs::read_to_string(state.root().join("archive/example.com/1/cert.pem")).expect("there"), "1\n");
    }

    #[test]
    fn stores_of_one_name_at_once_all_come_to_stand_and_match() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = state(&folder);
        std::thread::scope(|scope| {
            for n in 0..8 {
                let store = CertificateStore::new(&state, "example.com");
                scope.spawn(move || store.store(&format!("{n}"), "chain", &format!("{n}")).expect("stored"));
            }
        });
        let current = CertificateStore::new(&state, "example.com").current().expect("readable").expect("there");
        assert_eq!(current.leaf_pem.trim().as_bytes(), current.key_pem.expect("a key").as_slice());
        assert!(state.root().join("archive/example.com/8/cert.pem").exists());
    }

    #[test]
    fn where_the_key_is_elsewhere_its_request_stands_in_its_place_and_a_key_that_is_lost_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = state(&folder);
        let store = CertificateStore::new(&state, "example.com");
        let live = store.store_requested("leaf", "chain", "request").expect("stored");
        assert!(!live.join("privkey.pem").exists());
        assert!(store.current().expect("readable").expect("there").key_pem.is_none());
        assert_eq!(fs::read_to_string(store.request().expect("a request")).expect("readable"), "request");
        store.store("leaf", "chain", "key").expect("stored");
        assert_eq!(store.request(), None);
        fs::remove_file(live.join("privkey.pem")).expect("removed");
        assert!(matches!(store.current(), Err(StoreError::Key(_))));
    }

    #[test]
    fn a_pending_key_is_found_by_what_its_keeping_gave() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = CertificateStore::new(&state(&folder), "example.com");
        let id = store.save_pending_key("key").expect("kept");
        let found = store.pending_key(&id).expect("readable").expect("there");
        assert_eq!(found.as_slice(), b"key");
        store.discard_pending_key(&id).expect("removed");
        assert!(store.pending_key(&id).expect("readable").is_none());
    }

    #[test]
    fn a_version_that_was_not_written_to_its_end_is_removed_by_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = state(&folder);
        let store = CertificateStore::new(&state, "example.com");
        store.store("1", "chain", "1").expect("stored");
        let version = |number: u8| state.archive("example.com").join(number.to_string());
        fs::create_dir(version(2)).expect("made");
        fs::write(version(2).join("privkey.pem"), "2").expect("written");
        fs::remove_file(version(1).join("chain.pem")).expect("removed");
        store.store("3", "chain", "3").expect("stored");
        assert_eq!(fs::read_to_string(version(2).join("privkey.pem")).expect("there"), "3");
        assert!(version(1).exists() && !version(3).exists());
    }

    #[test]
    fn versions_that_are_over_are_removed_but_for_the_newest_and_the_live_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = state(&folder);
        let store = CertificateStore::new(&state, "example.com");
        for n in ["over 1", "valid 2", "over 3", "over 4", "over 5", "over 6"] {
            store.store(n, "chain", n).expect("stored");
        }
        store.save_pending_key("key").expect("kept");
        let archive = state.archive("example.com");
        store.point_live_to(&archive.join("3")).expect("a link");
        fs::remove_file(archive.join("4/cert.pem")).expect("removed");
        let is_over = |pem: &str| pem.starts_with("over");
        assert_eq!(store.remove_over(1, is_over).expect("removed"), 2, "1 and 5");
        let mut left: Vec<_> = files_in(&archive).iter().filter_map(|folder| number(folder)).collect();
        left.sort_unstable();
        assert_eq!(left, [2, 3, 4, 6]);
        assert!(archive.join("pending").exists());
        assert_eq!(store.remove_over(10, is_over).expect("nothing to do"), 0);
    }

    #[test]
    fn a_deleted_certificate_leaves_no_key_behind_and_another_one_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = state(&folder);
        for name in ["example.com", "example.org"] {
            CertificateStore::new(&state, name).store("leaf", "chain", "key").expect("stored");
        }
        CertificateStore::new(&state, "example.com").delete().expect("deleted");
        assert_eq!(list(&state).expect("readable"), ["example.org"]);
        assert!(!state.archive("example.com").exists() && state.archive("example.org").exists());
    }

    #[test]
    fn a_real_folder_in_the_links_place_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = state(&folder);
        fs::create_dir(state.live("example.com")).expect("made");
        fs::write(state.live("example.com").join("mine"), "x").expect("written");
        let refused = CertificateStore::new(&state, "example.com").store("a", "b", "c").expect_err("refused");
        assert!(matches!(refused, StoreError::LiveLink { .. }));
        assert!(state.live("example.com").join("mine").exists());
    }
}
