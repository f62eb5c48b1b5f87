//! DNS UPDATE of TXT records (RFC 2136): prerequisites, checks, then all changes as one version of the zone.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordData as _, RecordType};

use super::store::{Entry, Store};

/// Carries out a signed update; the response code is the whole answer.
pub(super) fn apply(store: &Store, request: &Message) -> ResponseCode {
    attempt(store, request).map_or_else(|code| code, |()| ResponseCode::NoError)
}

fn attempt(store: &Store, request: &Message) -> Result<(), ResponseCode> {
    let [zone] = request.queries.as_slice() else { return Err(ResponseCode::FormErr) };
    if zone.query_type() != RecordType::SOA || zone.query_class() != DNSClass::IN {
        return Err(ResponseCode::FormErr);
    }
    let origin = zone.name();
    let found = store.edit(origin, |entries, next_id| {
        prerequisites(origin, entries, &request.answers)?;
        request.authorities.iter().try_for_each(|update| prescan(origin, update))?;
        let before = shape(entries);
        request.authorities.iter().for_each(|update| change(entries, next_id, update));
        Ok(shape(entries) != before)
    });
    found.unwrap_or(Err(ResponseCode::NotAuth))
}

/// Records are equal whatever their TTL, so it is compared beside them.
fn shape(entries: &[Entry]) -> Vec<(u32, Entry)> {
    entries.iter().map(|entry| (entry.record.ttl, entry.clone())).collect()
}

/// Section 3.2.
fn prerequisites(origin: &Name, entries: &[Entry], wanted: &[Record]) -> Result<(), ResponseCode> {
    for record in wanted {
        if record.ttl != 0 {
            return Err(ResponseCode::FormErr);
        }
        if !origin.zone_of(&record.name) {
            return Err(ResponseCode::NotZone);
        }
        let kind = record.record_type();
        let exists = entries.iter().any(|entry| {
            entry.record.name == record.name && (kind == RecordType::ANY || entry.record.record_type() == kind)
        });
        match (record.dns_class, kind == RecordType::ANY, exists) {
            (DNSClass::ANY | DNSClass::NONE, _, _) if !is_empty(record) => return Err(ResponseCode::FormErr),
            (DNSClass::ANY, true, false) => return Err(ResponseCode::NXDomain),
            (DNSClass::ANY, false, false) => return Err(ResponseCode::NXRRSet),
            (DNSClass::NONE, true, true) => return Err(ResponseCode::YXDomain),
            (DNSClass::NONE, false, true) => return Err(ResponseCode::YXRRSet),
            (DNSClass::ANY | DNSClass::NONE, ..) => {}
            (DNSClass::IN, ..) if same_set(entries, wanted, record) => {}
            (DNSClass::IN, ..) => return Err(ResponseCode::NXRRSet),
            _ => return Err(ResponseCode::FormErr),
        }
    }
    Ok(())
}

/// Whether the set at the record's name and type is exactly the one the prerequisites list (section 3.2.3).
fn same_set(entries: &[Entry], wanted: &[Record], record: &Record) -> bool {
    let of_set = |other: &&Record| other.name == record.name && other.record_type() == record.record_type();
    let listed: Vec<&RData> =
        wanted.iter().filter(|other| other.dns_class == DNSClass::IN).filter(of_set).map(|r| &r.data).collect();
    let held: Vec<&RData> = entries.iter().map(|entry| &entry.record).filter(of_set).map(|r| &r.data).collect();
    held.iter().all(|data| listed.contains(data)) && listed.iter().all(|data| held.contains(data))
}

/// Section 3.4.1, and the lab's policy: TXT alone.
fn prescan(origin: &Name, update: &Record) -> Result<(), ResponseCode> {
    if !origin.zone_of(&update.name) {
        return Err(ResponseCode::NotZone);
    }
    let well_formed = match update.dns_class {
        DNSClass::IN => !is_empty(update) && update.record_type() != RecordType::ANY,
        DNSClass::ANY => update.ttl == 0 && is_empty(update),
        DNSClass::NONE => update.ttl == 0 && !is_empty(update),
        _ => false,
    };
    match (well_formed, update.record_type()) {
        (false, _) => Err(ResponseCode::FormErr),
        (true, RecordType::TXT) => Ok(()),
        (true, _) => Err(ResponseCode::Refused),
    }
}

fn is_empty(record: &Record) -> bool {
    record.data.is_update()
}

/// Section 3.4.2.
fn change(entries: &mut Vec<Entry>, next_id: &mut u64, update: &Record) {
    let in_set = |entry: &Entry| entry.record.name == update.name && entry.record.record_type() == RecordType::TXT;
    match update.dns_class {
        DNSClass::ANY => entries.retain(|entry| !in_set(entry)),
        DNSClass::NONE => entries.retain(|entry| !(in_set(entry) && entry.record.data == update.data)),
        _ => {
            let alias =
                |entry: &Entry| entry.record.name == update.name && entry.record.record_type() == RecordType::CNAME;
            if entries.iter().any(alias) {
                return;
            }
            // A set has one TTL, the newest (RFC 2181 section 5.2).
            entries.iter_mut().filter(|entry| in_set(entry)).for_each(|entry| entry.record.ttl = update.ttl);
            if !entries.iter().any(|entry| in_set(entry) && entry.record.data == update.data) {
                *next_id += 1;
                entries.push(Entry { id: *next_id, record: update.clone() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::{OpCode, Query};
    use std::str::FromStr;

    fn record(owner: &str, class: DNSClass, ttl: u32, value: Option<&str>) -> Record {
        let mut record = match value {
            Some(value) => super::super::store::parse(owner, RecordType::TXT, ttl, value).expect("a record"),
            None => Record::update0(Name::from_str(owner).expect("a name"), ttl, RecordType::TXT),
        };
        record.dns_class = class;
        record
    }

    fn update(prerequisites: Vec<Record>, updates: Vec<Record>) -> Message {
        let mut message = Message::query();
        message.metadata.op_code = OpCode::Update;
        let mut zone = Query::new();
        zone.set_name(Name::from_str("example.test.").expect("a name")).set_query_type(RecordType::SOA);
        message.add_query(zone);
        message.answers = prerequisites;
        message.authorities = updates;
        message
    }

    fn store() -> Store {
        let store = Store::default();
        store.add_zone("example.test").expect("a zone");
        store
    }

    fn values(store: &Store) -> Vec<String> {
        let all = store.records("example.test").expect("the zone");
        all.iter().filter(|entry| entry.record.record_type() == RecordType::TXT).map(Entry::value).collect()
    }

    #[test]
    fn adding_twice_adds_once_and_deleting_takes_one_value_or_the_set() {
        let store = store();
        let add = |value| record("a.example.test.", DNSClass::IN, 60, Some(value));
        for _ in 0..2 {
            assert_eq!(apply(&store, &update(vec![], vec![add("one"), add("two")])), ResponseCode::NoError);
        }
        assert_eq!(values(&store), ["one", "two"]);
        let one = record("a.example.test.", DNSClass::NONE, 0, Some("one"));
        assert_eq!(apply(&store, &update(vec![], vec![one])), ResponseCode::NoError);
        assert_eq!(values(&store), ["two"]);
        let set = record("a.example.test.", DNSClass::ANY, 0, None);
        assert_eq!(apply(&store, &update(vec![], vec![set])), ResponseCode::NoError);
        assert!(values(&store).is_empty());
    }

    #[test]
    fn nothing_is_changed_when_one_update_is_refused() {
        let store = store();
        let good = record("a.example.test.", DNSClass::IN, 60, Some("one"));
        let address = super::super::store::parse("a.example.test.", RecordType::A, 60, "127.0.0.1").expect("a record");
        let outside = record("a.other.test.", DNSClass::IN, 60, Some("one"));
        assert_eq!(apply(&store, &update(vec![], vec![good.clone(), address])), ResponseCode::Refused);
        assert_eq!(apply(&store, &update(vec![], vec![good.clone(), outside])), ResponseCode::NotZone);
        let lasting = record("a.example.test.", DNSClass::NONE, 60, Some("one"));
        assert_eq!(apply(&store, &update(vec![], vec![good, lasting])), ResponseCode::FormErr);
        assert!(values(&store).is_empty());
    }

    #[test]
    fn prerequisites_are_held_to() {
        let store = store();
        let add = || vec![record("a.example.test.", DNSClass::IN, 60, Some("one"))];
        let exists = || vec![record("a.example.test.", DNSClass::ANY, 0, None)];
        let absent = || vec![record("a.example.test.", DNSClass::NONE, 0, None)];
        let equal = |value| vec![record("a.example.test.", DNSClass::IN, 0, Some(value))];
        assert_eq!(apply(&store, &update(exists(), add())), ResponseCode::NXRRSet);
        assert_eq!(apply(&store, &update(absent(), add())), ResponseCode::NoError);
        assert_eq!(apply(&store, &update(absent(), add())), ResponseCode::YXRRSet);
        assert_eq!(apply(&store, &update(equal("two"), add())), ResponseCode::NXRRSet);
        assert_eq!(apply(&store, &update(equal("one"), add())), ResponseCode::NoError);
    }

    #[test]
    fn a_zone_not_served_is_not_authorised() {
        let store = Store::default();
        assert_eq!(apply(&store, &update(vec![], vec![])), ResponseCode::NotAuth);
    }
}
