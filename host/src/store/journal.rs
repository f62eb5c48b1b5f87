//! What is about to be published, on disk before it is published, so that it is removed whatever happens.
//!
//! An entry is `ID.json`, replaced whole at each change. Replacing gives it another inode, so that the lock that tells
//! a living process's entry from an orphan is on a file beside it, `ID.lock`: taken before the entry is written,
//! removed after it. It ends with the process, however that ends.

use std::fs;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::layout::StateDir;
use crate::name::DnsName;
use crate::secure_file::{
    FileLock, LockError, SecureWriteError, create_private_dir, read_private, remove_durably, write_whole,
};

/// What can stand in a journal; each kind has a folder of its own.
pub trait Journalled: Serialize + DeserializeOwned {
    /// Where entries of this kind are.
    fn folder(state: &StateDir) -> PathBuf;

    /// Until when an entry is no orphan although its process has ended: another one is to come for it.
    fn kept_until(&self) -> Option<OffsetDateTime> {
        None
    }
}

/// The entries of one kind of everyone who uses the state folder.
#[derive(Clone, Debug)]
pub struct Journal<T> {
    folder: PathBuf,
    entries: PhantomData<T>,
}

impl<T: Journalled> Journal<T> {
    /// The journal in the state folder.
    pub fn new(state: &StateDir) -> Self {
        Self { folder: T::folder(state), entries: PhantomData }
    }

    /// Writes down what is going to be published; it is on disk when this returns.
    pub fn begin(&self, entry: T) -> Result<HeldEntry<T>, JournalError> {
        create_private_dir(&self.folder)?;
        let mut id = [0; 12];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| JournalError::NoRandom)?;
        let path = self.folder.join(format!("{}.json", HEXLOWER.encode(&id)));
        let lock = FileLock::try_acquire(&path.with_extension("lock"))?;
        let held = HeldEntry { entry, path, lock, may_stand: false };
        match held.write() {
            Ok(()) => Ok(held),
            Err(error) => {
                // The entry may be there though not safely on disk; nothing is published yet.
                let _ = held.finish();
                Err(error)
            }
        }
    }

    /// Takes over the entries that no living process holds and none is to come for, the oldest first. Files that are no
    /// entries are set aside and told of.
    pub fn orphans(&self, now: OffsetDateTime) -> Result<(Vec<HeldEntry<T>>, Vec<JournalDamage>), JournalError> {
        let mut orphans = Vec::new();
        let mut damages = Vec::new();
        for path in self.entry_paths()? {
            // Not locked for that: who comes for it must not find it held.
            if load::<T>(&path).is_ok_and(|entry| entry.kept_until().is_some_and(|until| until > now)) {
                continue;
            }
            let lock = match FileLock::try_acquire(&path.with_extension("lock")) {
                Err(LockError::Held { .. }) => continue,
                lock => lock?,
            };
            // Its holder may have finished it before the lock was free.
            if !path.exists() {
                remove_lock(lock)?;
                continue;
            }
            match load(&path) {
                Ok(entry) => orphans.push(HeldEntry { entry, path, lock, may_stand: true }),
                Err(why) => {
                    damages.push(set_aside(path, why)?);
                    remove_lock(lock)?;
                }
            }
        }
        Ok((orphans, damages))
    }

    /// The kept entries that fit, as they stand.
    pub fn kept(&self, fits: impl Fn(&T) -> bool) -> Result<Vec<T>, JournalError> {
        Ok(self.kept_paths(fits)?.into_iter().filter_map(|path| load(&path).ok()).collect())
    }

    /// Takes over the kept entries that fit.
    pub fn claim(&self, fits: impl Fn(&T) -> bool) -> Result<Vec<HeldEntry<T>>, JournalError> {
        let mut claimed = Vec::new();
        for path in self.kept_paths(fits)? {
            let lock = FileLock::acquire_blocking(&path.with_extension("lock"), CLAIM_TIME)?;
            match load(&path) {
                Ok(entry) => claimed.push(HeldEntry { entry, path, lock, may_stand: true }),
                // Another process has finished it meanwhile.
                Err(_) => remove_lock(lock)?,
            }
        }
        Ok(claimed)
    }

    fn kept_paths(&self, fits: impl Fn(&T) -> bool) -> Result<Vec<PathBuf>, JournalError> {
        let fits = |path: &PathBuf| load::<T>(path).is_ok_and(|entry| entry.kept_until().is_some() && fits(&entry));
        Ok(self.entry_paths()?.into_iter().filter(fits).collect())
    }

    /// Every entry, whoever holds it at `now`; nothing is changed.
    pub fn look(&self, now: OffsetDateTime) -> Result<Vec<Seen<T>>, JournalError> {
        let mut all = Vec::new();
        for path in self.entry_paths()? {
            // Looked at first: who finishes meanwhile removes both.
            let is_held = matches!(FileLock::try_acquire(&path.with_extension("lock")), Err(LockError::Held { .. }));
            if path.exists() {
                let entry = load::<T>(&path);
                let is_kept = entry.as_ref().is_ok_and(|one| one.kept_until().is_some_and(|until| until > now));
                all.push(Seen { entry, is_held: is_held || is_kept, path });
            }
        }
        Ok(all)
    }

    /// Files that were set aside as they are no entries.
    pub fn set_aside(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == CORRUPT)).collect();
        found.sort();
        found
    }

    /// Where entries are or were, also those of which only the lock's file is left.
    fn entry_paths(&self) -> Result<Vec<PathBuf>, JournalError> {
        let unreadable = |source| JournalError::Unreadable { path: self.folder.clone(), source };
        let mut found = Vec::new();
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|e| e == "json" || e == "lock") {
                let written = fs::metadata(&path).and_then(|facts| facts.modified()).ok();
                found.push((written, path.with_extension("json")));
            }
        }
        found.sort();
        let mut paths: Vec<PathBuf> = Vec::new();
        for (_, path) in found {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        Ok(paths)
    }
}

/// An entry as someone sees it who leaves it alone.
#[derive(Debug)]
pub struct Seen<T> {
    /// Its file.
    pub path: PathBuf,
    /// What it says, or why that cannot be read.
    pub entry: Result<T, String>,
    /// Whether a living process holds it, or it is kept for one to come.
    pub is_held: bool,
}

/// One batch for one zone, as it must be known to be removed by another process. No secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who publishes it.
    pub plugin: PluginRef,
    /// The file that the credentials came from.
    pub credentials: Option<PathBuf>,
    /// The zone's apex.
    pub zone: DnsName,
    /// Names and values of the TXT records.
    pub records: Vec<(DnsName, String)>,
    /// The resolvers that were asked instead of the system's.
    pub resolvers: Vec<String>,
    /// The certificate that it is for.
    pub certificate: String,
    /// What the provider returned for its `cleanup`.
    #[serde(with = "base64_text")]
    pub state: Vec<u8>,
    /// What the host saw of the zone, ids above all.
    #[serde(with = "base64_text")]
    pub memory: Vec<u8>,
    /// That it was published for another client, which comes for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// What another client asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// It comes for it by then, or not at all.
    #[serde(with = "time::serde::rfc3339")]
    pub until: OffsetDateTime,
    /// As it asked, before any CNAME.
    pub asked: Vec<AskedRecord>,
}

/// A TXT value that is to stand at `LABEL.NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedRecord {
    /// The name that is proven.
    pub name: DnsName,
    /// What stands before it, `_acme-challenge`.
    pub label: String,
    /// The value without quotes.
    pub value: String,
}

impl Journalled for Entry {
    fn folder(state: &StateDir) -> PathBuf {
        state.journal_dir()
    }

    fn kept_until(&self) -> Option<OffsetDateTime> {
        self.kept.as_ref().map(|kept| kept.until)
    }
}

/// A provider, as it can be found again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRef {
    /// As the user gave it: an id, `id:instance` or a path.
    pub spec: String,
    /// Of the component, lower case hex.
    pub sha256: String,
}

/// An entry that belongs to this process. Dropped without [`Self::finish`], it stays to be found as an orphan.
#[derive(Debug)]
pub struct HeldEntry<T = Entry> {
    entry: T,
    path: PathBuf,
    lock: FileLock,
    may_stand: bool,
}

impl HeldEntry<Entry> {
    /// Adds what provider and host need for cleaning up; on disk when it returns.
    pub fn record(&mut self, state: &[u8], memory: &[u8]) -> Result<(), JournalError> {
        self.entry.state = state.to_vec();
        self.entry.memory = memory.to_vec();
        self.write()
    }
}

impl<T: Journalled> HeldEntry<T> {
    /// What is written.
    pub fn entry(&self) -> &T {
        &self.entry
    }

    /// Whether something of it may be published. An entry that was just begun says no, one of another process yes.
    pub fn may_stand(&self) -> bool {
        self.may_stand
    }

    /// Says whether something of it may be published.
    pub fn set_may_stand(&mut self, may_stand: bool) {
        self.may_stand = may_stand;
    }

    /// Removes the entry: nothing of it is published any more.
    pub fn finish(self) -> Result<(), JournalError> {
        remove_durably(&self.path)?;
        remove_lock(self.lock)
    }

    fn write(&self) -> Result<(), JournalError> {
        let file = EntryFileRef { version: VERSION, pid: std::process::id(), entry: &self.entry };
        let json =
            serde_json::to_vec_pretty(&file).map_err(|_| JournalError::Unwritable { path: self.path.clone() })?;
        Ok(write_whole(&self.path, &json, 0o600)?)
    }
}

fn remove_lock(lock: FileLock) -> Result<(), JournalError> {
    let path = lock.path().to_owned();
    lock.remove().map_err(|source| JournalError::Write(SecureWriteError::Write { path, source }))
}

const VERSION: u32 = 1;
/// Held is a kept entry only while it is written or removed.
const CLAIM_TIME: Duration = Duration::from_secs(120);

#[derive(Serialize)]
struct EntryFileRef<'a, T> {
    version: u32,
    pid: u32,
    #[serde(flatten)]
    entry: &'a T,
}

#[derive(Deserialize)]
struct EntryFile<T> {
    version: u32,
    #[serde(flatten)]
    entry: T,
}

fn load<T: Journalled>(path: &Path) -> Result<T, String> {
    let bytes = read_private(path).map_err(|error| error.to_string())?;
    let file: EntryFile<T> = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if file.version != VERSION {
        return Err(format!("it has version {}, this acmite reads {VERSION}", file.version));
    }
    Ok(file.entry)
}

fn set_aside(path: PathBuf, why: String) -> Result<JournalDamage, JournalError> {
    let set_aside = path.with_extension(format!("json.{CORRUPT}"));
    fs::rename(&path, &set_aside).map_err(|source| SecureWriteError::Write { path: set_aside.clone(), source })?;
    Ok(JournalDamage { path, set_aside, why })
}

const CORRUPT: &str = "corrupt";

/// A file that is no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal entry {} cannot be read ({why}), so what it names may still be published; look into {} and remove that by hand", path.display(), set_aside.display())]
pub struct JournalDamage {
    /// Where it was.
    pub path: PathBuf,
    /// Where it is now.
    pub set_aside: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// Why the journal could not be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file cannot be written.
    #[error("the journal cannot be written")]
    Write(#[from] SecureWriteError),
    /// An entry cannot be locked.
    #[error("the journal entry cannot be locked")]
    Lock(#[from] LockError),
    /// The system has no random bytes to name an entry.
    #[error("the system gives no random bytes; try again")]
    NoRandom,
    /// It has a path that is no text.
    #[error("the journal entry {} cannot be written, as a path in it is not UTF-8; name the credentials file otherwise", path.display())]
    Unwritable {
        /// The entry.
        path: PathBuf,
    },
    /// The folder cannot be read.
    #[error("cannot read {}; check that this user may", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

mod base64_text {
    use super::BASE64;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let name = |text| DnsName::parse(text).expect("a name");
        Entry {
            plugin: PluginRef { spec: "quillzone:work".to_owned(), sha256: "00ff".to_owned() },
            credentials: Some("/etc/acmite/quillzone.toml".into()),
            zone: name("example.com"),
            records: vec![(name("_acme-challenge.example.com"), "value".to_owned())],
            resolvers: vec!["[::1]:53".to_owned()],
            certificate: "example.com".to_owned(),
            state: Vec::new(),
            memory: Vec::new(),
            kept: None,
        }
    }

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn journal(folder: &tempfile::TempDir) -> Journal<Entry> {
        Journal::new(&StateDir::open(&folder.path().join("state")).expect("opened"))
    }

    #[test]
    fn an_entry_of_a_living_holder_is_no_orphan() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = journal(&folder);
        let mut held = journal.begin(entry()).expect("written");
        assert!(journal.orphans(NOW).expect("readable").0.is_empty());
        // The entry's file is replaced here, and the lock must outlive that.
        held.record(b"state", b"memory").expect("written");
        assert!(journal.orphans(NOW).expect("readable").0.is_empty());
        assert!(journal.look(NOW).expect("readable")[0].is_held);
        drop(held);
        assert!(!journal.look(NOW).expect("readable")[0].is_held);
        assert_eq!(journal.orphans(NOW).expect("readable").0.len(), 1, "looking took it");
    }

    #[test]
    fn an_abandoned_entry_is_taken_over_once_with_all_that_was_recorded() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = journal(&folder);
        let mut held = journal.begin(entry()).expect("written");
        held.record(b"\x00state", b"\xffmemory").expect("written");
        drop(held);
        let (orphans, damages) = journal.orphans(NOW).expect("readable");
        assert_eq!((orphans.len(), damages.len()), (1, 0));
        let expected = Entry { state: b"\x00state".to_vec(), memory: b"\xffmemory".to_vec(), ..entry() };
        assert_eq!(orphans[0].entry(), &expected);
        assert!(journal.orphans(NOW).expect("readable").0.is_empty(), "taken twice");
    }

    #[test]
    fn a_finished_entry_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = journal(&folder);
        journal.begin(entry()).expect("written").finish().expect("removed");
        assert_eq!(fs::read_dir(&journal.folder).expect("a folder").count(), 0);
    }

    #[test]
    fn a_lock_left_without_an_entry_is_swept() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = journal(&folder);
        fs::write(journal.folder.join("aa.lock"), "1").expect("written");
        assert!(journal.orphans(NOW).expect("readable").0.is_empty());
        assert_eq!(fs::read_dir(&journal.folder).expect("a folder").count(), 0);
    }

    #[test]
    fn damaged_entries_are_set_aside_and_the_others_still_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = journal(&folder);
        let held = journal.begin(entry()).expect("written");
        let whole = fs::read(&held.path).expect("there");
        drop(held);
        for (name, content) in [("a", &whole[..whole.len() / 2]), ("b", b""), ("c", b"{\"version\": 9}")] {
            write_whole(&journal.folder.join(format!("{name}.json")), content, 0o600).expect("written");
        }
        let (orphans, damages) = journal.orphans(NOW).expect("readable");
        assert_eq!((orphans.len(), damages.len()), (1, 3));
        for damage in &damages {
            assert!(damage.set_aside.exists() && !damage.path.exists(), "{damage}");
        }
        drop(orphans);
        assert_eq!(journal.orphans(NOW).expect("readable").1, []);
    }

    #[test]
    fn a_kept_entry_is_claimed_by_who_comes_for_it_and_an_orphan_only_after_its_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = journal(&folder);
        let until = NOW + time::Duration::hours(1);
        drop(journal.begin(Entry { kept: Some(Kept { until, asked: Vec::new() }), ..entry() }).expect("written"));
        drop(journal.begin(Entry { certificate: "other".to_owned(), ..entry() }).expect("written"));
        assert_eq!(journal.orphans(NOW).expect("readable").0.len(), 1);
        let held = |at| journal.look(at).expect("readable").into_iter().filter(|seen| seen.is_held).count();
        assert_eq!((held(NOW), held(until)), (1, 0));
        assert_eq!(journal.orphans(until).expect("readable").0.len(), 2);
        let fits = |entry: &Entry| entry.certificate == "example.com";
        assert_eq!(journal.kept(fits).expect("readable").len(), 1);
        for held in journal.claim(fits).expect("readable") {
            held.finish().expect("removed");
        }
        assert!(journal.kept(|_| true).expect("readable").is_empty());
        assert_eq!(journal.orphans(until).expect("readable").0.len(), 1);
    }
}
