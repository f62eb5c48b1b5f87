//! What the state folder holds besides certificates: the journal and the installed plugins.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rustix::fs::{Access, access, statvfs};
use time::OffsetDateTime;

use super::condition::Condition;
use crate::causes::chain;
use crate::flow::http01::TokenFiles;
use crate::name::DnsName;
use crate::serve::TokenFile;
use crate::store::StateDir;
use crate::store::journal::{Entry, Journal, JournalError, Journalled, Seen};
use crate::store::plugin_pins::{PinError, PluginPins};

/// Whether there is something that can be stored in; nothing is written to find out.
pub fn unwritable(state: &StateDir) -> Option<Condition> {
    let folders = [state.root().to_owned(), state.accounts_dir(), state.live_dir(), state.renewal_dir()];
    let more = [state.archive_dir(), state.journal_dir(), state.locks_dir()];
    let may = |path: &PathBuf| access(path, Access::WRITE_OK | Access::EXEC_OK);
    let refused = folders.iter().chain(&more).find_map(|path| Some((path, may(path).err()?)));
    if let Some((path, error)) = refused {
        return Some(Condition::StateUnwritable { path: path.clone(), why: error.to_string() });
    }
    let path = state.root().to_owned();
    let free = statvfs(&path).map(|room| room.f_bavail.saturating_mul(room.f_frsize)).ok()?;
    let why = format!("only {} KiB are free", free / 1024);
    (free < LEAST_FREE_BYTES).then_some(Condition::StateUnwritable { path, why })
}

/// A certificate with its key, state and journal takes a tenth of it.
const LEAST_FREE_BYTES: u64 = 1024 * 1024;

/// What runs that are over left published.
pub fn leftovers(state: &StateDir, now: OffsetDateTime) -> Vec<Condition> {
    let records = |entry: Entry| Condition::LeftoverRecords {
        names: entry.records.iter().map(|(name, _)| name.clone()).collect(),
        zone: entry.zone,
        plugin: entry.plugin.spec,
        certificate: entry.certificate,
    };
    let files = |entry: TokenFiles| Condition::LeftoverFiles {
        files: entry.files.iter().map(TokenFile::path).collect(),
        certificate: entry.certificate,
    };
    let mut found = left_in(&Journal::new(state), (state, now), records);
    found.extend(left_in(&Journal::new(state), (state, now), files));
    found
}

fn left_in<T: Journalled>(
    journal: &Journal<T>,
    (state, now): (&StateDir, OffsetDateTime),
    say: impl Fn(T) -> Condition,
) -> Vec<Condition> {
    let damaged = |path: PathBuf, why: String| Condition::JournalDamaged { path, why };
    let set_aside = journal.set_aside().into_iter().map(|path| damaged(path, "it was set aside".to_owned()));
    let seen = match journal.look(now) {
        Ok(seen) => seen,
        Err(error) => return vec![unreadable::<T>(state, &error)],
    };
    let left =
        seen.into_iter().filter(|seen| !seen.is_held && !is_kept(seen)).map(|Seen { path, entry, .. }| match entry {
            Ok(entry) => say(entry),
            Err(why) => damaged(path, why),
        });
    left.chain(set_aside).collect()
}

/// Another client comes for it.
fn is_kept<T: Journalled>(seen: &Seen<T>) -> bool {
    let until = seen.entry.as_ref().ok().and_then(Journalled::kept_until);
    until.is_some_and(|until| until > OffsetDateTime::now_utc())
}

fn unreadable<T: Journalled>(state: &StateDir, error: &JournalError) -> Condition {
    Condition::StateFolder { path: T::folder(state), why: chain(error) }
}

/// The values that runs of this acmite have at a name, be they over or not.
pub(super) fn published(state: &StateDir, name: &DnsName) -> BTreeSet<String> {
    let entries = Journal::<Entry>::new(state).look(OffsetDateTime::UNIX_EPOCH).unwrap_or_default();
    let records = entries.into_iter().filter_map(|seen| seen.entry.ok()).flat_map(|entry| entry.records);
    records.filter(|(owner, _)| owner == name).map(|(_, value)| value).collect()
}

/// Installed plugins that are not what was agreed to.
pub fn plugins(state: &StateDir) -> Vec<Condition> {
    let pins = PluginPins::new(state);
    let bad =
        |plugin: &str, error: &PinError| Condition::PluginChanged { plugin: plugin.to_owned(), why: chain(error) };
    match pins.all() {
        Ok(all) => all.keys().filter_map(|id| Some(bad(id, &pins.component(id).err()?))).collect(),
        Err(error) => vec![bad("plugins.lock", &error)],
    }
}
