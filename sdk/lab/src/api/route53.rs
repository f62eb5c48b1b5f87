//! Amazon Route 53, the part DNS-01 needs: hosted zones, TXT record sets, the state of changes.

use std::sync::Mutex;

use hickory_proto::rr::RecordType;
use quick_xml::escape::escape;
use quick_xml::events::Event;
use serde_json::Value;

use super::server::{Reply, Request};
use super::sigv4::{self, Scope};
use super::text;
use crate::dns::{Entry, Store};

/// The id of the one key.
pub const ROUTE53_KEY_ID: &str = "AKIDOFTHELAB";
/// The id of the same key as a temporary one, which needs [`ROUTE53_TOKEN`].
pub const ROUTE53_TEMPORARY_ID: &str = "ASIAOFTHELAB";
/// The session token of the temporary key.
pub const ROUTE53_TOKEN: &str = "token/of+the/lab==";

/// The rules of the API over `store`, for the key [`ROUTE53_KEY_ID`] with this secret. A change is pending when it is
/// first asked for, and in sync from then on.
pub fn route53(store: Store, secret: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    let changes: Mutex<Vec<bool>> = Mutex::default();
    move |request| {
        let scope = Scope { region: "us-east-1", service: "route53" };
        let is_temporary = request.headers.contains_key("x-amz-security-token");
        let key_id = if is_temporary { ROUTE53_TEMPORARY_ID } else { ROUTE53_KEY_ID };
        let token = is_temporary.then_some(ROUTE53_TOKEN);
        if let Err(code) = sigv4::check(request, key_id, &secret, token, &scope) {
            return failure(403, code, "The request is not signed with a key of this account.");
        }
        let Some(path) = request.path.strip_prefix("/2013-04-01/") else { return no_route() };
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["hostedzonesbyname"]) => zones(&store, request),
            ("GET", ["change", id]) => status(&changes, id),
            (method, ["hostedzone", id, rest @ ..]) => match (zone_of(&store, id), method, rest) {
                (None, ..) => failure(404, "NoSuchHostedZone", &format!("No hosted zone found with ID: {id}")),
                (Some(zone), "GET", []) => success("GetHostedZone", &hosted_zone(id, &zone)),
                (Some(zone), "GET", ["rrset"]) => sets(&store, &zone, request),
                (Some(zone), "POST", ["rrset"]) => change(&store, &zone, request, &changes),
                _ => no_route(),
            },
            _ => no_route(),
        }
    }
}

/// Sorted by reversed labels, from `dnsname` on, a hundred at a time.
fn zones(store: &Store, request: &Request) -> Reply {
    let from = request.query.get("dnsname").map(|name| reversed(name)).unwrap_or_default();
    let mut all: Vec<(usize, String)> = store.zones().into_iter().enumerate().collect();
    all.sort_by_key(|(_, zone)| reversed(zone));
    all.retain(|(_, zone)| reversed(zone) >= from);
    let is_truncated = all.len() > 100;
    let zones: String = all.iter().take(100).map(|(at, zone)| hosted_zone(&zone_id(*at), zone)).collect();
    success(
        "ListHostedZonesByName",
        &format!("<HostedZones>{zones}</HostedZones><IsTruncated>{is_truncated}</IsTruncated><MaxItems>100</MaxItems>"),
    )
}

fn hosted_zone(id: &str, zone: &str) -> String {
    format!(
        "<HostedZone><Id>/hostedzone/{id}</Id><Name>{zone}.</Name><CallerReference>lab</CallerReference>\
         <Config><PrivateZone>false</PrivateZone></Config></HostedZone>"
    )
}

fn reversed(name: &str) -> Vec<String> {
    name.trim_end_matches('.').rsplit('.').map(str::to_ascii_lowercase).collect()
}

fn zone_id(position: usize) -> String {
    format!("Z{:013}", position + 1)
}

fn zone_of(store: &Store, id: &str) -> Option<String> {
    store.zones().into_iter().enumerate().find(|(at, _)| zone_id(*at) == id).map(|(_, zone)| zone)
}

/// All records of one name and type.
#[derive(Debug, PartialEq, Eq)]
struct Set {
    name: String,
    kind: String,
    ttl: String,
    values: Vec<String>,
}

impl Set {
    fn kind(&self) -> Option<RecordType> {
        self.kind.parse().ok().filter(|kind| matches!(kind, RecordType::TXT | RecordType::A))
    }

    /// A value as the store has it.
    fn plain(&self, value: &str) -> Option<String> {
        if self.kind == "TXT" { text::unquoted(value) } else { Some(value.to_owned()) }
    }

    fn order(&self) -> (Vec<String>, String) {
        (reversed(&self.name), self.kind.clone())
    }
}

fn all_sets(store: &Store, zone: &str) -> Vec<Set> {
    let mut sets: Vec<Set> = Vec::new();
    for entry in store.records(zone).unwrap_or_default() {
        let kind = entry.record.record_type().to_string();
        let value = if kind == "TXT" { text::quoted(&entry.value()) } else { entry.value() };
        let name = owner(&entry);
        match sets.iter_mut().find(|set| set.name == name && set.kind == kind) {
            Some(set) => set.values.push(value),
            None => sets.push(Set { name, kind, ttl: entry.record.ttl.to_string(), values: vec![value] }),
        }
    }
    sets.sort_by_key(Set::order);
    sets
}

fn owner(entry: &Entry) -> String {
    format!("{}.", entry.record.name.to_lowercase().to_ascii().trim_end_matches('.'))
}

/// From name and type on in the order of reversed labels, as many as `maxitems` says.
fn sets(store: &Store, zone: &str, request: &Request) -> Reply {
    let query = |name: &str| request.query.get(name).cloned().unwrap_or_default();
    let from = (reversed(&query("name")), query("type"));
    let most = query("maxitems").parse().unwrap_or(300).min(300);
    let all = all_sets(store, zone);
    let after: Vec<&Set> = all.iter().filter(|set| query("name").is_empty() || set.order() >= from).collect();
    let shown: String = after.iter().take(most).map(|set| written(set)).collect();
    let next = after.get(most).map(|set| {
        format!("<NextRecordName>{}</NextRecordName><NextRecordType>{}</NextRecordType>", set.name, set.kind)
    });
    let (truncated, next) = (next.is_some(), next.unwrap_or_default());
    success(
        "ListResourceRecordSets",
        &format!(
            "<ResourceRecordSets>{shown}</ResourceRecordSets><IsTruncated>{truncated}</IsTruncated>{next}<MaxItems>{most}</MaxItems>"
        ),
    )
}

fn written(set: &Set) -> String {
    let record = |value: &String| format!("<ResourceRecord><Value>{}</Value></ResourceRecord>", escape(value));
    let values: String = set.values.iter().map(record).collect();
    let Set { name, kind, ttl, .. } = set;
    format!(
        "<ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type><TTL>{ttl}</TTL><ResourceRecords>{values}\
         </ResourceRecords></ResourceRecordSet>"
    )
}

/// The whole batch is checked before the first set is changed.
fn change(store: &Store, zone: &str, request: &Request, changes: &Mutex<Vec<bool>>) -> Reply {
    let is_xml =
        request.headers.get("content-type").is_some_and(|kind| kind == "application/xml" || kind == "text/xml");
    let Some(batch) = batch(&request.body).filter(|batch| is_xml && !batch.is_empty()) else {
        return failure(400, "InvalidInput", "The body is not a ChangeResourceRecordSetsRequest.");
    };
    let there = all_sets(store, zone);
    if let Some(message) = batch.iter().find_map(|(action, set)| objection(&there, zone, action, set)) {
        return failure(400, "InvalidChangeBatch", &message);
    }
    for (action, set) in &batch {
        if let Err(error) = apply(store, zone, action, set) {
            return failure(400, "InvalidChangeBatch", &error.to_string());
        }
    }
    let mut changes = changes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    changes.push(false);
    success("ChangeResourceRecordSets", &change_info(&format!("C{}", changes.len()), "PENDING"))
}

/// What Route 53 has against a change, if anything.
fn objection(there: &[Set], zone: &str, action: &str, set: &Set) -> Option<String> {
    let Set { name, kind, .. } = set;
    let known = there.iter().find(|known| known.name == *name && known.kind == *kind);
    let inside = *name == format!("{zone}.") || name.ends_with(&format!(".{zone}."));
    match (action, known) {
        _ if !inside => Some(format!("RRSet with DNS name {name} is not permitted in zone {zone}.")),
        _ if set.kind().is_none() || set.values.is_empty() => {
            Some(format!("The lab takes TXT and A sets with values, not {kind}."))
        }
        _ if set.ttl.parse::<u32>().is_err() => Some(format!("{name} has no TTL.")),
        _ if set.values.iter().any(|value| set.plain(value).is_none()) => {
            Some("Invalid Resource Record: 'CharacterStringNotEnclosedInQuotes'".into())
        }
        ("CREATE", Some(_)) => Some(format!("{name} was not created, since it already exists.")),
        ("DELETE", known) if known != Some(set) => {
            Some(format!("{name} was not deleted: the values provided do not match the current values."))
        }
        ("CREATE" | "UPSERT" | "DELETE", _) => None,
        _ => Some(format!("{action} is no action.")),
    }
}

fn apply(store: &Store, zone: &str, action: &str, set: &Set) -> Result<(), crate::dns::StoreError> {
    let Some(kind) = set.kind() else { return Ok(()) };
    store.remove(zone, |entry| owner(entry) == set.name && entry.record.record_type() == kind)?;
    if action == "DELETE" {
        return Ok(());
    }
    let ttl = set.ttl.parse().unwrap_or_default();
    let mut values = set.values.iter().filter_map(|value| set.plain(value));
    values.try_for_each(|value| store.add(zone, &set.name, kind, ttl, &value).map(|_| ()))
}

/// The actions and sets of a request's body; `None` if it has an element that is not among theirs.
fn batch(body: &str) -> Option<Vec<(String, Set)>> {
    let mut reader = quick_xml::Reader::from_str(body);
    let mut path: Vec<String> = Vec::new();
    let mut batch: Vec<(String, Set)> = Vec::new();
    let mut text = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                path.push(tag.name().0.to_owned());
                text.clear();
                if path.len() == 4 {
                    batch.push((
                        String::new(),
                        Set { name: String::new(), kind: String::new(), ttl: String::new(), values: Vec::new() },
                    ));
                }
            }
            Event::Text(more) => text.push_str(&more.xml10_content()),
            Event::GeneralRef(reference) => text.push_str(&resolved(&reference)?),
            Event::End(_) => {
                take(&path.join("/"), &text, batch.last_mut())?;
                path.pop();
                text.clear();
            }
            Event::Decl(_) => {}
            Event::Eof if path.is_empty() => return Some(batch),
            _ => return None,
        }
    }
}

fn resolved(reference: &quick_xml::events::BytesRef<'_>) -> Option<String> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character.to_string());
    }
    quick_xml::escape::resolve_predefined_entity(reference).map(str::to_owned)
}

/// Takes up what an element that ends here holds.
fn take(path: &str, text: &str, change: Option<&mut (String, Set)>) -> Option<()> {
    const CHANGE: &str = "ChangeResourceRecordSetsRequest/ChangeBatch/Changes/Change";
    if CHANGE.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Some(());
    }
    let (action, set) = change?;
    match path.strip_prefix(CHANGE)? {
        "/Action" => text.clone_into(action),
        "/ResourceRecordSet/Name" => set.name = text.to_ascii_lowercase(),
        "/ResourceRecordSet/Type" => text.clone_into(&mut set.kind),
        "/ResourceRecordSet/TTL" => text.clone_into(&mut set.ttl),
        "/ResourceRecordSet/ResourceRecords/ResourceRecord/Value" => set.values.push(text.to_owned()),
        "/ResourceRecordSet"
        | "/ResourceRecordSet/ResourceRecords"
        | "/ResourceRecordSet/ResourceRecords/ResourceRecord" => {}
        _ => return None,
    }
    Some(())
}

fn status(changes: &Mutex<Vec<bool>>, id: &str) -> Reply {
    let mut changes = changes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let number = id.strip_prefix('C').and_then(|number| number.parse::<usize>().ok()).and_then(|n| n.checked_sub(1));
    match number.and_then(|number| changes.get_mut(number)) {
        None => failure(404, "NoSuchChange", &format!("Could not find resource with ID: {id}")),
        Some(asked) => {
            let status = if std::mem::replace(asked, true) { "INSYNC" } else { "PENDING" };
            success("GetChange", &change_info(id, status))
        }
    }
}

fn change_info(id: &str, status: &str) -> String {
    format!(
        "<ChangeInfo><Id>/change/{id}</Id><Status>{status}</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo>"
    )
}

fn no_route() -> Reply {
    failure(404, "UnknownOperationException", "There is no such resource.")
}

fn success(operation: &str, inside: &str) -> Reply {
    let namespace = "https://route53.amazonaws.com/doc/2013-04-01/";
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let text = format!("{head}<{operation}Response xmlns=\"{namespace}\">{inside}</{operation}Response>");
    Reply { status: 200, body: Value::String(text) }
}

fn failure(status: u16, code: &str, message: &str) -> Reply {
    let error = format!("<Type>Sender</Type><Code>{code}</Code><Message>{}</Message>", escape(message));
    Reply { status, body: Value::String(format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>")) }
}
