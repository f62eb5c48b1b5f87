//! Providers that write the whole set of a name and type.

use super::kit::{NAME, ask_for, call, only_reads_may_check};
use super::*;

const ROUTE53: &str = include_str!("../../../../../plugins/route53/plugin.toml");
const AZURE: &str = include_str!("../../../../../plugins/azure/plugin.toml");
const GOOGLE: &str = include_str!("../../../../../plugins/google/plugin.toml");

const SPELLED: &str = "_acme-challenge.example.com.";

fn resource(values: &[&str]) -> String {
    values.iter().map(|value| format!("<ResourceRecord><Value>\"{value}\"</Value></ResourceRecord>")).collect()
}

fn aws_set(name: &str, kind: &str, values: &[&str]) -> String {
    let values = resource(values);
    format!(
        "<ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type><TTL>60</TTL><ResourceRecords>{values}\
         </ResourceRecords></ResourceRecordSet>"
    )
}

/// A call that has seen the zone Z1.
fn route53_zone(phase: Phase) -> Guard {
    let mut guard = call(ROUTE53, phase);
    let zones = "<?xml version=\"1.0\"?>\n<ListHostedZonesByNameResponse xmlns=\"x\"><HostedZones>\
        <HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name></HostedZone>\
        <HostedZone><Id>/hostedzone/Z2</Id><Name>example.org.</Name></HostedZone></HostedZones>\
        </ListHostedZonesByNameResponse>";
    guard.sent(&ask_for("zones").query("dnsname", "example.com"), 200, zones);
    guard
}

/// A call that has seen the zone Z1 and, at our name, these values.
fn route53_with(phase: Phase, values: &[&str]) -> Guard {
    let mut guard = route53_zone(phase);
    let sets = match values {
        [] => aws_set("www.example.com.", "TXT", &["next"]),
        values => aws_set(SPELLED, "TXT", values),
    };
    let reply = format!(
        "<ListResourceRecordSetsResponse xmlns=\"x\"><ResourceRecordSets>{sets}</ResourceRecordSets>\
         <IsTruncated>false</IsTruncated></ListResourceRecordSetsResponse>"
    );
    guard.sent(&ask_for("set").path("zone", "Z1").query("name", SPELLED), 200, &reply);
    guard
}

fn route53(phase: Phase) -> Guard {
    route53_with(phase, if phase == Phase::Cleanup { &["foreign", "ours"] } else { &["foreign"] })
}

fn change(changes: &str) -> GuestRequest {
    let body = format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>\
         {changes}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    );
    ask_for("change").path("zone", "Z1").body(&body)
}

fn one_change(action: &str, values: &[&str]) -> GuestRequest {
    change(&format!("<Change><Action>{action}</Action>{}</Change>", aws_set(SPELLED, "TXT", values)))
}

#[test]
fn route53_upserts_a_set_with_all_it_had() {
    let guard = route53(Phase::Present);
    let upsert = one_change("UPSERT", &["foreign", "ours"]);
    assert_eq!(guard.says(&upsert), "admitted");
    guard.refuses(&[
        (one_change("UPSERT", &["ours"]), "removes a value"),
        (one_change("UPSERT", &["foreign", "ours", "theirs"]), "not one of this call"),
        (one_change("UPSERT", &[]), "removes a value"),
        (one_change("DELETE", &["foreign"]), "removes a value"),
        (upsert.with("_acme-challenge", "www"), "must be read"),
        (upsert.with(SPELLED, NAME), "not spelled"),
        (upsert.with("example.com.", "example.org."), "not within the zone"),
        (upsert.with("TXT", "A"), "not TXT"),
        (upsert.with("UPSERT", "upsert"), "not listed"),
        (upsert.with("<TTL>60", "<TTL>300"), "attribute"),
        (upsert.with("<TTL>60</TTL>", ""), "attribute"),
        (upsert.with("\"foreign\"", "\"fore\" \"ign\""), "attribute"),
        (GuestRequest { path: Vec::new(), ..upsert.clone() }.path("zone", "Z2"), "not shown"),
    ]);
    only_reads_may_check(route53, &upsert);
}

#[test]
fn a_set_keeps_the_ttl_it_has_and_a_new_one_gets_no_long_one() {
    let guard = route53_with(Phase::Present, &[]);
    let alone = one_change("UPSERT", &["ours"]);
    assert_eq!(guard.says(&alone), "admitted");
    guard.refuses(&[
        (alone.with("<TTL>60", "<TTL>86400"), "the TTL at"),
        (alone.with("<TTL>60", "<TTL>-1"), "the TTL at"),
        (alone.with("<TTL>60", "<TTL>1e9"), "the TTL at"),
    ]);
    let mut long = route53_zone(Phase::Present);
    let set = aws_set(SPELLED, "TXT", &["foreign"]).replace("60", "86400");
    let reply = format!(
        "<ListResourceRecordSetsResponse><ResourceRecordSets>{set}</ResourceRecordSets></ListResourceRecordSetsResponse>"
    );
    long.sent(&ask_for("set").path("zone", "Z1").query("name", SPELLED), 200, &reply);
    let both = one_change("UPSERT", &["foreign", "ours"]);
    assert_eq!(long.says(&both.with("<TTL>60", "<TTL>86400")), "admitted");
    long.refuses(&[(both, "attribute")]);
}

#[test]
fn route53_cleans_up_to_what_was_there() {
    let guard = route53(Phase::Cleanup);
    assert_eq!(guard.says(&one_change("UPSERT", &["foreign"])), "admitted");
    guard.refuses(&[
        (one_change("UPSERT", &["ours"]), "not one of this call"),
        (one_change("DELETE", &["foreign", "ours"]), "not one of this call"),
        (one_change("UPSERT", &["foreign", "ours", "more"]), "cleanup may not"),
    ]);
    let alone = route53_with(Phase::Cleanup, &["ours"]);
    assert_eq!(alone.says(&one_change("DELETE", &["ours"])), "admitted");
    route53_with(Phase::Cleanup, &[]).refuses(&[(one_change("CREATE", &["ours"]), "cleanup may not")]);
}

#[test]
fn route53_may_replace_a_set_by_deleting_and_creating_it_in_one_batch() {
    let set = |action: &str, values: &[&str]| {
        format!("<Change><Action>{action}</Action>{}</Change>", aws_set(SPELLED, "TXT", values))
    };
    let batch = |first: &[&str], second: &[&str]| change(&(set("DELETE", first) + &set("CREATE", second)));
    let guard = route53(Phase::Present);
    assert_eq!(guard.says(&batch(&["foreign"], &["foreign", "ours"])), "admitted");
    guard.refuses(&[
        (batch(&["foreign"], &["ours"]), "removes a value"),
        (change(&(set("CREATE", &["foreign"]) + &set("DELETE", &["foreign"]))), "not one of this call"),
        (change(&(set("UPSERT", &["foreign", "ours"]) + &set("DELETE", &["foreign"]))), "written twice"),
        (change(&(set("DELETE", &["ours"]) + &set("UPSERT", &["foreign", "ours"]))), "written twice"),
    ]);
}

#[test]
fn route53s_body_has_nothing_that_two_readers_take_differently() {
    let guard = route53(Phase::Present);
    let upsert = one_change("UPSERT", &["foreign", "ours"]);
    let twice = "</ResourceRecords><ResourceRecords><ResourceRecord><Value>\"ours\"</Value></ResourceRecord>";
    guard.refuses(&[
        (upsert.with("</ResourceRecords>", &format!("{twice}</ResourceRecords>")), "stands twice"),
        (upsert.with("<Value>", "<Value>\"ours\"</Value><Value>"), "stands twice"),
        (upsert.with("<Name>", "<Name>www.example.com.</Name><Name>"), "stands twice"),
        (upsert.with("<Changes>", "<!-- --><Changes>"), "comments"),
        (upsert.with("<Changes>", "<![CDATA[]]><Changes>"), "CDATA"),
        (upsert.with("<Changes>", "text<Changes>"), "text beside"),
        (upsert.with("UPSERT", "&upsert;"), "entities"),
        (upsert.with("<Change><Action>", "<Change a='1'><Action>"), "not listed"),
        (upsert.with("<Change><Action>", "<Change><x:Action>DELETE</x:Action><Action>"), "not listed"),
        (upsert.with("<TTL>60</TTL>", "<SetIdentifier>a</SetIdentifier><TTL>60</TTL>"), "not listed"),
        (upsert.with("2013-04-01", "2012-12-12"), "as the manifest fixes"),
        (upsert.with(" xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"", ""), "as the manifest fixes"),
        (change(""), "nothing at the places of its effects"),
    ]);
    let mut with_type = upsert.clone();
    with_type.body = with_type.body.map(|body| [&b"<!DOCTYPE a [<!ENTITY upsert 'UPSERT'>]>"[..], &body].concat());
    guard.refuses(&[(with_type, "document types")]);
}

#[test]
fn route53s_set_must_have_been_read_in_the_same_zone() {
    let mut guard = call(ROUTE53, Phase::Present);
    let zones = "<ListHostedZonesByNameResponse><HostedZones>\
        <HostedZone><Id>/hostedzone/PUBLIC</Id><Name>example.com.</Name></HostedZone>\
        <HostedZone><Id>/hostedzone/PRIVATE</Id><Name>example.com.</Name></HostedZone></HostedZones>\
        </ListHostedZonesByNameResponse>";
    guard.sent(&ask_for("zones").query("dnsname", "example.com"), 200, zones);
    let empty = "<ListResourceRecordSetsResponse><ResourceRecordSets/></ListResourceRecordSetsResponse>";
    guard.sent(&ask_for("set").path("zone", "PRIVATE").query("name", SPELLED), 200, empty);
    let write = |zone| GuestRequest { path: Vec::new(), ..one_change("UPSERT", &["ours"]) }.path("zone", zone);
    assert_eq!(guard.says(&write("PRIVATE")), "admitted");
    guard.refuses(&[(write("PUBLIC"), "must be read")]);
    guard.refuses(&[
        (ask_for("set").path("zone", "PUBLIC").query("name", SPELLED).query("maxitems", "0"), "another value"),
        (ask_for("set").path("zone", "PUBLIC").query("name", NAME), "not spelled"),
        (ask_for("set").path("zone", "PUBLIC").query("name", SPELLED).query("identifier", "x"), "not listed"),
    ]);
}

#[test]
fn a_reply_that_is_no_list_shows_no_empty_set() {
    for reply in ["<ErrorResponse><Error/></ErrorResponse>", "<a", "", "<!DOCTYPE a><a/>"] {
        let mut guard = route53_zone(Phase::Present);
        guard.sent(&ask_for("set").path("zone", "Z1").query("name", SPELLED), 200, reply);
        guard.refuses(&[(one_change("UPSERT", &["ours"]), "must be read")]);
    }
}

fn azure_set(name: &str) -> GuestRequest {
    ask_for("set").path("zone", "example.com").path("name", name)
}

fn azure_put(body: &str) -> GuestRequest {
    ask_for("put").path("zone", "example.com").path("name", "_acme-challenge").body(body)
}

fn azure(phase: Phase) -> Guard {
    let mut guard = call(AZURE, phase);
    let ours = if phase == Phase::Cleanup { r#",{"value":["ours"]}"# } else { "" };
    let reply = format!(
        r#"{{"name":"_acme-challenge","etag":"e","properties":{{"TTL":60,"TXTRecords":[{{"value":["for","eign"]}}{ours}]}}}}"#
    );
    guard.sent(&azure_set("_acme-challenge"), 200, &reply);
    guard
}

const AZURE_BOTH: &str = r#"{"properties":{"TTL":60,"TXTRecords":[{"value":["for","eign"]},{"value":["ours"]}]}}"#;

#[test]
fn azure_puts_a_set_with_all_it_had() {
    let guard = azure(Phase::Present);
    let put = azure_put(AZURE_BOTH);
    assert_eq!(guard.says(&put.clone().header("If-None-Match", "*")), "admitted");
    let patch = GuestRequest { endpoint: "patch".into(), ..put.clone() };
    assert_eq!(guard.says(&patch.clone().header("If-Match", "e")), "admitted");
    let delete = ask_for("delete").path("zone", "example.com").path("name", "_acme-challenge");
    let at = |path: &[(&str, &str)]| {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        GuestRequest { path: path.iter().map(pair).collect(), ..put.clone() }
    };
    guard.refuses(&[
        (put.with(r#"{"value":["for","eign"]},"#, ""), "removes a value"),
        (put.with(r#"["for","eign"]"#, r#"["foreign"]"#), "attribute"),
        (put.with(r#"["for","eign"]"#, r#"["for"]},{"value":["eign"]"#), "removes a value"),
        (put.with("ours", "theirs"), "not one of this call"),
        (put.with(r#"[{"value":["for","eign"]},{"value":["ours"]}]"#, "[]"), "removes a value"),
        (put.with("\"TTL\"", "\"targetResource\""), "not listed"),
        (put.with("\"TTL\":60", "\"TTL\":300"), "attribute"),
        (delete, "removes a value"),
        (patch.with("ours", "theirs"), "not one of this call"),
        (patch.with(r#"{"value":["for","eign"]},"#, ""), "removes a value"),
        (at(&[("zone", "example.com"), ("name", "www")]), "must be read"),
        (at(&[("zone", "example.org"), ("name", "_acme-challenge")]), "not shown"),
    ]);
    only_reads_may_check(azure, &put);
}

#[test]
fn azure_cleans_up_and_takes_a_404_as_an_empty_set() {
    let guard = azure(Phase::Cleanup);
    let rest = AZURE_BOTH.replace(r#",{"value":["ours"]}"#, "");
    assert_eq!(guard.says(&azure_put(&rest)), "admitted");
    guard.refuses(&[(azure_put(&AZURE_BOTH.replace("ours", "more")), "cleanup may not")]);
    let mut fresh = call(AZURE, Phase::Present);
    let alone = AZURE_BOTH.replace(r#"{"value":["for","eign"]},"#, "");
    fresh.refuses(&[(azure_put(&alone), "must be read")]);
    fresh.sent(&azure_set("_acme-challenge"), 404, r#"{"error":{"code":"NotFound"}}"#);
    assert_eq!(fresh.says(&azure_put(&alone)), "admitted");
    fresh.refuses(&[(azure_set("_ACME-challenge"), "not spelled")]);
}

#[test]
fn azures_token_request_says_what_the_manifest_fixes_and_no_secret() {
    let guard = call(AZURE, Phase::Check);
    let body = "client_id=set&grant_type=client_credentials&scope=set";
    let token = ask_for("token").body(body);
    let admitted = guard.admit(&token).expect("an admitted request");
    assert_eq!((admitted.path.as_str(), admitted.body_format), ("/set/oauth2/v2.0/token", Format::Form));
    guard.refuses(&[
        (token.with("client_id=set", "client_id=other"), "as the manifest fixes"),
        (token.with("&scope=", "&scop="), "not listed"),
        (token.with("client_id", "client_secret=x&client_id"), "filled by the host"),
        (token.with("client_id", "Client_Secret=x&client_id"), "filled by the host"),
        (token.with("client_id", "client%5Fsecret=x&client_id"), "filled by the host"),
        (token.with("&grant_type", ";grant_type"), "percent-encoded"),
        (token.with("&grant_type", "&Client_id=x&grant_type"), "stands twice"),
        (GuestRequest { body: None, ..token.clone() }, "as the manifest fixes"),
    ]);
}

fn google(phase: Phase) -> Guard {
    let mut guard = call(GOOGLE, phase);
    let zones = r#"{"managedZones":[{"name":"z1","dnsName":"example.com."},{"name":"z2","dnsName":"example.org."}]}"#;
    guard.sent(&ask_for("zones").query("dnsName", "example.com."), 200, zones);
    guard
}

fn google_change(deletions: &str, additions: &str) -> GuestRequest {
    let set = |rrdatas: &str| match rrdatas {
        "" => String::new(),
        rrdatas => format!(r#"{{"name":"{SPELLED}","type":"TXT","ttl":60,"rrdatas":[{rrdatas}]}}"#),
    };
    let body = format!(r#"{{"deletions":[{}],"additions":[{}]}}"#, set(deletions), set(additions));
    ask_for("change").path("zone", "z1").body(&body)
}

const FOREIGN_DATA: &str = r#""\"foreign\"""#;
const BOTH_DATA: &str = r#""\"foreign\"","\"ours\"""#;

#[test]
fn google_nets_what_it_deletes_and_adds() {
    let guard = google(Phase::Present);
    let add = google_change(FOREIGN_DATA, BOTH_DATA);
    assert_eq!(guard.says(&add), "admitted");
    assert_eq!(guard.says(&google_change("", r#""\"ours\"""#)), "admitted");
    guard.refuses(&[
        (google_change(FOREIGN_DATA, r#""\"ours\"""#), "removes a value"),
        (google_change(FOREIGN_DATA, r#""foreign","\"ours\"""#), "attribute"),
        (google_change(FOREIGN_DATA, ""), "removes a value"),
        (google_change("", r#""\"theirs\"""#), "not one of this call"),
        (google_change("", ""), "nothing at the places of its effects"),
        (google_change("", BOTH_DATA).with("_acme-challenge", "www"), "not one of this call"),
        (google_change("", r#""\"ours\"""#).with("TXT", "CAA"), "not TXT"),
        (google_change("", r#""\"ours\"""#).with("example.com.", "example.com"), "not spelled"),
        (GuestRequest { path: Vec::new(), ..add.clone() }.path("zone", "z2"), "not shown"),
    ]);
    let cleanup = google(Phase::Cleanup);
    assert_eq!(cleanup.says(&google_change(BOTH_DATA, FOREIGN_DATA)), "admitted");
    cleanup.refuses(&[(add.clone(), "cleanup may not"), (google_change(BOTH_DATA, ""), "not one of this call")]);
    only_reads_may_check(google, &add);
}
