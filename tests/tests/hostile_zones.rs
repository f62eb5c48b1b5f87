//! Namecheap's whole zones, with a key that may do everything: each attack is refused before it is sent, and the same attack succeeds once the
//! one guard that stops it is off.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use acmite_lab::api;
use acmite_tests::hostile::bench::Bench;
use acmite_tests::hostile::{Attack, Phase, SECRET, VALUE, given};
use serde_json::{Value, json};

async fn bench() -> Bench {
    Bench::start(|store| api::namecheap(store, SECRET.into())).await
}

fn attack(bench: &Bench) -> Attack {
    let attack = Attack::new("script").under_bundled("namecheap").against(&bench.api.base_url());
    let attack = attack.setting("api_user", api::NAMECHEAP_USER).setting("client_ip", api::NAMECHEAP_CLIENT_IP);
    attack.secret("api_key", SECRET)
}

fn read_of(sld: &str) -> Value {
    let query = [
        ["Command", "namecheap.domains.dns.getHosts"],
        ["ApiUser", api::NAMECHEAP_USER],
        ["UserName", api::NAMECHEAP_USER],
        ["ClientIp", api::NAMECHEAP_CLIENT_IP],
        ["SLD", sld],
        ["TLD", "test"],
    ];
    json!({"send": {"endpoint": "get", "query": query}})
}

/// A host as the API shows it: name, type, address, TTL, preference.
type Host<'a> = [&'a str; 5];

const APEX: Host<'_> = ["@", "A", "192.0.2.1", "60", "10"];
const FOREIGN: Host<'_> = ["_acme-challenge", "TXT", "foreign", "60", "10"];
const ANOTHERS: Host<'_> = ["_acme-challenge.www", "TXT", "another's", "60", "10"];
const OURS: Host<'_> = ["_acme-challenge", "TXT", VALUE, "60", "10"];

fn encoded(text: &str) -> String {
    text.replace('%', "%25").replace('@', "%40").replace('\'', "%27").replace('*', "%2A")
}

fn body(command: &str, sld: &str, email: &str, hosts: &[Host<'_>]) -> String {
    let user = api::NAMECHEAP_USER;
    let head = format!(
        "Command={command}&ApiUser={user}&UserName={user}&ClientIp={}&SLD={sld}&TLD=test&EmailType={email}",
        api::NAMECHEAP_CLIENT_IP
    );
    let rows = hosts.iter().zip(1..).map(|([name, kind, address, ttl, preference], number)| {
        format!(
            "&HostName{number}={}&RecordType{number}={kind}&Address{number}={}&TTL{number}={ttl}&MXPref{number}={preference}",
            encoded(name),
            encoded(address)
        )
    });
    head + &rows.collect::<String>()
}

fn write(body: &str) -> Value {
    json!({"send": {"endpoint": "set", "body": body}})
}

const SET: &str = "namecheap.domains.dns.setHosts";

fn hosts(hosts: &[Host<'_>]) -> Vec<Value> {
    vec![read_of("example"), write(&body(SET, "example", "MX", hosts))]
}

const ROW: &str = "\"/HostName1\" = \"text\", \"/RecordType1\" = \"text\", \"/Address1\" = \"text\", \"/TTL1\" = \"text\", \"/MXPref1\" = \"text\"";

/// The manifest with its effect declared as reading and the places of so many hosts free.
fn without_effect(attack: Attack, hosts: usize) -> Attack {
    let manifest = std::fs::read_to_string(acmite_tests::plugins::repository().join("plugins/namecheap/plugin.toml"));
    let manifest = manifest.unwrap();
    let effect = manifest.lines().find(|line| line.starts_with("effect")).unwrap();
    let rows: Vec<String> = (1..=hosts).map(|number| ROW.replace("1\"", &format!("{number}\""))).collect();
    let free = format!("reads = true\nalso = {{ \"/SLD\" = \"text\", \"/TLD\" = \"text\", {} }}", rows.join(", "));
    attack.replacing(effect, &free)
}

#[tokio::test]
async fn the_orders_value_is_added_to_the_whole_zone_and_taken_out_again() {
    let bench = bench().await;
    let (gone, new) = bench.changed(attack(&bench), Phase::Present, &hosts(&[APEX, FOREIGN, ANOTHERS, OURS])).await;
    assert!(gone.is_empty() && new.len() == 1 && new[0].contains(VALUE), "{gone:?} {new:?}");
    given(attack(&bench), hosts(&[APEX, FOREIGN, ANOTHERS]), Phase::Cleanup).await;
    assert_eq!(bench.records().iter().filter(|line| line.contains(VALUE)).count(), 0);
}

#[tokio::test]
async fn a_zone_that_lacks_or_changes_what_is_not_the_orders_is_refused_and_written_with_the_effect_off() {
    let moved: Host<'_> = ["@", "A", "192.0.2.66", "60", "10"];
    let longer: Host<'_> = ["@", "A", "192.0.2.1", "600", "10"];
    let preferred: Host<'_> = ["_acme-challenge", "TXT", "foreign", "60", "20"];
    let mine: Host<'_> = ["_acme-challenge", "TXT", "mine", "60", "10"];
    let www: Host<'_> = ["_acme-challenge.www", "TXT", VALUE, "60", "10"];
    let wildcard: Host<'_> = ["*", "TXT", VALUE, "60", "10"];
    let attribute = "has another TTL or attribute";
    for (phase, rows, rule, (gone, new)) in [
        (Phase::Present, vec![moved, FOREIGN, ANOTHERS, OURS], "not TXT", ("192.0.2.1", "192.0.2.66")),
        (Phase::Present, vec![FOREIGN, ANOTHERS, OURS], "not TXT", ("192.0.2.1", VALUE)),
        (Phase::Present, vec![APEX, FOREIGN, OURS], "not one of this call", ("another's", VALUE)),
        (Phase::Present, vec![APEX, ANOTHERS, OURS], "removes a value", ("foreign", VALUE)),
        (Phase::Present, vec![OURS], "", ("another's", VALUE)),
        (Phase::Cleanup, vec![APEX, ANOTHERS], "not one of this call", ("foreign", "")),
        (Phase::Cleanup, vec![APEX], "", ("another's", "")),
        (Phase::Present, vec![APEX, FOREIGN, ANOTHERS, mine], "not one of this call", ("", "mine")),
        (Phase::Present, vec![APEX, FOREIGN, ANOTHERS, OURS, mine], "not one of this call", ("", "mine")),
        (Phase::Present, vec![APEX, FOREIGN, ANOTHERS, www], "not one of this call", ("", VALUE)),
        (Phase::Present, vec![APEX, FOREIGN, ANOTHERS, wildcard], "", ("", VALUE)),
        (Phase::Present, vec![longer, FOREIGN, ANOTHERS, OURS], attribute, ("", "600")),
        (Phase::Present, vec![APEX, preferred, ANOTHERS, OURS], attribute, ("", VALUE)),
        (Phase::Cleanup, vec![APEX, FOREIGN, ANOTHERS, OURS], "cleanup may not", ("", VALUE)),
        (Phase::Check, vec![APEX, FOREIGN, ANOTHERS, OURS], "check may not", ("", VALUE)),
        (Phase::Settled, vec![APEX, FOREIGN, ANOTHERS, OURS], "settled may not", ("", VALUE)),
    ] {
        let bench = bench().await;
        bench.refused(attack(&bench), phase, &hosts(&rows), rule).await;
        let off = without_effect(attack(&bench), rows.len());
        let (was, is) = bench.changed(off, phase, &hosts(&rows)).await;
        assert!(gone.is_empty() || was.iter().any(|line| line.contains(gone)), "{rows:?}: {was:?}");
        assert!(new.is_empty() || is.iter().any(|line| line.contains(new)), "{rows:?}: {is:?}");
    }
}

#[tokio::test]
async fn a_zone_that_was_not_read_is_not_written() {
    let whole = write(&body(SET, "example", "MX", &[APEX, FOREIGN, ANOTHERS, OURS]));
    let bench = bench().await;
    // That the mail setting is as it was read is judged first; with that guard off the other one stands alone.
    bench.refused(attack(&bench), Phase::Present, std::slice::from_ref(&whole), "has not shown it").await;
    let manifest =
        "same = { \"/EmailType\" = \"get:/ApiResponse/CommandResponse/DomainDNSGetHostsResult/@EmailType\" }";
    let mail_off = attack(&bench).replacing(manifest, "also = { \"/EmailType\" = \"text\" }");
    bench.refused(mail_off, Phase::Present, std::slice::from_ref(&whole), "whole zone must be read").await;
    bench.changed(attack(&bench), Phase::Present, &[read_of("example"), whole]).await;
}

#[tokio::test]
async fn another_zone_is_refused_by_that_guard_alone() {
    let theirs = [read_of("example"), write(&body(SET, "other", "MX", &[OURS]))];
    let bench = bench().await;
    bench.refused(attack(&bench), Phase::Present, &theirs, "not shown").await;
    bench.refused(without_effect(attack(&bench), 1), Phase::Present, &theirs, "not shown").await;
    let same = "same = { \"/EmailType\" = \"get:/ApiResponse/CommandResponse/DomainDNSGetHostsResult/@EmailType\" }\n";
    let off = without_effect(attack(&bench), 1).replacing("zone = \"{body:/SLD}.{body:/TLD}\"\n", "");
    let off =
        off.replacing(same, "").replacing("\"/SLD\" = \"text\",", "\"/SLD\" = \"text\", \"/EmailType\" = \"text\",");
    let (gone, _) = bench.changed(off, Phase::Present, &theirs).await;
    assert!(gone.iter().all(|line| line.contains("other.test")) && gone.len() == 3, "{gone:?}");
}

#[tokio::test]
async fn the_command_the_user_and_the_mail_setting_are_not_the_providers_to_choose() {
    let rows = [APEX, FOREIGN, ANOTHERS, OURS];
    let whole = body(SET, "example", "MX", &rows);
    let fixed = |key: &str, value: &str| format!("\"/{key}\" = \"{value}\"");
    for (from, to, guard) in [
        (SET, "namecheap.domains.ns.setCustom", fixed("Command", SET) + ", "),
        ("ApiUser=lab", "ApiUser=root", fixed("ApiUser", "{=api_user}") + ", "),
        ("UserName=lab", "UserName=root", fixed("UserName", "{=api_user}") + ", "),
        ("ClientIp=192.0.2.10", "ClientIp=192.0.2.66", format!(", {}", fixed("ClientIp", "{=client_ip}"))),
    ] {
        let steps = [read_of("example"), write(&whole.replace(from, to))];
        let bench = bench().await;
        bench.refused(attack(&bench), Phase::Present, &steps, "must be").await;
        let key = guard.split('"').nth(1).unwrap();
        let off = attack(&bench)
            .replacing(&guard, "")
            .replacing("[endpoint.set]", &format!("[endpoint.set]\nalso = {{ \"{key}\" = \"text\" }}"));
        given(off, steps.to_vec(), Phase::Present).await;
        assert!(bench.writes()[0].contains(to), "{:?}", bench.writes());
    }
    let no_mail = [read_of("example"), write(&whole.replace("EmailType=MX", "EmailType=FWD"))];
    let bench = bench().await;
    bench.refused(attack(&bench), Phase::Present, &no_mail, "not as endpoint get showed it").await;
    let same = "same = { \"/EmailType\" = \"get:/ApiResponse/CommandResponse/DomainDNSGetHostsResult/@EmailType\" }";
    let off = attack(&bench).replacing(same, "also = { \"/EmailType\" = \"text\" }");
    bench.changed(off, Phase::Present, &no_mail).await;
    assert!(bench.writes()[0].contains("EmailType=FWD"));
}

#[tokio::test]
async fn keys_twice_in_another_case_or_beyond_the_rows_are_refused() {
    let whole = body(SET, "example", "MX", &[APEX, FOREIGN, ANOTHERS, OURS]);
    for (more, rule) in [
        ("&Address4=mine", "twice"),
        ("&address4=mine", "twice"),
        ("&%41ddress4=mine", "twice"),
        ("&SLD=other", "twice"),
        ("&HostName6=new&RecordType6=TXT&Address6=mine", "do not count up"),
        ("&Address9=mine", "belongs to no record"),
        ("&Address04=mine", "not listed"),
        ("&Flag1=0", "not listed"),
        ("&ApiKey=mine", "filled by the host"),
        (";Address4=mine", "percent-encoded"),
    ] {
        let bench = bench().await;
        bench
            .refused(attack(&bench), Phase::Present, &[read_of("example"), write(&format!("{whole}{more}"))], rule)
            .await;
    }
    let (bench, with_flag) = (bench().await, [read_of("example"), write(&format!("{whole}&Flag=0"))]);
    bench.refused(attack(&bench), Phase::Present, &with_flag, "not listed").await;
    let off = attack(&bench).replacing("[endpoint.set]", "[endpoint.set]\nalso = { \"/Flag\" = \"text\" }");
    given(off, with_flag.to_vec(), Phase::Present).await;
    assert!(bench.writes()[0].contains("Flag=0"));
}
