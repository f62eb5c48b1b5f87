//! `acmite plugin test` holds providers to what acmite relies on, and tells those that keep it from those that do not.

use acmite_lab::Lab;
use acmite_lab::api::{self, MockApi, Reply, Request};
use acmite_lab::dns::{Entry, Store};
use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::bind::bind;
use acmite_tests::knot::bind_with_laggard;
use acmite_tests::powerdns::powerdns;
use acmite_tests::scene::Scene;
use serde_json::Value;

const ZONE: &str = "example.test";
const TOKEN: &str = "token-of-the-test";
const ALL: [&str; 9] =
    ["credential", "unknown-zone", "values", "again", "others", "without-state", "gone", "many-names", "long-value"];

/// The rules in their order, and what is wrong with those that were broken.
fn verdicts(done: &Finished) -> (Vec<String>, Vec<(String, String)>) {
    let events = done.events();
    let rules: Vec<&Value> = events.iter().filter(|event| event["event"] == "rule").collect();
    let name = |rule: &Value| rule["rule"].as_str().expect("a name").to_owned();
    let broken = rules.iter().filter(|rule| rule["kept"] == false);
    let broken = broken.map(|rule| (name(rule), rule["error"].as_str().expect("a reason").to_owned())).collect();
    (rules.iter().map(|rule| name(rule)).collect(), broken)
}

fn requests(done: &Finished, rule: &str) -> u64 {
    let event = done.events().into_iter().find(|event| event["rule"] == rule).expect("the rule");
    event["requests"].as_u64().expect("a number")
}

#[test]
fn bundled_providers_keep_all_rules_at_real_servers_in_few_requests_and_leave_nothing() {
    if let Some(server) = bind("hmac-sha256") {
        let scene = Scene::rfc2136(&server);
        let before = server.all_txt(ZONE);
        let done = scene.test(ZONE).args(["--json", "--names", "50"]).run().expect_code(0);
        assert_eq!(verdicts(&done), (ALL.map(str::to_owned).to_vec(), Vec::new()), "{done}");
        assert_eq!(requests(&done, "many-names"), 2, "one update to publish 50 names and one to remove them");
        assert_eq!((server.all_txt(ZONE), scene.journal().len()), (before, 0));
    }
    if let Some(peer) = powerdns() {
        peer.add_zone(ZONE, 1, &[]);
        let scene = Scene::powerdns(&peer, &peer.api_url);
        let before = peer.server.all_txt(ZONE);
        let done = scene.test(ZONE).args(["--json"]).run().expect_code(0);
        assert_eq!(verdicts(&done), (ALL.map(str::to_owned).to_vec(), Vec::new()), "{done}");
        assert_eq!((peer.server.all_txt(ZONE), scene.journal().len()), (before, 0));
    }
}

#[test]
fn a_name_server_that_does_not_show_what_was_published_breaks_the_rule_and_nothing_is_left() {
    let Some((server, _laggard)) = bind_with_laggard() else { return };
    let scene = Scene::rfc2136(&server);
    let before = server.all_txt(ZONE);
    let done = scene.test(ZONE).args(["--json", "--propagation-timeout", "1s"]).run().expect_code(6);
    let (_, broken) = verdicts(&done);
    let names: Vec<&str> = broken.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["values", "many-names", "long-value"], "{done}");
    assert!(broken.iter().all(|(_, why)| why.contains("127.0.0.2")), "{broken:?}");
    assert_eq!((server.all_txt(ZONE), scene.journal().len()), (before, 0));
}

/// DigitalOcean's API with a flaw, before name servers that show what it holds.
async fn flawed(flaw: fn(&Store, &Request) -> Option<Reply>, patience: &'static str) -> Finished {
    let lab = Lab::builder().zone(ZONE).nameservers(2).start().await.expect("name servers");
    let store = lab.dns.store().clone();
    let rules = api::digitalocean(store.clone(), TOKEN.to_owned());
    let mock = MockApi::start(move |request| flaw(&store, request).unwrap_or_else(|| rules(request)));
    let mock = mock.await.expect("a mock");
    let folder = tempfile::tempdir().expect("a folder");
    let run = Acmite::new("plugin test digitalocean --json --zone example.test", &folder.path().join("state"))
        .args(["--dns-resolver", &lab.dns.resolver_addr().to_string(), "--propagation-timeout", patience])
        .env("ACMITE_LAB_ORIGINS", &format!("digitalocean.api={}", mock.base_url()))
        .env("DO_AUTH_TOKEN", TOKEN);
    tokio::task::spawn_blocking(|| run.run()).await.expect("a run")
}

fn no_flaw(_: &Store, _: &Request) -> Option<Reply> {
    None
}

/// Says that it removed a record, and did not.
fn forgetful(_: &Store, request: &Request) -> Option<Reply> {
    (request.method == "DELETE").then(|| Reply { status: 204, body: Value::Null })
}

/// Makes room for a new value by removing all others at the name.
fn sweeping(store: &Store, request: &Request) -> Option<Reply> {
    if let Some(name) = request.json().and_then(|body| Some(format!("{}.{ZONE}.", body["name"].as_str()?))) {
        let is_there = |entry: &Entry| entry.record.name.to_ascii() == name;
        store.remove(ZONE, is_there).expect("the zone");
    }
    None
}

/// Has a fault where it ought to know that there is no such zone.
fn confused(_: &Store, request: &Request) -> Option<Reply> {
    let body = serde_json::json!({"id": "server_error", "message": "Unexpected server-side error"});
    request.path.contains("acmite-trial.invalid").then_some(Reply { status: 500, body })
}

#[tokio::test(flavor = "multi_thread")]
async fn flaws_of_an_api_are_told_by_the_rule_that_they_break() {
    let sound = flawed(no_flaw, "60s").await.expect_code(0);
    assert_eq!(verdicts(&sound), (ALL.map(str::to_owned).to_vec(), Vec::new()), "{sound}");
    for (flaw, first, why) in [
        (forgetful as fn(&Store, &Request) -> Option<Reply>, "others", "still shows other values"),
        (sweeping, "values", "not every value was seen"),
        (confused, "unknown-zone", "must tell that the zone is not found"),
    ] {
        let done = flawed(flaw, "3s").await;
        let (_, broken) = verdicts(&done);
        let (name, told) = broken.first().unwrap_or_else(|| panic!("{first} was kept: {done}"));
        assert!(name == first && told.contains(why), "{done}");
        assert_ne!(done.code, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_names_are_handed_out_one_of_them_is_tried_with_the_one_value_it_has_room_for() {
    let lab = Lab::builder().zone("duckdns.org").start().await.expect("name servers");
    let store = lab.dns.store().clone();
    let before = store.records("duckdns.org").expect("the zone").len();
    let mock = MockApi::start(api::duckdns(store.clone(), TOKEN.to_owned(), &["me"])).await.expect("a mock");
    let scene = Scene::duckdns(lab.dns.resolver_addr(), TOKEN);
    let run = scene.test("me.duckdns.org").args(["--json"]);
    let run = run.env("ACMITE_LAB_ORIGINS", &format!("duckdns.api={}", mock.base_url()));
    let done = tokio::task::spawn_blocking(|| run.run()).await.expect("a run").expect_code(0);
    let rules = ["credential", "values", "again", "without-state", "gone"].map(str::to_owned).to_vec();
    assert_eq!(verdicts(&done), (rules, Vec::new()), "{done}");
    assert_eq!(store.records("duckdns.org").expect("the zone").len(), before);
}

#[test]
fn a_trial_that_is_stopped_removes_what_it_published() {
    let Some((server, _laggard)) = bind_with_laggard() else { return };
    let scene = Scene::rfc2136(&server);
    let before = server.all_txt(ZONE);
    let mut run = scene.test(ZONE).args(["--json"]).start();
    run.await_event("published");
    assert_ne!(server.all_txt(ZONE), before);
    run.signal("INT");
    run.finish().expect_code(130);
    assert_eq!((server.all_txt(ZONE), scene.journal().len()), (before, 0));
}

#[test]
fn a_zone_that_dns_does_not_show_is_told_before_anything_is_published() {
    let Some(server) = bind("hmac-sha256") else { return };
    let scene = Scene::rfc2136(&server);
    let done = scene.test("deeper.example.test").run().expect_code(8);
    assert!(
        done.stderr.contains("are not in a zone deeper.example.test, as DNS shows it, but in: example.test"),
        "{done}"
    );
}
