//! Namecheap's XML API, the part DNS-01 needs: getHosts and setHosts.
//!
//! <https://www.namecheap.com/support/api/methods/domains-dns/set-hosts/> (seen 2026-11-24). Faults come with status 200.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hickory_proto::rr::RecordType;
use serde_json::Value;

use super::server::{Reply, Request};
use crate::dns::{Entry, Store};

/// The user whose key is taken.
pub const NAMECHEAP_USER: &str = "lab";
/// The address that the account allows.
pub const NAMECHEAP_CLIENT_IP: &str = "192.0.2.10";

type Parameters = BTreeMap<String, String>;

/// The rules of the API over `store`, for the key `api_key` of [`NAMECHEAP_USER`] at [`NAMECHEAP_CLIENT_IP`].
pub fn namecheap(store: Store, api_key: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        if request.path != "/xml.response" {
            return Reply { status: 404, body: Value::Null };
        }
        let parameters = match request.method.as_str() {
            "GET" => Some(request.query.clone()),
            "POST" => request.form(),
            _ => None,
        };
        let done = parameters.ok_or(("1010104", "Parameter Command is missing".to_owned()));
        done.and_then(|parameters| answer(&store, &api_key, &parameters)).unwrap_or_else(|(number, text)| {
            xml("ERROR", &format!("<Errors><Error Number=\"{number}\">{}</Error></Errors>", escaped(&text)))
        })
    }
}

type Fault = (&'static str, String);

fn answer(store: &Store, api_key: &str, parameters: &Parameters) -> Result<Reply, Fault> {
    let parameter = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    if parameter("ApiKey") != api_key {
        return Err(("1011102", "API Key is invalid or API access has not been enabled".to_owned()));
    }
    if parameter("ApiUser") != NAMECHEAP_USER || parameter("UserName") != NAMECHEAP_USER {
        return Err(("1019103", "Parameter UserName is not available".to_owned()));
    }
    if parameter("ClientIp") != NAMECHEAP_CLIENT_IP {
        return Err(("1011150", format!("Invalid request IP: {}", parameter("ClientIp"))));
    }
    let zone = format!("{}.{}", parameter("SLD"), parameter("TLD"));
    if parameter("SLD").contains('.') || !store.zones().contains(&zone) {
        return Err(("2019166", format!("The domain ({zone}) doesn't seem to be registered.")));
    }
    match parameter("Command") {
        "namecheap.domains.dns.getHosts" => Ok(hosts(store, &zone)),
        "namecheap.domains.dns.setHosts" => set(store, &zone, parameters),
        command => Err(("1010104", format!("Parameter Command is invalid: {command}"))),
    }
}

fn hosts(store: &Store, zone: &str) -> Reply {
    let mut rows = String::new();
    for entry in store.records(zone).unwrap_or_default().iter().filter(|entry| is_host(entry)) {
        let name = entry.record.name.to_lowercase().to_ascii();
        let name = name.trim_end_matches('.').strip_suffix(zone).map_or("", |label| label.trim_end_matches('.'));
        let name = if name.is_empty() { "@" } else { name };
        let value = entry.value();
        let (preference, address) = match entry.record.record_type() {
            RecordType::MX => value.split_once(' ').unwrap_or(("10", &value)),
            _ => ("10", value.as_str()),
        };
        let (id, kind, ttl, address) = (entry.id, entry.record.record_type(), entry.record.ttl, escaped(address));
        let _ = write!(
            rows,
            "<host HostId=\"{id}\" Name=\"{name}\" Type=\"{kind}\" Address=\"{address}\" MXPref=\"{preference}\" \
             TTL=\"{ttl}\" AssociatedAppTitle=\"\" FriendlyName=\"\" IsActive=\"true\" IsDDNSEnabled=\"false\" />"
        );
    }
    let result = format!(
        "<DomainDNSGetHostsResult Domain=\"{zone}\" EmailType=\"MX\" IsUsingOurDNS=\"true\">{rows}</DomainDNSGetHostsResult>"
    );
    success("getHosts", &result)
}

/// The API shows neither SOA nor NS, and keeps them.
fn is_host(entry: &Entry) -> bool {
    !matches!(entry.record.record_type(), RecordType::SOA | RecordType::NS)
}

/// What is not given is deleted; nothing is if one of the hosts is not taken.
fn set(store: &Store, zone: &str, parameters: &Parameters) -> Result<Reply, Fault> {
    let hosts = given(parameters)?;
    let mut added = Vec::new();
    let refused = hosts.iter().find_map(|host| match host.add(store, zone) {
        Ok(id) => {
            added.push(id);
            None
        }
        Err(fault) => Some(fault),
    });
    let is_stale = |entry: &Entry| is_host(entry) && added.contains(&entry.id) == refused.is_some();
    store.remove(zone, is_stale).map_err(|error| ("3050900", error.to_string()))?;
    match refused {
        Some(fault) => Err(fault),
        None => Ok(success("setHosts", &format!("<DomainDNSSetHostsResult Domain=\"{zone}\" IsSuccess=\"true\" />"))),
    }
}

struct Host<'a> {
    name: &'a str,
    kind: RecordType,
    value: String,
    ttl: u32,
}

/// The hosts by their numbers, which count up from 1; a key that is of no host is refused.
fn given(parameters: &Parameters) -> Result<Vec<Host<'_>>, Fault> {
    let numbered = |key: &str, number: usize| parameters.get(&format!("{key}{number}")).map(String::as_str);
    let mut hosts = Vec::new();
    let mut keys = GLOBAL.iter().filter(|key| parameters.contains_key(**key)).count();
    for number in 1.. {
        let Some(name) = numbered("HostName", number) else { break };
        keys += PER_HOST.iter().filter(|key| numbered(key, number).is_some()).count();
        let kind = numbered("RecordType", number).and_then(|kind| kind.parse().ok());
        let kind: RecordType = kind.ok_or(("2015280", format!("Invalid record type of {name}")))?;
        let address = numbered("Address", number).ok_or(("2015280", format!("{name} has no address")))?;
        let value = match kind {
            RecordType::MX => format!("{} {address}", numbered("MXPref", number).unwrap_or("10")),
            _ => address.to_owned(),
        };
        let ttl = numbered("TTL", number).map_or(Some(1800), |ttl| ttl.parse().ok());
        let ttl = ttl.filter(|ttl| (60..=60_000).contains(ttl)).ok_or(("2015280", format!("Invalid TTL of {name}")))?;
        hosts.push(Host { name, kind, value, ttl });
    }
    let known_email = parameters.get("EmailType").is_none_or(|kind| EMAIL_TYPES.contains(&kind.as_str()));
    match keys == parameters.len() && known_email {
        true => Ok(hosts),
        false => Err(("2015280", "a parameter belongs to no host, or EmailType is not known".to_owned())),
    }
}

impl Host<'_> {
    fn add(&self, store: &Store, zone: &str) -> Result<u64, Fault> {
        let owner = if self.name == "@" { zone.to_owned() } else { format!("{}.{zone}", self.name) };
        store.add(zone, &owner, self.kind, self.ttl, &self.value).map_err(|error| ("2015280", error.to_string()))
    }
}

const GLOBAL: [&str; 8] = ["Command", "ApiUser", "ApiKey", "UserName", "ClientIp", "SLD", "TLD", "EmailType"];
const PER_HOST: [&str; 5] = ["HostName", "RecordType", "Address", "MXPref", "TTL"];
const EMAIL_TYPES: [&str; 4] = ["MXE", "MX", "FWD", "OX"];

fn success(command: &str, result: &str) -> Reply {
    let command = format!("namecheap.domains.dns.{command}");
    xml("OK", &format!("<Errors /><CommandResponse Type=\"{command}\">{result}</CommandResponse>"))
}

fn xml(status: &str, inside: &str) -> Reply {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <ApiResponse Status=\"{status}\" xmlns=\"http://api.namecheap.com/xml.response\">{inside}</ApiResponse>"
    );
    Reply { status: 200, body: Value::String(text) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Store {
        let store = Store::default();
        store.add_zone("example.test").expect("a name");
        for (name, kind, value) in
            [("example.test", RecordType::A, "192.0.2.1"), ("a.example.test", RecordType::TXT, "x")]
        {
            store.add("example.test", name, kind, 60, value).expect("a record");
        }
        store
    }

    fn send(store: &Store, key: &str, hosts: &str) -> String {
        let body = format!(
            "Command=namecheap.domains.dns.setHosts&ApiUser=lab&UserName=lab&ClientIp=192.0.2.10&SLD=example&TLD=test\
             &ApiKey={key}{hosts}"
        );
        let reply = namecheap(store.clone(), "key".to_owned())(&Request {
            method: "POST".to_owned(),
            path: "/xml.response".to_owned(),
            query: BTreeMap::new(),
            query_text: String::new(),
            headers: [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())].into(),
            body,
        });
        reply.body.as_str().expect("XML").to_owned()
    }

    fn values(store: &Store) -> Vec<String> {
        store
            .records("example.test")
            .expect("the zone")
            .iter()
            .filter(|entry| is_host(entry))
            .map(Entry::value)
            .collect()
    }

    #[test]
    fn what_is_not_given_is_deleted() {
        let store = store();
        assert!(send(&store, "key", "&HostName1=%40&RecordType1=MX&Address1=m.test.&MXPref1=5").contains("\"true\""));
        assert_eq!(values(&store), ["5 m.test."]);
    }

    #[test]
    fn a_wrong_key_and_hosts_that_are_not_as_documented_change_nothing() {
        let store = store();
        let good = "&HostName1=b&RecordType1=TXT&Address1=y";
        assert!(send(&store, "wrong", good).contains("1011102"));
        for bad in ["&TTL1=59", "&HostName3=c&RecordType3=TXT&Address3=z", "&TTL=60", "&EmailType=NO"] {
            assert!(send(&store, "key", &format!("{good}{bad}")).contains("2015280"), "{bad}");
        }
        let second = format!("{good}&HostName2=c&RecordType2=A&Address2=none");
        assert!(send(&store, "key", &second).contains("2015280"));
        assert_eq!(values(&store), ["192.0.2.1", "x"]);
    }
}
