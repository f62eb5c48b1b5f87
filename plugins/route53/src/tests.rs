//! What is asked of the API, against replies of the form that its reference shows.

use acmite_sdk::testing::{Recording, context, txt};
use acmite_sdk::{Context, ErrorKind, Provider, Settlement};

use crate::Route53;

const NAME: &str = "_acme-challenge.example.com";
const ZONE: &str = "Z1PA6795UKMFR9";
/// Of the testing context's time.
const DATE: &str = "20261124T120000Z";

fn settings() -> Context {
    context("example.com", &[("access_key_id", "AKIDEXAMPLE")])
}

/// The numbers of the signatures count up, since each makes as many secrets.
fn signed(recording: Recording, number: usize) -> Recording {
    let scope = "AKIDEXAMPLE/20261124/us-east-1/route53/aws4_request";
    let signature = format!("Signature=#{}", SECRETS_EACH * number);
    let value = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, {signature}");
    recording.header("x-amz-date", DATE).inject("header:authorization", &value)
}

const SECRETS_EACH: usize = 12;

fn recording() -> Recording {
    Recording::new().secret("secret_access_key")
}

fn zones(recording: Recording, number: usize) -> Recording {
    let reply = include_str!("../fixtures/zones.xml");
    signed(recording.reply("zones", 200, reply).query("dnsname", "example.com"), number)
}

fn set(recording: Recording, number: usize, reply: &str) -> Recording {
    let recording = recording.reply("set", 200, reply).path("zone", ZONE);
    let recording = recording.query("maxitems", "1").query("name", "_acme-challenge.example.com.").query("type", "TXT");
    signed(recording, number)
}

fn change(recording: Recording, number: usize, status: u16, reply: &str, values: &[&str]) -> Recording {
    let values: String = values
        .iter()
        .map(|value| format!("<ResourceRecord><Value>&quot;{value}&quot;</Value></ResourceRecord>"))
        .collect();
    let body = format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>\
         <Change><Action>UPSERT</Action><ResourceRecordSet><Name>{NAME}.</Name><Type>TXT</Type><TTL>300</TTL>\
         <ResourceRecords>{values}</ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch>\
         </ChangeResourceRecordSetsRequest>"
    );
    signed(recording.reply("change", status, reply).path("zone", ZONE).body(&body), number)
}

fn fault(code: &str) -> String {
    format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>")
}

#[test]
fn values_join_the_public_zones_set_and_the_change_is_awaited() {
    let script = set(zones(recording(), 1), 2, include_str!("../fixtures/set.xml"));
    let values = ["foreign", "apex", "wildcard"];
    let script = change(script, 3, 200, include_str!("../fixtures/change.xml"), &values);
    let wanted = [txt(NAME, "apex"), txt(NAME, "wildcard")];
    let state = script.run(|| Route53::present(&settings(), &wanted)).result.expect("published");
    assert_eq!(String::from_utf8_lossy(&state), "Z1PA6795UKMFR9\nC2682N5HXP0BZ4");
    let pending = include_str!("../fixtures/change.xml");
    for (reply, settlement) in
        [(pending.to_owned(), Settlement::Pending(3000)), (pending.replace("PENDING", "INSYNC"), Settlement::Done)]
    {
        let script = signed(recording().reply("status", 200, &reply).path("change", "C2682N5HXP0BZ4"), 1);
        let told = script.run(|| Route53::settled(&settings(), &wanted, &state)).result.expect("a state");
        assert_eq!(format!("{told:?}"), format!("{settlement:?}"));
    }
}

#[test]
fn where_nothing_is_changed_nothing_is_awaited() {
    let script = set(zones(recording(), 1), 2, include_str!("../fixtures/set.xml"));
    let foreign = [txt(NAME, "foreign")];
    let state = script.run(|| Route53::present(&settings(), &foreign)).result.expect("published");
    let told = recording().run(|| Route53::settled(&settings(), &foreign, &state)).result.expect("a state");
    assert!(matches!(told, Settlement::Done));
}

#[test]
fn the_next_set_in_the_reply_is_not_ours() {
    let next = include_str!("../fixtures/set.xml").replace("_acme-challenge.example.com.", "www.example.com.");
    let script = set(recording(), 1, &next);
    let unwanted = [txt(NAME, "foreign")];
    script.run(|| Route53::cleanup(&settings(), &unwanted, ZONE.as_bytes())).result.expect("nothing to do");
}

/// Other types, other names and a routing policy at another name are passed over.
#[test]
fn three_names_are_read_in_one_list_of_the_zone() {
    let row = |name: &str, kind: &str, rest: &str| {
        format!("<ResourceRecordSet><Name>{name}.</Name><Type>{kind}</Type>{rest}</ResourceRecordSet>")
    };
    let value = |text: &str| {
        format!(
            "<TTL>300</TTL><ResourceRecords><ResourceRecord><Value>{text}</Value></ResourceRecord></ResourceRecords>"
        )
    };
    let rows = [
        row("example.com", "A", "<AliasTarget><DNSName>elsewhere.example.</DNSName></AliasTarget>"),
        row("w.example.com", "TXT", &format!("<SetIdentifier>a</SetIdentifier>{}", value("\"w\""))),
        row(NAME, "CAA", &value("0 issue \"ours\"")),
        row(NAME, "TXT", &value("\"foreign\"")),
    ];
    let reply =
        format!("<R><ResourceRecordSets>{}</ResourceRecordSets><IsTruncated>false</IsTruncated></R>", rows.concat());
    let script = signed(recording().reply("sets", 200, &reply).path("zone", ZONE).query("maxitems", "300"), 1);
    let wanted = ["a.example.com", "b.example.com", NAME].map(|name| txt(name, "ours"));
    script.run(|| Route53::cleanup(&settings(), &wanted, ZONE.as_bytes())).result.expect("nothing to remove");
}

#[test]
fn a_routing_policy_is_not_written_over() {
    let weighted = include_str!("../fixtures/set.xml").replace("<TTL>", "<SetIdentifier>a</SetIdentifier><TTL>");
    let script = set(zones(recording(), 1), 2, &weighted);
    let told = script.run(|| Route53::present(&settings(), &[txt(NAME, "ours")])).result.expect_err("an error");
    assert_eq!(told.kind, ErrorKind::Unsupported);
}

#[test]
fn the_apis_code_makes_the_error_exact() {
    for (status, code, kind) in [
        (403, "SignatureDoesNotMatch", ErrorKind::Denied),
        (403, "InvalidClientTokenId", ErrorKind::Denied),
        (403, "AccessDenied", ErrorKind::Forbidden),
        (400, "Throttling", ErrorKind::RateLimited),
        (400, "PriorRequestNotComplete", ErrorKind::Conflict),
        (400, "InvalidChangeBatch", ErrorKind::Conflict),
        (400, "InvalidInput", ErrorKind::Upstream),
        (404, "NoSuchHostedZone", ErrorKind::ZoneNotFound),
    ] {
        let script = set(zones(recording(), 1), 2, include_str!("../fixtures/set.xml"));
        let script = change(script, 3, status, &fault(code), &["foreign", "ours"]);
        let told = script.run(|| Route53::present(&settings(), &[txt(NAME, "ours")])).result.expect_err("an error");
        assert_eq!((told.kind, told.code.as_str(), told.message.as_str()), (kind, code, "no"), "{code}");
    }
}

#[test]
fn the_zone_that_is_set_must_be_the_calls() {
    let reply = |name: &str| {
        format!(
            "<GetHostedZoneResponse><HostedZone><Id>/hostedzone/{ZONE}</Id><Name>{name}</Name></HostedZone></GetHostedZoneResponse>"
        )
    };
    let settings = |zone| context(zone, &[("access_key_id", "AKIDEXAMPLE"), ("hosted_zone_id", ZONE)]);
    let script = |name: &str| signed(recording().reply("zone", 200, &reply(name)).path("zone", ZONE), 1);
    let told = script("example.org.").run(|| Route53::check(&settings("example.com"))).result.expect_err("an error");
    assert_eq!(told.kind, ErrorKind::ZoneNotFound);
    script("example.org.").run(|| Route53::check(&settings(""))).result.expect("a zone that the key may see");
}
