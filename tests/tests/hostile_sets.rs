//! Route 53's sets in XML, with a key that may do everything: each attack is refused before it is sent, and the same attack succeeds once the
//! one guard that stops it is off.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use acmite_lab::api;
use acmite_tests::hostile::bench::Bench;
use acmite_tests::hostile::{Attack, NAME, Phase, SECRET, VALUE, given};
use serde_json::{Value, json};

const OTHER: &str = "_acme-challenge.www.example.test";

const ZONE: &str = "Z0000000000001";
const OTHER_ZONE: &str = "Z0000000000002";

async fn bench() -> Bench {
    Bench::start(|store| api::route53(store, SECRET.into())).await
}

/// As [`bench`], where a bench is at hand already.
async fn fresh() -> Bench {
    bench().await
}

fn attack(bench: &Bench) -> Attack {
    let attack = Attack::new("script").under_bundled("route53").against(&bench.api.base_url());
    attack.setting("access_key_id", api::ROUTE53_KEY_ID).secret("secret_access_key", SECRET)
}

fn zones() -> Value {
    json!({"send-aws": ["GET", "/2013-04-01/hostedzonesbyname", {"endpoint": "zones", "query": [["dnsname", "example.test"]]}]})
}

fn set(name: &str) -> Value {
    let query = [["maxitems", "1"], ["name", name], ["type", "TXT"]];
    json!({"send-aws": ["GET", format!("/2013-04-01/hostedzone/{ZONE}/rrset"), {"endpoint": "set", "path": [["zone", ZONE]], "query": query}]})
}

/// One change of a batch, with more elements within its set.
fn change_with(more: &str, action: &str, kind: &str, name: &str, ttl: u32, values: &[&str]) -> String {
    let quoted = |value: &&str| if kind == "TXT" { format!("\"{value}\"") } else { (*value).to_owned() };
    let record = |value: &&str| {
        format!("<ResourceRecord><Value>{}</Value></ResourceRecord>", quoted(value).replace('\'', "&apos;"))
    };
    let records: String = values.iter().map(record).collect();
    format!(
        "<Change><Action>{action}</Action><ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type><TTL>{ttl}</TTL>\
         <ResourceRecords>{records}</ResourceRecords>{more}</ResourceRecordSet></Change>"
    )
}

fn change(action: &str, kind: &str, name: &str, values: &[&str]) -> String {
    change_with("", action, kind, name, 60, values)
}

fn write_in(zone: &str, changes: &str) -> Value {
    let body = format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch>\
         <Changes>{changes}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    );
    json!({"send-aws": ["POST", format!("/2013-04-01/hostedzone/{zone}/rrset"), {"endpoint": "change", "path": [["zone", zone]], "body": body}]})
}

/// The same attack with zones and the order's set read first, as far as these guards want it.
fn after_reads(write: Value) -> Vec<Value> {
    vec![zones(), set(&dotted(NAME)), set(&dotted(OTHER)), set("example.test."), write]
}

fn dotted(name: &str) -> String {
    format!("{name}.")
}

/// The manifest with its effect declared as reading, all its places free and nothing else changed.
fn without_effect(attack: Attack) -> Attack {
    const CHANGE: &str = "/ChangeResourceRecordSetsRequest/ChangeBatch/Changes/Change";
    let manifest = std::fs::read_to_string(acmite_tests::plugins::repository().join("plugins/route53/plugin.toml"));
    let manifest = manifest.unwrap();
    let from = manifest.find("[[endpoint.change.effect]]").unwrap();
    let until = manifest[from..].find("\n\n").map_or(manifest.len(), |length| from + length);
    let set = format!("{CHANGE}/ResourceRecordSet");
    let places = [
        format!("{CHANGE}/Action"),
        format!("{set}/Type"),
        format!("{set}/Name"),
        format!("{set}/TTL"),
        format!("{set}/ResourceRecords/ResourceRecord/Value"),
    ];
    let also: Vec<String> = places.iter().map(|place| format!("\"{place}\" = \"text\"")).collect();
    attack.replacing(&manifest[from..until], "").replacing(
        "reply = \"xml\"\nform = \"{name}.\"\n\n[endpoint.change.fixed]",
        &format!("reply = \"xml\"\nreads = true\nalso = {{ {} }}\n\n[endpoint.change.fixed]", also.join(", ")),
    )
}

fn without_zone(attack: Attack) -> Attack {
    attack.replacing("zone = \"{path:zone}\"\nbody = \"xml\"", "body = \"xml\"")
}

#[tokio::test]
async fn the_orders_value_is_added_to_its_set_and_taken_out_again() {
    let bench = bench().await;
    let both = change("UPSERT", "TXT", &dotted(NAME), &["foreign", VALUE]);
    let (gone, new) = bench.changed(attack(&bench), Phase::Present, &after_reads(write_in(ZONE, &both))).await;
    assert!(gone.is_empty() && new.len() == 1 && new[0].contains(VALUE), "{gone:?} {new:?}");
    let foreign = change("UPSERT", "TXT", &dotted(NAME), &["foreign"]);
    let before = bench.records();
    given(attack(&bench), after_reads(write_in(ZONE, &foreign)), Phase::Cleanup).await;
    assert_eq!(bench.records().len(), before.len() - 1);
}

#[tokio::test]
async fn what_is_not_the_orders_is_refused_and_changes_with_the_effect_off() {
    let ours = dotted(NAME);
    let www = dotted(OTHER);
    let good = change("UPSERT", "TXT", &ours, &["foreign", VALUE]);
    let apex = change("UPSERT", "A", "example.test.", &["192.0.2.66"]);
    for (phase, changes, rule, (gone, new)) in [
        (Phase::Present, apex.clone(), "not TXT", ("192.0.2.1", "192.0.2.66")),
        (Phase::Present, good.clone() + &apex, "not TXT", ("192.0.2.1", "192.0.2.66")),
        (Phase::Cleanup, change("DELETE", "A", "example.test.", &["192.0.2.1"]), "not TXT", ("192.0.2.1", "")),
        (Phase::Cleanup, change("DELETE", "TXT", &www, &["another's"]), "not one of this call", ("another's", "")),
        (Phase::Cleanup, change("DELETE", "TXT", &ours, &["foreign"]), "not one of this call", ("foreign", "")),
        (Phase::Present, change("UPSERT", "TXT", &www, &["another's", VALUE]), "not one of this call", ("", VALUE)),
        (Phase::Present, change("CREATE", "TXT", "new.example.test.", &[VALUE]), "not one of this call", ("", VALUE)),
        (Phase::Present, change("CREATE", "TXT", "*.example.test.", &[VALUE]), "not", ("", VALUE)),
        (Phase::Present, change("UPSERT", "TXT", &ours, &[VALUE]), "removes a value", ("foreign", VALUE)),
        (Phase::Present, change("UPSERT", "TXT", &ours, &["foreign", "mine"]), "not one of this call", ("", "mine")),
        (
            Phase::Present,
            change("UPSERT", "TXT", &ours, &["foreign", VALUE, "mine"]),
            "not one of this call",
            ("", "mine"),
        ),
        (Phase::Cleanup, good.clone(), "cleanup may not", ("", VALUE)),
        (Phase::Check, good.clone(), "check may not", ("", VALUE)),
        (Phase::Settled, good.clone(), "settled may not", ("", VALUE)),
        (Phase::Present, change_with("", "UPSERT", "TXT", &ours, 99_999_999, &["foreign", VALUE]), "TTL", ("", VALUE)),
        (
            Phase::Present,
            change_with("<Name>example.test.</Name>", "UPSERT", "TXT", &ours, 60, &["foreign", VALUE]),
            "twice",
            ("", ""),
        ),
    ] {
        let steps = after_reads(write_in(ZONE, &changes));
        let bench = bench().await;
        bench.refused(attack(&bench), phase, &steps, rule).await;
        let off = without_effect(attack(&bench));
        if rule == "twice" {
            // One element twice is refused of itself: which of them an API takes is not known.
            bench.refused(off, phase, &steps, rule).await;
            continue;
        }
        let (was, is) = bench.changed(off, phase, &after_reads(write_in(ZONE, &alone(&changes)))).await;
        assert!(gone.is_empty() || was.iter().any(|line| line.contains(gone)), "{changes}: {was:?}");
        assert!(new.is_empty() || is.iter().any(|line| line.contains(new)), "{changes}: {is:?}");
    }
}

/// The last change with its last value: without an effect nothing may stand twice.
fn alone(changes: &str) -> String {
    let last = &changes[changes.rfind("<Change>").unwrap()..];
    let records = |find: fn(&str, &'static str) -> Option<usize>| find(last, "<ResourceRecord>").unwrap();
    [&last[..records(|text, tag| text.find(tag))], &last[records(|text, tag| text.rfind(tag))..]].concat()
}

#[tokio::test]
async fn a_set_that_was_not_read_or_was_read_in_another_spelling_is_not_written() {
    let both = write_in(ZONE, &change("UPSERT", "TXT", &dotted(NAME), &["foreign", VALUE]));
    let short = write_in(ZONE, &change("UPSERT", "TXT", &dotted(NAME), &[VALUE]));
    let bench = bench().await;
    bench.refused(attack(&bench), Phase::Present, &[zones(), both.clone()], "must be read").await;
    bench.refused(attack(&bench), Phase::Present, &[zones(), short.clone()], "must be read").await;
    bench.refused(attack(&bench), Phase::Present, &[zones(), set(NAME), short.clone()], "must be read").await;
    bench.refused(attack(&bench), Phase::Present, &[zones(), set(&dotted(OTHER)), short.clone()], "must be read").await;
    // With the read, and nothing else, the first of them passes.
    bench.changed(attack(&bench), Phase::Present, &after_reads(both)).await;
    let bench = fresh().await;
    let (gone, _) = bench.changed(without_effect(attack(&bench)), Phase::Present, &[zones(), short]).await;
    assert!(gone[0].contains("foreign"), "{gone:?}");
}

#[tokio::test]
async fn another_zones_id_is_refused_by_that_guard_alone() {
    let theirs = change("UPSERT", "TXT", "_acme-challenge.other.test.", &[VALUE]);
    let steps = [zones(), write_in(OTHER_ZONE, &theirs)];
    let bench = bench().await;
    bench.refused(attack(&bench), Phase::Present, &steps, "not shown").await;
    bench.refused(without_effect(attack(&bench)), Phase::Present, &steps, "not shown").await;
    let off = without_zone(without_effect(attack(&bench)));
    let (gone, new) = bench.changed(off, Phase::Present, &steps).await;
    assert!(gone[0].contains("foreign") && new[0].contains("other.test"), "{gone:?} {new:?}");
}

#[tokio::test]
async fn what_is_smuggled_in_beside_the_change_is_refused_unless_listed() {
    let ours = |more: &str| change_with(more, "UPSERT", "TXT", &dotted(NAME), 60, &["foreign", VALUE]);
    let place = "/ChangeResourceRecordSetsRequest/ChangeBatch/Changes/Change/ResourceRecordSet";
    for (more, leaf) in [
        ("<SetIdentifier>mine</SetIdentifier>", "SetIdentifier"),
        ("<Weight>255</Weight>", "Weight"),
        ("<name>example.test.</name>", "name"),
        ("<TYPE>A</TYPE>", "TYPE"),
        ("<AliasTarget><DNSName>evil.example.</DNSName></AliasTarget>", "AliasTarget/DNSName"),
    ] {
        let steps = after_reads(write_in(ZONE, &ours(more)));
        let bench = bench().await;
        bench.refused(attack(&bench), Phase::Present, &steps, "not listed").await;
        let also = format!("also = {{ \"{place}/{leaf}\" = \"text\" }}\n\n[endpoint.change.fixed]");
        let off = attack(&bench).replacing("\n[endpoint.change.fixed]", &also);
        given(off, steps, Phase::Present).await;
        assert!(bench.writes().iter().any(|body| body.contains(more)), "{more}: {:?}", bench.writes());
    }
    let mut with_header = write_in(ZONE, &ours(""));
    with_header["send-aws"][2]["headers"] = json!([["X-HTTP-Method-Override", "DELETE"]]);
    let bench = bench().await;
    bench.refused(attack(&bench), Phase::Present, &after_reads(with_header.clone()), "not listed").await;
    // No manifest can list it.
    let listed = "headers = [\"x-amz-date\", \"x-http-method-override\"]";
    let error = attack(&bench).replacing("headers = [\"x-amz-date\"]", listed).provider().unwrap_err();
    assert!(error.contains("changes what a request does"), "{error}");
}
