//! Until when certificates need nothing, all in one file, so that ten thousand of them are not read in every run.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::layout::StateDir;
use crate::secure_file::{SecureWriteError, write_whole_soon};

/// What tells that a certificate is as it was when it was looked at: the link to its newest version and the file of its
/// renewal's state, each by inode and time of its last change. Both are replaced whenever they are to say something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    live: Stamp,
    state: Option<Stamp>,
}

/// Inode, and the seconds and nanoseconds of `st_ctime`.
type Stamp = (u64, i64, i64);

impl Mark {
    /// Of a certificate as it is now; `None` where none is live. To be taken before it is read: what changes meanwhile has
    /// another mark afterwards.
    pub fn of(state: &StateDir, name: &str) -> Option<Self> {
        let live = stamp(&state.live(name))?;
        Some(Self { live, state: stamp(&state.renewal_state(name)) })
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let facts = fs::symlink_metadata(path).ok()?;
    Some((facts.ino(), facts.ctime(), facts.ctime_nsec()))
}

/// A time until which a live certificate needs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// The certificate that was looked at.
    pub mark: Mark,
    /// The end of it.
    #[serde(with = "time::serde::timestamp")]
    pub until: OffsetDateTime,
}

/// Those of all certificates, by name. Losing them costs a closer look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuietTimes(BTreeMap<String, Quiet>);

impl QuietTimes {
    /// What earlier runs found; nothing where the file is missing, damaged, or of another version.
    pub fn load(state: &StateDir) -> Self {
        let path = state.quiet_times();
        let file = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<File>(&bytes).map_err(|error| error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::default(),
            Err(error) => Err(error.to_string()),
        };
        match file {
            Ok(File { version: VERSION, certificates }) => Self(certificates),
            Ok(File { version, .. }) => {
                tracing::debug!(version, "the file of quiet times is another acmite's");
                Self::default()
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), error, "every certificate is looked at, as this cannot be read");
                Self::default()
            }
        }
    }

    /// What was found of a certificate.
    pub fn get(&self, name: &str) -> Option<&Quiet> {
        self.0.get(name)
    }

    /// Notes what was found; `None` if it is to be looked at in the next run.
    pub fn note(&mut self, name: String, quiet: Option<Quiet>) {
        match quiet {
            Some(quiet) => self.0.insert(name, quiet),
            None => self.0.remove(&name),
        };
    }

    /// Keeps those that are not over. Of two runs at once the later one's are kept.
    pub fn save(mut self, state: &StateDir, now: OffsetDateTime) -> Result<(), SecureWriteError> {
        self.0.retain(|_, quiet| quiet.until > now);
        let file = File { version: VERSION, certificates: self.0 };
        let json = serde_json::to_vec(&file).expect("text and numbers are JSON");
        write_whole_soon(&state.quiet_times(), &json, 0o600)
    }
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    certificates: BTreeMap<String, Quiet>,
}

const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::store::certificate::CertificateStore;
    use crate::store::renewal_state::RenewalState;

    const NOW: OffsetDateTime = datetime!(2026-03-01 00:00 UTC);

    fn state_dir(folder: &tempfile::TempDir) -> StateDir {
        StateDir::open(&folder.path().join("state")).expect("opened")
    }

    #[test]
    fn a_mark_is_another_after_a_new_certificate_and_after_another_state() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = state_dir(&folder);
        assert_eq!(Mark::of(&dir, "a.example"), None);
        let store = CertificateStore::new(&dir, "a.example");
        store.store("leaf", "", "key").expect("stored");
        let mut marks = vec![Mark::of(&dir, "a.example")];
        RenewalState::default().save(&dir, "a.example").expect("kept");
        marks.push(Mark::of(&dir, "a.example"));
        RenewalState { failures: 1, ..RenewalState::default() }.save(&dir, "a.example").expect("kept");
        marks.push(Mark::of(&dir, "a.example"));
        store.store("leaf", "", "key").expect("stored");
        marks.push(Mark::of(&dir, "a.example"));
        assert!(marks.windows(2).all(|pair| pair[0] != pair[1]), "{marks:?}");
        assert_eq!(Mark::of(&dir, "a.example"), marks[3], "nothing has changed");
    }

    #[test]
    fn times_are_found_again_but_for_those_that_are_over_and_in_a_damaged_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = state_dir(&folder);
        let mark = Mark { live: (1, 2, 3), state: None };
        let quiet = |hours| Some(Quiet { mark, until: NOW + time::Duration::hours(hours) });
        let mut times = QuietTimes::load(&dir);
        times.note("a.example".to_owned(), quiet(1));
        times.note("b.example".to_owned(), quiet(-1));
        times.note("c.example".to_owned(), quiet(1));
        times.note("c.example".to_owned(), None);
        times.save(&dir, NOW).expect("kept");
        let found = QuietTimes::load(&dir);
        assert_eq!(found.0.keys().collect::<Vec<_>>(), ["a.example"]);
        assert_eq!(found.get("a.example"), quiet(1).as_ref());
        fs::write(dir.quiet_times(), "{\"version\": 1").expect("written");
        assert_eq!(QuietTimes::load(&dir), QuietTimes::default());
    }
}
