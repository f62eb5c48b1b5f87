//! What a server says to a question: RFC 1034 section 4.3.2, wildcards RFC 4592.

use std::time::{Duration, Instant};

use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::store::{Store, View};

/// How far behind the store a server is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub(super) delay: Duration,
    pub(super) until: Option<Instant>,
    /// Answers across the lab's delegations and follows aliases.
    pub(super) recursive: bool,
}

pub(super) fn answer(store: &Store, request: &Message, query: &Query, sight: Sight) -> Message {
    let mut reply = Message::response(request.metadata.id, OpCode::Query);
    reply.add_query(query.clone());
    reply.metadata.recursion_desired = request.metadata.recursion_desired;
    reply.metadata.recursion_available = sight.recursive;
    let mut name = query.name().clone();
    for hop in 0..ALIASES_MAX {
        let Some(view) = store.view(&name, sight.delay, sight.until) else {
            if hop == 0 {
                reply.metadata.response_code = ResponseCode::Refused;
            }
            return reply;
        };
        if hop == 0 {
            reply.metadata.authoritative = !sight.recursive;
        }
        match step(&view, &name, query.query_type(), sight.recursive) {
            Step::Found(records) => {
                reply.add_answers(records);
                return reply;
            }
            Step::Alias(record, target) => {
                reply.add_answer(*record);
                name = target;
            }
            Step::Referral { servers, glue } => {
                reply.metadata.authoritative = false;
                reply.add_authorities(servers);
                reply.add_additionals(glue);
                return reply;
            }
            Step::Nothing { exists } => {
                if !exists {
                    reply.metadata.response_code = ResponseCode::NXDomain;
                }
                reply.add_authorities(soa(&view));
                return reply;
            }
        }
    }
    reply.metadata.response_code = ResponseCode::ServFail;
    reply
}

/// Longer chains of aliases are taken for a loop.
const ALIASES_MAX: usize = 16;

enum Step {
    Found(Vec<Record>),
    Alias(Box<Record>, Name),
    Referral { servers: Vec<Record>, glue: Vec<Record> },
    Nothing { exists: bool },
}

fn step(view: &View, name: &Name, kind: RecordType, recursive: bool) -> Step {
    if let (false, Some(referral)) = (recursive, referral(view, name)) {
        return referral;
    }
    let exists = view.entries.iter().any(|entry| name.zone_of(&entry.record.name));
    let source = if exists { Some(name.clone()) } else { wildcard(view, name) };
    let Some(source) = source else { return Step::Nothing { exists: false } };
    let owned = || {
        view.entries.iter().filter(|entry| entry.record.name == source).map(|entry| {
            let mut record = entry.record.clone();
            record.name = name.clone();
            record
        })
    };
    let found: Vec<Record> = owned().filter(|record| kind == RecordType::ANY || record.record_type() == kind).collect();
    if !found.is_empty() {
        return Step::Found(found);
    }
    let alias = owned().find_map(|record| match &record.data {
        RData::CNAME(target) => Some((record.clone(), target.0.clone())),
        _ => None,
    });
    match alias {
        Some((record, target)) => Step::Alias(Box::new(record), target),
        None => Step::Nothing { exists: true },
    }
}

fn referral(view: &View, name: &Name) -> Option<Step> {
    let cut = view.entries.iter().find(|entry| {
        entry.record.record_type() == RecordType::NS
            && entry.record.name != view.origin
            && entry.record.name.zone_of(name)
    })?;
    let owner = &cut.record.name;
    let all = || view.entries.iter().map(|entry| &entry.record);
    let servers: Vec<Record> =
        all().filter(|record| record.record_type() == RecordType::NS && record.name == *owner).cloned().collect();
    let named = |record: &&Record| {
        record.record_type() == RecordType::A
            && servers.iter().any(|server| matches!(&server.data, RData::NS(ns) if ns.0 == record.name))
    };
    let glue = all().filter(named).cloned().collect();
    Some(Step::Referral { servers, glue })
}

/// The wildcard below the closest name that exists.
fn wildcard(view: &View, name: &Name) -> Option<Name> {
    let mut encloser = name.base_name();
    while view.origin.zone_of(&encloser) {
        if view.entries.iter().any(|entry| encloser.zone_of(&entry.record.name)) {
            let star = Name::from_ascii("*").ok()?.append_domain(&encloser).ok()?;
            return view.entries.iter().any(|entry| entry.record.name == star).then_some(star);
        }
        encloser = encloser.base_name();
    }
    None
}

fn soa(view: &View) -> Vec<Record> {
    let all = view.entries.iter().map(|entry| &entry.record);
    all.filter(|record| record.record_type() == RecordType::SOA).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    fn store() -> Store {
        let store = Store::default();
        store.add_zone("example.test").expect("a name");
        for (owner, kind, value) in [
            ("_acme-challenge.example.test", RecordType::TXT, "one"),
            ("_acme-challenge.example.test", RecordType::TXT, "two"),
            ("alias.example.test", RecordType::CNAME, "_acme-challenge.example.test."),
            ("*.wild.example.test", RecordType::TXT, "star"),
            ("sub.example.test", RecordType::NS, "ns1.sub.example.test."),
            ("ns1.sub.example.test", RecordType::A, "127.0.0.2"),
        ] {
            store.add("example.test", owner, kind, 60, value).expect("a good record");
        }
        store
    }

    fn ask(store: &Store, name: &str, delay: Duration) -> Message {
        let query = Query::query(Name::from_str(name).expect("a name"), RecordType::TXT);
        answer(store, &Message::query(), &query, Sight { delay, until: None, recursive: false })
    }

    #[test]
    fn an_alias_is_answered_with_its_targets_values() {
        let reply = ask(&store(), "alias.example.test.", Duration::ZERO);
        assert_eq!(reply.answers.len(), 3);
        assert!(reply.metadata.authoritative);
    }

    #[test]
    fn a_wildcard_answers_under_the_asked_name() {
        let reply = ask(&store(), "a.b.wild.example.test.", Duration::ZERO);
        assert_eq!(reply.answers[0].name.to_ascii(), "a.b.wild.example.test.");
    }

    #[test]
    fn a_delegated_name_gets_a_referral_without_authority() {
        let reply = ask(&store(), "x.sub.example.test.", Duration::ZERO);
        assert!(!reply.metadata.authoritative && reply.answers.is_empty());
        assert_eq!((reply.authorities.len(), reply.additionals.len()), (1, 1));
    }

    #[test]
    fn an_absent_name_and_an_absent_type_differ_and_both_carry_the_soa() {
        let absent = ask(&store(), "no.example.test.", Duration::ZERO);
        let empty = ask(&store(), "example.test.", Duration::ZERO);
        assert_eq!(absent.metadata.response_code, ResponseCode::NXDomain);
        assert_eq!(empty.metadata.response_code, ResponseCode::NoError);
        assert!(absent.authorities.len() == 1 && empty.authorities.len() == 1);
    }

    #[test]
    fn a_foreign_name_is_refused() {
        let reply = ask(&store(), "other.invalid.", Duration::ZERO);
        assert_eq!(reply.metadata.response_code, ResponseCode::Refused);
    }

    #[test]
    fn a_late_server_does_not_show_a_young_change() {
        let reply = ask(&store(), "_acme-challenge.example.test.", Duration::from_secs(3600));
        assert!(reply.answers.is_empty());
    }
}
