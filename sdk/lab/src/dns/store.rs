//! The zones: every version of each, so that a server can be behind.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hickory_proto::rr::rdata::{SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// One record, with the number provider APIs know it by.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Unique in the lab.
    pub id: u64,
    /// The record; the owner is absolute.
    pub record: Record,
}

impl Entry {
    /// The strings of a TXT record joined; the presentation form of any other.
    pub fn value(&self) -> String {
        match &self.record.data {
            RData::TXT(text) => text.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect(),
            other => other.to_string(),
        }
    }
}

/// Why the store did not take a change.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// No such zone.
    #[error("the lab has no zone {zone}; add it with Lab::builder().zone(..)")]
    UnknownZone {
        /// The zone asked for.
        zone: String,
    },
    /// The name is not one.
    #[error("{name:?} is not a DNS name; write it in ASCII")]
    BadName {
        /// As given.
        name: String,
    },
    /// The name lies outside the zone.
    #[error("{name} is not in zone {zone}; choose the zone that holds it")]
    OutsideZone {
        /// The owner.
        name: String,
        /// The zone.
        zone: String,
    },
    /// The data does not suit the type.
    #[error("{value:?} is not data of a {kind} record; see RFC 1035 section 5")]
    BadData {
        /// The record type.
        kind: RecordType,
        /// As given.
        value: String,
    },
}

/// All zones of a lab; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Store(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    zones: BTreeMap<String, Vec<Version>>,
    last_id: u64,
}

#[derive(Clone, Debug)]
struct Version {
    since: Instant,
    entries: Arc<Vec<Entry>>,
}

impl Store {
    /// Adds an empty zone with its SOA. A zone that is there stays as it is.
    pub fn add_zone(&self, zone: &str) -> Result<(), StoreError> {
        let origin = absolute(zone)?;
        let mut inner = self.lock();
        if inner.zones.contains_key(&key(&origin)) {
            return Ok(());
        }
        let soa = SOA::new(under("ns1", &origin)?, under("hostmaster", &origin)?, 1, 3600, 600, 86400, 1);
        inner.last_id += 1;
        let entry = Entry { id: inner.last_id, record: Record::from_rdata(origin.clone(), 60, RData::SOA(soa)) };
        inner.zones.insert(key(&origin), vec![Version { since: Instant::now(), entries: Arc::new(vec![entry]) }]);
        Ok(())
    }

    /// The zones' names, without final dot, in order.
    pub fn zones(&self) -> Vec<String> {
        self.lock().zones.keys().cloned().collect()
    }

    /// What the zone holds now.
    pub fn records(&self, zone: &str) -> Result<Vec<Entry>, StoreError> {
        let name = key(&absolute(zone)?);
        let inner = self.lock();
        let versions = inner.zones.get(&name).ok_or(StoreError::UnknownZone { zone: name.clone() })?;
        Ok(versions.last().map(|version| version.entries.to_vec()).unwrap_or_default())
    }

    /// Adds a record in presentation form (TXT: the bare value) and gives its number. An SOA takes the old one's place.
    pub fn add(&self, zone: &str, owner: &str, kind: RecordType, ttl: u32, value: &str) -> Result<u64, StoreError> {
        let record = parse(owner, kind, ttl, value)?;
        let origin = absolute(zone)?;
        if !origin.zone_of(&record.name) {
            return Err(StoreError::OutsideZone { name: key(&record.name), zone: key(&origin) });
        }
        let mut inner = self.lock();
        inner.last_id += 1;
        let id = inner.last_id;
        inner.change(&key(&origin), |entries| {
            if kind == RecordType::SOA {
                entries.retain(|entry| entry.record.record_type() != RecordType::SOA);
            }
            entries.push(Entry { id, record });
            true
        })?;
        Ok(id)
    }

    /// Removes the records that match; how many there were.
    pub fn remove(&self, zone: &str, matches: impl Fn(&Entry) -> bool) -> Result<usize, StoreError> {
        let name = key(&absolute(zone)?);
        let mut removed = 0;
        self.lock().change(&name, |entries| {
            let before = entries.len();
            entries.retain(|entry| entry.record.record_type() == RecordType::SOA || !matches(entry));
            removed = before - entries.len();
            removed > 0
        })?;
        Ok(removed)
    }

    /// Changes a zone in one step, with the last number given so far; `None` if there is no such zone.
    pub(super) fn edit<E>(
        &self,
        origin: &Name,
        change: impl FnOnce(&mut Vec<Entry>, &mut u64) -> Result<bool, E>,
    ) -> Option<Result<(), E>> {
        let mut inner = self.lock();
        let mut last_id = inner.last_id;
        let mut refused = None;
        let known = inner.change(&key(origin), |entries| match change(entries, &mut last_id) {
            Ok(changed) => changed,
            Err(error) => {
                refused = Some(error);
                false
            }
        });
        inner.last_id = last_id;
        known.ok()?;
        Some(refused.map_or(Ok(()), Err))
    }

    /// The zone `name` belongs to (longest suffix) as seen `delay` late and never later than `until`.
    pub(super) fn view(&self, name: &Name, delay: Duration, until: Option<Instant>) -> Option<View> {
        let now = Instant::now();
        let inner = self.lock();
        let found = (0..=usize::from(name.num_labels())).rev().map(|labels| name.trim_to(labels));
        let origin = found.into_iter().find(|origin| inner.zones.contains_key(&key(origin)))?;
        let versions = inner.zones.get(&key(&origin))?;
        let seen =
            |version: &&Version| version.since + delay <= now && until.is_none_or(|until| version.since <= until);
        let version = versions.iter().rev().find(seen).or(versions.first())?;
        Some(View { origin, entries: Arc::clone(&version.entries) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// One zone at one version.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) origin: Name,
    pub(super) entries: Arc<Vec<Entry>>,
}

impl Inner {
    fn change(&mut self, zone: &str, edit: impl FnOnce(&mut Vec<Entry>) -> bool) -> Result<(), StoreError> {
        let versions = self.zones.get_mut(zone).ok_or(StoreError::UnknownZone { zone: zone.to_owned() })?;
        let mut entries = versions.last().map(|version| version.entries.to_vec()).unwrap_or_default();
        if edit(&mut entries) {
            for entry in &mut entries {
                if let RData::SOA(soa) = &mut entry.record.data {
                    soa.increment_serial();
                }
            }
            versions.push(Version { since: Instant::now(), entries: Arc::new(entries) });
        }
        Ok(())
    }
}

pub(crate) fn parse(owner: &str, kind: RecordType, ttl: u32, value: &str) -> Result<Record, StoreError> {
    let data = if kind == RecordType::TXT {
        RData::TXT(TXT::from_bytes(value.as_bytes().chunks(255).collect()))
    } else {
        RData::try_from_str(kind, value).map_err(|_| StoreError::BadData { kind, value: value.to_owned() })?
    };
    Ok(Record::from_rdata(absolute(owner)?, ttl, data))
}

fn absolute(name: &str) -> Result<Name, StoreError> {
    let mut parsed = Name::from_str(name)
        .or_else(|_| Name::from_ascii(name))
        .map_err(|_| StoreError::BadName { name: name.to_owned() })?;
    parsed.set_fqdn(true);
    Ok(parsed)
}

fn under(label: &str, origin: &Name) -> Result<Name, StoreError> {
    absolute(&format!("{label}.{origin}"))
}

pub(crate) fn key(name: &Name) -> String {
    name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}
