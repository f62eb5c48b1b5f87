//! With a token that may do everything, a provider changes the order's values and nothing else.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use acmite::plugin::provider::Provider;
use acmite::plugin::wire::TxtRecord;
use acmite_lab::Lab;
use acmite_lab::api::MockApi;
use acmite_tests::hostile::{Attack, Captured, NAME, Peer, Phase, SECRET, TOKEN, VALUE, given, ours, zone};
use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

/// The ids that the lab gives to zones of these names.
const ZONE: &str = "9b263fbcb589853137b33ddcafa5bcc5";
const OTHER_ZONE: &str = "65dc317ec55393f19f8fd7e8464e5f9a";

/// Two zones with an address at the apex, a foreign TXT value at the order's name and one at another name.
async fn lab() -> Lab {
    let lab = Lab::builder().zone("example.test").zone("other.test").start().await.unwrap();
    for zone in ["example.test", "other.test"] {
        let store = lab.dns.store();
        store.add(zone, zone, RecordType::A, 60, "192.0.2.1").unwrap();
        store.add(zone, &format!("_acme-challenge.{zone}"), RecordType::TXT, 60, "foreign").unwrap();
        store.add(zone, &format!("_acme-challenge.www.{zone}"), RecordType::TXT, 60, "another's").unwrap();
    }
    lab
}

fn records(lab: &Lab) -> Vec<String> {
    let lines = ["example.test", "other.test"].into_iter().flat_map(|zone| lab.dns.store().records(zone).unwrap());
    let lines = lines.filter(|entry| entry.record.record_type() != RecordType::SOA);
    let mut lines: Vec<String> = lines.map(|entry| entry.record.to_string()).collect();
    lines.sort();
    lines
}

fn id_of(lab: &Lab, value: &str) -> String {
    let entries = lab.dns.store().records("example.test").unwrap();
    format!("{:032x}", entries.iter().find(|entry| entry.value() == value).unwrap().id)
}

fn writes(api: &MockApi) -> usize {
    api.requests().iter().filter(|request| request.method != "GET").count()
}

fn cloudflare(lab: &Lab) -> Attack {
    let url = lab.cloudflare.base_url();
    Attack::new("script").under_bundled("cloudflare").secret("api_token", lab.cloudflare_token()).against(&url)
}

fn create(kind: &str, name: &str, content: &str) -> Value {
    create_in(ZONE, &json!({"type": kind, "name": name, "content": content, "ttl": 60}).to_string())
}

fn create_in(zone: &str, body: &str) -> Value {
    json!({"send": {"endpoint": "create", "path": [["zone", zone]], "body": body}})
}

fn read() -> Vec<Value> {
    vec![
        json!({"send": {"endpoint": "zones", "query": [["name", "example.test"]]}}),
        json!({"send": {"endpoint": "records", "path": [["zone", ZONE]]}}),
    ]
}

/// The attack is refused by this rule before it is sent, and nothing has changed.
async fn cloudflare_refuses(phase: Phase, step: Value, rule: &str) {
    let (lab, captured) = (lab().await, Captured::start());
    let before = records(&lab);
    let given = given(cloudflare(&lab), [read(), vec![step.clone()]].concat(), phase).await;
    let refused = Attack::rule(&given);
    assert!(refused.contains(rule), "{phase:?} {step}: {refused}");
    assert_eq!((writes(&lab.cloudflare), records(&lab)), (0, before), "{step}");
    assert!(captured.text().contains("request refused"), "{}", captured.text());
    assert!(!captured.text().contains(lab.cloudflare_token()));
}

/// Cloudflare under its own manifest without the guards of its writes.
fn unguarded(lab: &Lab) -> Attack {
    let attack = cloudflare(lab)
        .replacing("effect = [{ op = \"add\", type = \"{body:/type}\", name = \"{body:/name}\", value = \"{body:/content}\" }]", "reads = true")
        .replacing("also = { \"/ttl\" = \"ttl\" }", "also = { \"/ttl\" = \"number\", \"/type\" = \"text\", \"/name\" = \"text\", \"/content\" = \"text\" }")
        .replacing("effect = [{ op = \"delete\", id = \"{path:record}\" }]", "reads = true")
        .replacing("/dns_records\"\nzone = \"{path:zone}\"\nbody", "/dns_records\"\nbody")
        .replacing("zone = \"{path:zone}\"\nreads", "reads");
    attack.replacing("rows = { each = \"/result\", id = \"{/id}\", type = \"{/type}\", name = \"{/name}\", value = \"{/content}\" }\n", "")
}

/// The same step without those guards is sent: it was they that held it back.
async fn cloudflare_is_sent_unguarded(phase: Phase, step: Value) {
    let lab = lab().await;
    let given = given(unguarded(&lab), vec![step.clone()], phase).await;
    assert_eq!(writes(&lab.cloudflare), 1, "{phase:?} {step}: {given:?}");
}

#[tokio::test]
async fn cloudflare_the_orders_value_is_created_in_present_and_deleted_in_cleanup() {
    let lab = lab().await;
    let before = records(&lab);
    let made = given(cloudflare(&lab), [read(), vec![create("TXT", NAME, VALUE)]].concat(), Phase::Present).await;
    assert_eq!(made[2]["status"], 200, "{made:?}");
    assert_eq!(records(&lab).len(), before.len() + 1);
    let delete = json!({"send": {"endpoint": "delete", "path": [["zone", ZONE], ["record", id_of(&lab, VALUE)]]}});
    let gone = given(cloudflare(&lab), [read(), vec![delete]].concat(), Phase::Cleanup).await;
    assert_eq!((gone[2]["status"].as_u64(), records(&lab)), (Some(200), before), "{gone:?}");
}

#[tokio::test]
async fn cloudflare_another_type_name_value_or_zone_is_not_created() {
    for (step, rule) in [
        (create("A", "example.test", "192.0.2.66"), "not TXT"),
        (create("CNAME", NAME, "evil.example"), "not TXT"),
        (create("NS", "_acme-challenge.example.test", "ns.evil.example"), "not TXT"),
        (create("TXT", "example.test", VALUE), "not one of this call"),
        (create("TXT", "_acme-challenge.www.example.test", VALUE), "not one of this call"),
        (create("TXT", "*.example.test", VALUE), "not"),
        (create("TXT", "_acme-challenge.other.test", VALUE), "not within the zone"),
        (create("TXT", NAME, "the attacker's own challenge"), "not one of this call"),
        (create("TXT", NAME, &format!("\"{VALUE}\" \"more\"")), "not one of this call"),
        (create("TXT", NAME, ""), "not one of this call"),
        (
            create_in(OTHER_ZONE, &json!({"type": "TXT", "name": NAME, "content": VALUE, "ttl": 60}).to_string()),
            "not shown",
        ),
        (create_in("example.org", &json!({"type": "TXT", "name": NAME, "content": VALUE}).to_string()), "not shown"),
    ] {
        cloudflare_refuses(Phase::Present, step.clone(), rule).await;
        cloudflare_is_sent_unguarded(Phase::Present, step).await;
    }
}

#[tokio::test]
async fn cloudflare_nothing_is_smuggled_in_beside_what_is_checked() {
    let ours = format!("\"type\":\"TXT\",\"name\":\"{NAME}\",\"content\":\"{VALUE}\",\"ttl\":60");
    for (body, rule) in [
        (format!("{{{ours},\"name\":\"example.test\"}}"), "twice"),
        (format!("{{{ours},\"Name\":\"example.test\"}}"), "twice"),
        (format!("{{{ours},\"TYPE\":\"A\"}}"), "twice"),
        (format!("{{{ours},\"\\u0074ype\":\"A\"}}"), "twice"),
        (format!("{{{ours},\"proxied\":true}}"), "not listed"),
        (format!("{{{ours},\"data\":{{\"name\":\"example.test\"}}}}"), "not listed"),
        (format!("{{{ours},\"/ttl\":1}}"), "not listed"),
        (format!("{{{}}}", ours.replace("60", "99999999")), "ttl"),
        (format!("[{{{ours}}},{{{ours}}}]"), ""),
    ] {
        cloudflare_refuses(Phase::Present, create_in(ZONE, &body), rule).await;
    }
    let with_header = json!({"send": {"endpoint": "create", "path": [["zone", ZONE]], "body": format!("{{{ours}}}"),
        "headers": [["X-HTTP-Method-Override", "PUT"]]}});
    cloudflare_refuses(Phase::Present, with_header, "not listed").await;
    let with_query = json!({"send": {"endpoint": "create", "path": [["zone", ZONE]], "body": format!("{{{ours}}}"),
        "query": [["_method", "DELETE"]]}});
    cloudflare_refuses(Phase::Present, with_query, "not listed").await;
}

#[tokio::test]
async fn cloudflare_only_the_orders_own_record_is_deleted() {
    let lab = lab().await;
    let delete = |id: &str| json!({"send": {"endpoint": "delete", "path": [["zone", ZONE], ["record", id]]}});
    for (phase, id, rule) in [
        (Phase::Cleanup, id_of(&lab, "foreign"), "not one of this call"),
        (Phase::Cleanup, id_of(&lab, "another's"), "not one of this call"),
        (Phase::Cleanup, "0000000000000000000000000000ffff".to_owned(), "not seen"),
        (Phase::Present, id_of(&lab, "foreign"), "may not"),
        // The address was not shown, as the read is of TXT records alone.
        (Phase::Cleanup, id_of(&lab, "192.0.2.1"), "not seen"),
    ] {
        cloudflare_refuses(phase, delete(&id), rule).await;
        cloudflare_is_sent_unguarded(phase, delete(&id)).await;
    }
}

#[tokio::test]
async fn cloudflare_writes_in_no_phase_but_the_one_for_it() {
    for phase in [Phase::Cleanup, Phase::Check, Phase::Settled] {
        let (lab, step) = (lab().await, create("TXT", NAME, VALUE));
        let before = records(&lab);
        let given = given(cloudflare(&lab), [read(), vec![step]].concat(), phase).await;
        assert!(Attack::rule(&given).contains("not"), "{given:?}");
        assert_eq!((writes(&lab.cloudflare), records(&lab)), (0, before), "{phase:?}");
        cloudflare_is_sent_unguarded(phase, create("TXT", NAME, VALUE)).await;
    }
}

#[tokio::test]
async fn cloudflare_with_the_guard_off_foreign_names_and_values_are_changed() {
    for step in [
        create("TXT", "example.test", VALUE),
        create("TXT", "_acme-challenge.www.example.test", VALUE),
        create("TXT", NAME, "the attacker's own challenge"),
    ] {
        let lab = lab().await;
        let before = records(&lab).len();
        let given = given(unguarded(&lab), vec![step], Phase::Check).await;
        assert_eq!((given[0]["status"].as_u64(), records(&lab).len()), (Some(200), before + 1), "{given:?}");
    }
    let lab = lab().await;
    let delete = json!({"send": {"endpoint": "delete", "path": [["zone", ZONE], ["record", id_of(&lab, "foreign")]]}});
    let before = records(&lab).len();
    let given = given(unguarded(&lab), vec![delete], Phase::Present).await;
    assert_eq!((given[0]["status"].as_u64(), records(&lab).len()), (Some(200), before - 1), "{given:?}");
}

#[tokio::test]
async fn the_provider_that_comes_with_acmite_works_under_its_own_guards_beside_a_hostile_one() {
    let lab = lab().await;
    let before = records(&lab);
    let overrides =
        acmite::plugin::overrides::OriginOverrides::parse(&format!("cloudflare.api={}", lab.cloudflare.base_url()));
    let token = vec![("api_token".to_owned(), lab.cloudflare_token().as_bytes().to_vec().into())];
    let honest =
        Provider::new(acmite_tests::plugins::load("cloudflare"), Vec::new(), token, None, &overrides.unwrap()).unwrap();
    let published = honest.present(&zone(), &[ours()], 60).await.unwrap();
    let delete = json!({"send": {"endpoint": "delete", "path": [["zone", ZONE], ["record", id_of(&lab, "foreign")]]}});
    given(cloudflare(&lab), [read(), vec![delete]].concat(), Phase::Cleanup).await;
    honest.cleanup(&zone(), &[ours()], &published).await.unwrap();
    assert_eq!(records(&lab), before);
}

#[tokio::test]
async fn state_of_another_order_replayed_gives_no_right_to_its_records() {
    let lab = lab().await;
    let theirs = TxtRecord { name: "_acme-challenge.www.example.test".parse().unwrap(), value: "another's".into() };
    let provider = |steps: Vec<Value>| cloudflare(&lab).arg(&Value::from(steps).to_string()).provider().unwrap();
    // An earlier order of the other name saw its record.
    let replayed = provider(read()).with_limits(roomy()).present(&zone(), &[theirs], 60).await.unwrap();
    assert!(!replayed.memory.is_empty());
    let delete =
        json!({"send": {"endpoint": "delete", "path": [["zone", ZONE], ["record", id_of(&lab, "another's")]]}});
    let before = records(&lab);
    let error = provider(vec![delete, json!("fail")]).cleanup(&zone(), &[ours()], &replayed).await.unwrap_err();
    assert!(error.to_string().contains("not one of this call"), "{error}");
    assert_eq!((writes(&lab.cloudflare), records(&lab)), (0, before));
}

fn roomy() -> acmite::plugin::limits::Limits {
    acmite::plugin::limits::Limits { state_bytes: 1 << 20, line_chars: 1 << 20, ..Default::default() }
}

fn powerdns(lab: &Lab) -> Attack {
    let url = lab.powerdns.base_url();
    let attack = Attack::new("script").under_bundled("powerdns").secret("api_key", &lab.description().powerdns_key);
    attack.setting("server_url", &url).setting("server", "localhost")
}

fn patch(sets: &Value) -> Value {
    let body = json!({"rrsets": sets}).to_string();
    json!({"send": {"endpoint": "patch", "path": [["zone", "example.test."]], "body": body}})
}

fn set(kind: &str, name: &str, change: &str, values: &[&str]) -> Value {
    let records: Vec<Value> =
        values.iter().map(|value| json!({"content": format!("\"{value}\""), "disabled": false})).collect();
    json!({"name": name, "type": kind, "ttl": 60, "changetype": change, "records": records})
}

fn read_zone() -> Value {
    json!({"send": {"endpoint": "zone", "path": [["zone", "example.test."]]}})
}

async fn powerdns_refuses(phase: Phase, steps: Vec<Value>, rule: &str) {
    let lab = lab().await;
    let before = records(&lab);
    let given = given(powerdns(&lab), steps.clone(), phase).await;
    let refused = Attack::rule(&given);
    assert!(refused.contains(rule), "{phase:?} {steps:?}: {refused}");
    assert_eq!((writes(&lab.powerdns), records(&lab)), (0, before), "{steps:?}");
}

const DOTTED: &str = "_acme-challenge.example.test.";

#[tokio::test]
async fn powerdns_a_set_is_read_first_and_written_with_all_it_had() {
    let replace = |values: &[&str]| patch(&json!([set("TXT", DOTTED, "REPLACE", values)]));
    powerdns_refuses(Phase::Present, vec![replace(&["foreign", VALUE])], "must be read").await;
    powerdns_refuses(Phase::Present, vec![read_zone(), replace(&[VALUE])], "removes a value").await;
    powerdns_refuses(Phase::Present, vec![read_zone(), replace(&[])], "removes a value").await;
    powerdns_refuses(Phase::Present, vec![read_zone(), replace(&["foreign", VALUE, "mine"])], "not one of this call")
        .await;
    powerdns_refuses(Phase::Cleanup, vec![read_zone(), replace(&[VALUE, "foreign"])], "cleanup may not").await;
    powerdns_refuses(
        Phase::Cleanup,
        vec![read_zone(), patch(&json!([set("TXT", DOTTED, "DELETE", &[])]))],
        "not one of this call",
    )
    .await;
    for phase in [Phase::Check, Phase::Settled] {
        powerdns_refuses(phase, vec![read_zone(), replace(&["foreign", VALUE])], "may not").await;
    }
}

#[tokio::test]
async fn powerdns_other_sets_names_and_spellings_are_left_alone() {
    let good = set("TXT", DOTTED, "REPLACE", &["foreign", VALUE]);
    for (sets, rule) in [
        (json!([set("A", "example.test.", "REPLACE", &["192.0.2.66"])]), "not TXT"),
        (json!([set("A", "example.test.", "DELETE", &[])]), "not"),
        (json!([set("SOA", "example.test.", "REPLACE", &["evil"])]), "not TXT"),
        (json!([good, set("A", "example.test.", "REPLACE", &["192.0.2.66"])]), "not TXT"),
        (json!([good, good]), "twice"),
        (
            json!([set("TXT", "_acme-challenge.www.example.test.", "REPLACE", &["another's", VALUE])]),
            "not one of this call",
        ),
        (json!([set("TXT", "_acme-challenge.example.test", "REPLACE", &["foreign", VALUE])]), "spelled"),
        (json!([set("TXT", "_ACME-challenge.example.test.", "REPLACE", &["foreign", VALUE])]), "spelled"),
        (json!([set("TXT", DOTTED, "PRUNE", &["foreign", VALUE])]), "not listed"),
        (json!([set("TXT", DOTTED, "EXTEND", &[VALUE])]), "not listed"),
        (
            json!([{"name": DOTTED, "type": "TXT", "ttl": 60, "changetype": "REPLACE", "records": [{"content": "\"ours\"", "set-ptr": true}]}]),
            "not listed",
        ),
        (json!([]), "nothing"),
    ] {
        powerdns_refuses(Phase::Present, vec![read_zone(), patch(&sets)], rule).await;
    }
    let elsewhere = json!({"send": {"endpoint": "patch", "path": [["zone", "other.test."]], "body": json!({"rrsets": [good]}).to_string()}});
    powerdns_refuses(Phase::Present, vec![read_zone(), elsewhere], "not shown").await;
    let read_other = json!({"send": {"endpoint": "zone", "path": [["zone", "other.test."]]}});
    powerdns_refuses(Phase::Present, vec![read_other], "not shown").await;
}

#[tokio::test]
async fn powerdns_the_whole_set_goes_through_and_with_the_guard_off_the_short_one_too() {
    let lab = lab().await;
    let before = records(&lab);
    let whole = patch(&json!([set("TXT", DOTTED, "REPLACE", &["foreign", VALUE])]));
    let made = given(powerdns(&lab), vec![read_zone(), whole], Phase::Present).await;
    assert!(made[1]["status"].as_u64().is_some_and(|status| status < 300), "{made:?}");
    assert_eq!(records(&lab).len(), before.len() + 1);
    let text =
        std::fs::read_to_string(acmite_tests::plugins::repository().join("plugins/powerdns/plugin.toml")).unwrap();
    let effect = text.lines().find(|line| line.starts_with("effect")).unwrap();
    let free = "\"/rrsets/*/ttl\" = \"number\", \"/rrsets/*/name\" = \"text\", \"/rrsets/*/type\" = \"text\", \"/rrsets/*/changetype\" = \"text\", \"/rrsets/*/records/*/content\" = \"text\", \"/rrsets/*/records/*/disabled\" = \"bool\"";
    let short = patch(&json!([set("TXT", DOTTED, "REPLACE", &["the attacker's own"])]));
    let unguarded = powerdns(&lab).replacing(effect, &format!("reads = true\nalso = {{ {free} }}"));
    let unguarded = match text.lines().find(|line| line.starts_with("also")) {
        Some(also) => unguarded.replacing(also, ""),
        None => unguarded,
    };
    let made = given(unguarded.replacing("form = \"{name}.\"\n", ""), vec![short], Phase::Check).await;
    assert!(made[0]["status"].as_u64().is_some_and(|status| status < 300), "{made:?}");
    assert!(
        !records(&lab).iter().any(|line| line.contains("foreign") && line.starts_with("_acme-challenge.example.test"))
    );
}

fn update(server: &str) -> Attack {
    let attack = Attack::new("script").under_bundled("rfc2136").secret("tsig_secret", "c2VjcmV0LWtleS1vZi10c2ln");
    let attack = attack.setting("server", server).setting("tsig_key_name", "acmite");
    attack.setting("tsig_algorithm", "hmac-sha256")
}

#[tokio::test]
async fn dns_updates_are_of_the_orders_values_in_their_phase() {
    let peer = Peer::hanging_up();
    let server = format!("127.0.0.1:{}", peer.port);
    let apply = |add: Value, delete: Value, ttl: u64| json!({"apply": [add, delete, ttl]});
    let ours = json!([[NAME, VALUE]]);
    for (phase, step, rule) in [
        (Phase::Present, apply(json!([["example.test", VALUE]]), json!([]), 60), "not one of this call"),
        (Phase::Present, apply(json!([[NAME, "the attacker's own"]]), json!([]), 60), "not one of this call"),
        (Phase::Present, apply(json!([["_acme-challenge.other.test", VALUE]]), json!([]), 60), "not one of this call"),
        (Phase::Present, apply(json!([["a b", VALUE]]), json!([]), 60), ""),
        (Phase::Present, apply(json!([]), ours.clone(), 60), "present may not"),
        (Phase::Present, apply(ours.clone(), json!([]), 99_999_999), "TTL"),
        (Phase::Cleanup, apply(ours.clone(), json!([]), 60), "cleanup may not"),
        (Phase::Cleanup, apply(json!([]), json!([[NAME, "foreign"]]), 60), "not one of this call"),
        (Phase::Check, apply(ours.clone(), json!([]), 60), "check may not"),
        (Phase::Settled, apply(json!([]), ours.clone(), 60), "settled may not"),
    ] {
        let given = given(update(&server), vec![step.clone()], phase).await;
        assert!(Attack::rule(&given).contains(rule), "{phase:?} {step}: {given:?}");
    }
    peer.assert_untouched();
    // What is within the rules is sent, signed; this peer does not understand it.
    let sent = given(update(&server), vec![apply(ours, json!([]), 60)], Phase::Present).await;
    assert!(sent[0]["failed"].is_string() && peer.requests().len() == 1, "{sent:?}");
    assert!(
        !peer.requests()[0].contains("secret-key")
            && !peer.requests()[0].contains(TOKEN)
            && !peer.requests()[0].contains(SECRET)
    );
}
