//! moto, an implementation of AWS's APIs that is not ours: Route 53 as a server.

use std::process::Command;

use acmite::plugin::tree::{self, Format, Node};
use acmite_lab::api::{Reply, Request, text};
use serde_json::Value;

use crate::conformance::bench::Zone;
use crate::http;
use crate::oracle;
use crate::process::{Process, free_port};

/// A running moto with one account.
pub struct Moto {
    _process: Process,
    url: String,
}

/// Starts a moto with zones and their foreign records; `None` if it is not there.
///
/// # Panics
/// If it cannot be started or does not take a zone; under CI=true also if it is not there.
pub fn moto(zones: &[Zone]) -> Option<Moto> {
    let program = oracle::program("moto_server")?;
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let mut command = Command::new(program);
    command.args(["--host", "127.0.0.1", "--port", &port.to_string()]).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut process = Process::start("moto", command, tempfile::tempdir().expect("a folder"));
    process.await_ready(|| http::is_up(&format!("{url}/moto-api/data.json"), None, None));
    let moto = Moto { _process: process, url };
    zones.iter().for_each(|zone| moto.add(zone));
    Some(moto)
}

/// It tells by this which of AWS's APIs is meant, and looks at no signature.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIDOFTHESUITE/20260101/us-east-1/route53/aws4_request, \
                      SignedHeaders=host, Signature=00";
const XMLNS: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

impl Moto {
    /// Hands a provider's request on and its answer back.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn answer(&self, request: &Request) -> Reply {
        let authorization = request.headers.get("authorization").map(String::as_str).unwrap_or_default();
        let query = if request.query_text.is_empty() { String::new() } else { format!("?{}", request.query_text) };
        let place = format!("{}{query}", request.path);
        let (status, body) = self.send(authorization, &request.method, &place, &request.body);
        Reply { status, body: Value::String(body) }
    }

    /// Every record of a zone but SOA and NS, as "name TYPE value".
    ///
    /// # Panics
    /// If there is no such zone, or more records than it shows at once.
    pub fn records(&self, zone: &str) -> Vec<String> {
        let reply = self.call("GET", &format!("/2013-04-01/hostedzone/{}/rrset?maxitems={MOST}", self.id(zone)), "");
        let root = parsed(&reply);
        let is_truncated = texts(&root, "/ListResourceRecordSetsResponse/IsTruncated");
        assert_eq!(is_truncated, ["false"], "{zone} has too many records");
        let sets = tree::select(&root, "/ListResourceRecordSetsResponse/ResourceRecordSets/ResourceRecordSet");
        sets.into_iter().flat_map(records_of).collect()
    }

    fn add(&self, zone: &Zone) {
        let name = &zone.name;
        let body = format!(
            "<CreateHostedZoneRequest xmlns=\"{XMLNS}\"><Name>{name}.</Name>\
             <CallerReference>{name}</CallerReference></CreateHostedZoneRequest>"
        );
        self.call("POST", "/2013-04-01/hostedzone", &body);
        let change = |(name, kind, value): (String, &str, String)| {
            let value = if kind == "TXT" { text::quoted(&value) } else { value };
            format!(
                "<Change><Action>CREATE</Action><ResourceRecordSet><Name>{name}.</Name><Type>{kind}</Type><TTL>60</TTL>\
                 <ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords>\
                 </ResourceRecordSet></Change>"
            )
        };
        let changes: String = zone.foreign().into_iter().map(change).collect();
        let body = format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"{XMLNS}\"><ChangeBatch><Changes>{changes}</Changes></ChangeBatch>\
             </ChangeResourceRecordSetsRequest>"
        );
        self.call("POST", &format!("/2013-04-01/hostedzone/{}/rrset", self.id(name)), &body);
    }

    fn id(&self, zone: &str) -> String {
        let reply = self.call("GET", &format!("/2013-04-01/hostedzonesbyname?dnsname={zone}."), "");
        let root = parsed(&reply);
        let each = |part: &str| texts(&root, &format!("/ListHostedZonesByNameResponse/HostedZones/HostedZone/{part}"));
        let at = each("Name").iter().position(|name| *name == format!("{zone}."));
        let at = at.unwrap_or_else(|| panic!("no zone {zone}: {reply}"));
        each("Id")[at].trim_start_matches("/hostedzone/").to_owned()
    }

    fn call(&self, method: &str, place: &str, body: &str) -> String {
        let (status, reply) = self.send(SIGNED, method, place, body);
        assert!((200..300).contains(&status), "{method} {place}: {status}\n{reply}");
        reply
    }

    fn send(&self, authorization: &str, method: &str, place: &str, body: &str) -> (u16, String) {
        let url = format!("{}{place}", self.url);
        let body = (!body.is_empty()).then(|| body.to_owned());
        let header = Some(("authorization", authorization));
        // It takes JSON to be for another of AWS's APIs.
        http::send_as("application/xml", method, &url, header, body, None).expect("an answer of moto")
    }
}

/// More than any case has.
const MOST: usize = 1000;

fn records_of(set: &Node) -> Vec<String> {
    let text = |path: &str| texts(set, path).pop().unwrap_or_default();
    let (name, kind) = (text("/Name"), text("/Type"));
    let name = name.trim_end_matches('.');
    let value = |value: String| match kind.as_str() {
        "TXT" => text::unquoted(&value).unwrap_or_else(|| panic!("{value} is not as Route 53 wants TXT values")),
        _ => value,
    };
    let values = texts(set, "/ResourceRecords/ResourceRecord/Value").into_iter().map(value);
    let is_counted = kind != "SOA" && kind != "NS";
    values.filter(|_| is_counted).map(|value| format!("{name} {kind} {value}")).collect()
}

fn parsed(xml: &str) -> Node {
    tree::parse(xml.as_bytes(), Format::Xml).unwrap_or_else(|error| panic!("{error}: {xml}"))
}

fn texts(root: &Node, path: &str) -> Vec<String> {
    tree::select(root, path).into_iter().filter_map(Node::text).collect()
}
