//! Route 53's sets in XML and Namecheap's whole zones, with a key that may do everything: each attack is refused before
//! it is sent, and the same attack succeeds once the one guard that stops it is off.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use acmite_lab::api::{self, MockApi, Reply, Request};
use acmite_lab::dns::Store;
use acmite_tests::hostile::{Attack, NAME, Phase, SECRET, VALUE, given};
use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

const OTHER: &str = "_acme-challenge.www.example.test";

/// An API over two zones with an address at the apex, a foreign value at the order's name and one at another.
struct Bench {
    store: Store,
    api: MockApi,
}

async fn bench<R>(rules: impl FnOnce(Store) -> R) -> Bench
where
    R: Fn(&Request) -> Reply + Send + Sync + 'static,
{
    let store = Store::default();
    for zone in ["example.test", "other.test"] {
        store.add_zone(zone).unwrap();
        store.add(zone, zone, RecordType::A, 60, "192.0.2.1").unwrap();
        store.add(zone, &format!("_acme-challenge.{zone}"), RecordType::TXT, 60, "foreign").unwrap();
        store.add(zone, &format!("_acme-challenge.www.{zone}"), RecordType::TXT, 60, "another's").unwrap();
    }
    let api = MockApi::start(rules(store.clone())).await.unwrap();
    Bench { store, api }
}

impl Bench {
    fn records(&self) -> Vec<String> {
        let zones = ["example.test", "other.test"].into_iter();
        let entries = zones.flat_map(|zone| self.store.records(zone).unwrap());
        let entries = entries.filter(|entry| entry.record.record_type() != RecordType::SOA);
        let mut lines: Vec<String> = entries.map(|entry| entry.record.to_string()).collect();
        lines.sort();
        lines
    }

    /// Bodies of the requests that are no reads, as the API received them.
    fn writes(&self) -> Vec<String> {
        let requests = self.api.requests().into_iter().filter(|request| request.method != "GET");
        requests.map(|request| request.body).collect()
    }
}

/// The attack is refused by this rule before it is sent, and nothing has changed.
async fn refused(bench: &Bench, attack: Attack, phase: Phase, steps: &[Value], rule: &str) {
    let before = bench.records();
    let given = given(attack, steps.to_vec(), phase).await;
    let refused = Attack::rule(&given);
    assert!(refused.contains(rule), "{phase:?} {steps:?}: {refused}");
    assert_eq!((bench.writes(), bench.records()), (Vec::new(), before), "{steps:?}");
}

/// What became of the records; the API has received the last step's body.
async fn changed(bench: &Bench, attack: Attack, phase: Phase, steps: &[Value]) -> (Vec<String>, Vec<String>) {
    let before = bench.records();
    let given = given(attack, steps.to_vec(), phase).await;
    assert_eq!(given.last().unwrap()["status"], 200, "{given:?}");
    assert_eq!(bench.writes().len(), 1, "{given:?}");
    let after = bench.records();
    let gone = before.iter().filter(|line| !after.contains(line)).cloned().collect();
    (gone, after.into_iter().filter(|line| !before.contains(line)).collect())
}

mod route53 {
    use super::*;

    const ZONE: &str = "Z0000000000001";
    const OTHER_ZONE: &str = "Z0000000000002";

    async fn bench() -> Bench {
        super::bench(|store| api::route53(store, SECRET.into())).await
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
        let (gone, new) = changed(&bench, attack(&bench), Phase::Present, &after_reads(write_in(ZONE, &both))).await;
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
            (
                Phase::Present,
                change("CREATE", "TXT", "new.example.test.", &[VALUE]),
                "not one of this call",
                ("", VALUE),
            ),
            (Phase::Present, change("CREATE", "TXT", "*.example.test.", &[VALUE]), "not", ("", VALUE)),
            (Phase::Present, change("UPSERT", "TXT", &ours, &[VALUE]), "removes a value", ("foreign", VALUE)),
            (
                Phase::Present,
                change("UPSERT", "TXT", &ours, &["foreign", "mine"]),
                "not one of this call",
                ("", "mine"),
            ),
            (
                Phase::Present,
                change("UPSERT", "TXT", &ours, &["foreign", VALUE, "mine"]),
                "not one of this call",
                ("", "mine"),
            ),
            (Phase::Cleanup, good.clone(), "cleanup may not", ("", VALUE)),
            (Phase::Check, good.clone(), "check may not", ("", VALUE)),
            (Phase::Settled, good.clone(), "settled may not", ("", VALUE)),
            (
                Phase::Present,
                change_with("", "UPSERT", "TXT", &ours, 99_999_999, &["foreign", VALUE]),
                "TTL",
                ("", VALUE),
            ),
            (
                Phase::Present,
                change_with("<Name>example.test.</Name>", "UPSERT", "TXT", &ours, 60, &["foreign", VALUE]),
                "twice",
                ("", ""),
            ),
        ] {
            let steps = after_reads(write_in(ZONE, &changes));
            let bench = bench().await;
            refused(&bench, attack(&bench), phase, &steps, rule).await;
            let off = without_effect(attack(&bench));
            if rule == "twice" {
                // One element twice is refused of itself: which of them an API takes is not known.
                refused(&bench, off, phase, &steps, rule).await;
                continue;
            }
            let (was, is) = changed(&bench, off, phase, &after_reads(write_in(ZONE, &alone(&changes)))).await;
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
        refused(&bench, attack(&bench), Phase::Present, &[zones(), both.clone()], "must be read").await;
        refused(&bench, attack(&bench), Phase::Present, &[zones(), short.clone()], "must be read").await;
        refused(&bench, attack(&bench), Phase::Present, &[zones(), set(NAME), short.clone()], "must be read").await;
        refused(&bench, attack(&bench), Phase::Present, &[zones(), set(&dotted(OTHER)), short.clone()], "must be read")
            .await;
        // With the read, and nothing else, the first of them passes.
        changed(&bench, attack(&bench), Phase::Present, &after_reads(both)).await;
        let bench = fresh().await;
        let (gone, _) = changed(&bench, without_effect(attack(&bench)), Phase::Present, &[zones(), short]).await;
        assert!(gone[0].contains("foreign"), "{gone:?}");
    }

    #[tokio::test]
    async fn another_zones_id_is_refused_by_that_guard_alone() {
        let theirs = change("UPSERT", "TXT", "_acme-challenge.other.test.", &[VALUE]);
        let steps = [zones(), write_in(OTHER_ZONE, &theirs)];
        let bench = bench().await;
        refused(&bench, attack(&bench), Phase::Present, &steps, "not shown").await;
        refused(&bench, without_effect(attack(&bench)), Phase::Present, &steps, "not shown").await;
        let off = without_zone(without_effect(attack(&bench)));
        let (gone, new) = changed(&bench, off, Phase::Present, &steps).await;
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
            refused(&bench, attack(&bench), Phase::Present, &steps, "not listed").await;
            let also = format!("also = {{ \"{place}/{leaf}\" = \"text\" }}\n\n[endpoint.change.fixed]");
            let off = attack(&bench).replacing("\n[endpoint.change.fixed]", &also);
            given(off, steps, Phase::Present).await;
            assert!(bench.writes().iter().any(|body| body.contains(more)), "{more}: {:?}", bench.writes());
        }
        let mut with_header = write_in(ZONE, &ours(""));
        with_header["send-aws"][2]["headers"] = json!([["X-HTTP-Method-Override", "DELETE"]]);
        let bench = bench().await;
        refused(&bench, attack(&bench), Phase::Present, &after_reads(with_header.clone()), "not listed").await;
        // No manifest can list it.
        let listed = "headers = [\"x-amz-date\", \"x-http-method-override\"]";
        let error = attack(&bench).replacing("headers = [\"x-amz-date\"]", listed).provider().unwrap_err();
        assert!(error.contains("changes what a request does"), "{error}");
    }
}

mod namecheap {
    use super::*;

    async fn bench() -> Bench {
        super::bench(|store| api::namecheap(store, SECRET.into())).await
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
        let manifest =
            std::fs::read_to_string(acmite_tests::plugins::repository().join("plugins/namecheap/plugin.toml"));
        let manifest = manifest.unwrap();
        let effect = manifest.lines().find(|line| line.starts_with("effect")).unwrap();
        let rows: Vec<String> = (1..=hosts).map(|number| ROW.replace("1\"", &format!("{number}\""))).collect();
        let free = format!("reads = true\nalso = {{ \"/SLD\" = \"text\", \"/TLD\" = \"text\", {} }}", rows.join(", "));
        attack.replacing(effect, &free)
    }

    #[tokio::test]
    async fn the_orders_value_is_added_to_the_whole_zone_and_taken_out_again() {
        let bench = bench().await;
        let (gone, new) =
            changed(&bench, attack(&bench), Phase::Present, &hosts(&[APEX, FOREIGN, ANOTHERS, OURS])).await;
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
            refused(&bench, attack(&bench), phase, &hosts(&rows), rule).await;
            let off = without_effect(attack(&bench), rows.len());
            let (was, is) = changed(&bench, off, phase, &hosts(&rows)).await;
            assert!(gone.is_empty() || was.iter().any(|line| line.contains(gone)), "{rows:?}: {was:?}");
            assert!(new.is_empty() || is.iter().any(|line| line.contains(new)), "{rows:?}: {is:?}");
        }
    }

    #[tokio::test]
    async fn a_zone_that_was_not_read_is_not_written() {
        let whole = write(&body(SET, "example", "MX", &[APEX, FOREIGN, ANOTHERS, OURS]));
        let bench = bench().await;
        // That the mail setting is as it was read is judged first; with that guard off the other one stands alone.
        refused(&bench, attack(&bench), Phase::Present, std::slice::from_ref(&whole), "has not shown it").await;
        let manifest =
            "same = { \"/EmailType\" = \"get:/ApiResponse/CommandResponse/DomainDNSGetHostsResult/@EmailType\" }";
        let mail_off = attack(&bench).replacing(manifest, "also = { \"/EmailType\" = \"text\" }");
        refused(&bench, mail_off, Phase::Present, std::slice::from_ref(&whole), "whole zone must be read").await;
        changed(&bench, attack(&bench), Phase::Present, &[read_of("example"), whole]).await;
    }

    #[tokio::test]
    async fn another_zone_is_refused_by_that_guard_alone() {
        let theirs = [read_of("example"), write(&body(SET, "other", "MX", &[OURS]))];
        let bench = bench().await;
        refused(&bench, attack(&bench), Phase::Present, &theirs, "not shown").await;
        refused(&bench, without_effect(attack(&bench), 1), Phase::Present, &theirs, "not shown").await;
        let same =
            "same = { \"/EmailType\" = \"get:/ApiResponse/CommandResponse/DomainDNSGetHostsResult/@EmailType\" }\n";
        let off = without_effect(attack(&bench), 1).replacing("zone = \"{body:/SLD}.{body:/TLD}\"\n", "");
        let off = off
            .replacing(same, "")
            .replacing("\"/SLD\" = \"text\",", "\"/SLD\" = \"text\", \"/EmailType\" = \"text\",");
        let (gone, _) = changed(&bench, off, Phase::Present, &theirs).await;
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
            refused(&bench, attack(&bench), Phase::Present, &steps, "must be").await;
            let key = guard.split('"').nth(1).unwrap();
            let off = attack(&bench)
                .replacing(&guard, "")
                .replacing("[endpoint.set]", &format!("[endpoint.set]\nalso = {{ \"{key}\" = \"text\" }}"));
            given(off, steps.to_vec(), Phase::Present).await;
            assert!(bench.writes()[0].contains(to), "{:?}", bench.writes());
        }
        let no_mail = [read_of("example"), write(&whole.replace("EmailType=MX", "EmailType=FWD"))];
        let bench = bench().await;
        refused(&bench, attack(&bench), Phase::Present, &no_mail, "not as endpoint get showed it").await;
        let same =
            "same = { \"/EmailType\" = \"get:/ApiResponse/CommandResponse/DomainDNSGetHostsResult/@EmailType\" }";
        let off = attack(&bench).replacing(same, "also = { \"/EmailType\" = \"text\" }");
        changed(&bench, off, Phase::Present, &no_mail).await;
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
            refused(
                &bench,
                attack(&bench),
                Phase::Present,
                &[read_of("example"), write(&format!("{whole}{more}"))],
                rule,
            )
            .await;
        }
        let (bench, with_flag) = (bench().await, [read_of("example"), write(&format!("{whole}&Flag=0"))]);
        refused(&bench, attack(&bench), Phase::Present, &with_flag, "not listed").await;
        let off = attack(&bench).replacing("[endpoint.set]", "[endpoint.set]\nalso = { \"/Flag\" = \"text\" }");
        given(off, with_flag.to_vec(), Phase::Present).await;
        assert!(bench.writes()[0].contains("Flag=0"));
    }
}
