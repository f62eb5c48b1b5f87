//! Removing what runs before this one left published.

use std::path::PathBuf;

use time::OffsetDateTime;

use super::event::Event;
use super::http01::{TokenFiles, remove_files};
use super::publish::withdraw;
use super::session::Session;
use crate::name::DnsName;
use crate::serve::TokenFile;
use crate::store::journal::{Entry, HeldEntry, Journal, JournalDamage, JournalError};

/// What became of what was left.
#[derive(Debug, Default)]
pub struct LeftoversReport {
    /// Batches that are removed now.
    pub removed: Vec<Leftover>,
    /// Batches that are still there.
    pub left: Vec<Leftover>,
    /// Token files that are removed now.
    pub removed_files: Vec<PathBuf>,
    /// Token files that are still there.
    pub left_files: Vec<PathBuf>,
    /// Entries that cannot be read.
    pub damaged: Vec<JournalDamage>,
}

/// One batch of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The zone's apex.
    pub zone: DnsName,
    /// As the user named the provider.
    pub plugin: String,
    /// Names and values of the records.
    pub records: Vec<(DnsName, String)>,
    /// Why it is still there; empty if it is not.
    pub why: String,
}

/// Removes the records and files of every entry in the journals that no living process holds.
pub async fn remove_leftovers(session: &Session<'_>) -> Result<LeftoversReport, LeftoversError> {
    let now = OffsetDateTime::now_utc();
    let (orphans, mut damaged) = Journal::<Entry>::new(session.state).orphans(now)?;
    let (files, damaged_files) = Journal::<TokenFiles>::new(session.state).orphans(now)?;
    damaged.extend(damaged_files);
    for damage in &damaged {
        session.tell(Event::Warning { message: damage.to_string() });
    }
    let mut report = LeftoversReport { damaged, ..LeftoversReport::default() };
    for orphan in files {
        let paths: Vec<PathBuf> = orphan.entry().files.iter().map(TokenFile::path).collect();
        let place = if remove_files(session, orphan) { &mut report.removed_files } else { &mut report.left_files };
        place.extend(paths);
    }
    for orphan in orphans {
        if session.cancel.is_requested() {
            report.left.push(leftover(&orphan, "interrupted".to_owned()));
            continue;
        }
        remove_one(session, orphan, &mut report).await;
    }
    Ok(report)
}

/// Gives up every entry of records that no living process holds: nobody will try to remove them again.
pub fn forget_leftovers(session: &Session<'_>) -> Result<Vec<Leftover>, LeftoversError> {
    let (orphans, _) = Journal::<Entry>::new(session.state).orphans(OffsetDateTime::now_utc())?;
    let forget = |orphan: HeldEntry| {
        let found = leftover(&orphan, "forgotten".to_owned());
        orphan.finish().map(|()| found).map_err(LeftoversError::from)
    };
    orphans.into_iter().map(forget).collect()
}

async fn remove_one(session: &Session<'_>, orphan: HeldEntry, report: &mut LeftoversReport) {
    let instance = match session.providers.for_entry(orphan.entry()) {
        Ok(instance) => instance,
        Err(error) => {
            let found = leftover(&orphan, error.to_string());
            session.tell(Event::NotCleanedUp { zone: found.zone.clone(), error: found.why.clone() });
            return report.left.push(found);
        }
    };
    let found = leftover(&orphan, String::new());
    if withdraw(session, &instance, orphan).await {
        report.removed.push(found);
    } else {
        report.left.push(Leftover { why: "the provider did not remove it, see above".to_owned(), ..found });
    }
}

fn leftover(orphan: &HeldEntry, why: String) -> Leftover {
    let entry = orphan.entry();
    Leftover { zone: entry.zone.clone(), plugin: entry.plugin.spec.clone(), records: entry.records.clone(), why }
}

/// Why the journal could not be worked off.
#[derive(Debug, thiserror::Error)]
#[error("could not look for records left by earlier runs")]
pub struct LeftoversError {
    /// Why not.
    #[from]
    pub source: JournalError,
}
