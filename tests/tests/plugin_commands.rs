//! What `acmite plugin check`, `info` and `list` tell.

use acmite_lab::Lab;
use acmite_lab::api::{CloudflareToken, MockApi, Reply, Request, cloudflare};
use acmite_lab::dns::Store;
use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::plugins::repository;
use serde_json::{Value, json};

const TOKEN: &str = "token-of-the-test";

/// Cloudflare with the zone example.test, where one who may read zones may not read forbidden.test's records.
async fn api() -> MockApi {
    let store = Store::default();
    for zone in ["example.test", "forbidden.test"] {
        store.add_zone(zone).expect("a zone");
    }
    let rules = cloudflare(store, CloudflareToken { value: TOKEN.to_owned(), zones: None });
    let forbidden = std::sync::Mutex::new(String::new());
    let refusing = move |request: &Request| -> Reply {
        let reply = rules(request);
        let mut id = forbidden.lock().expect("a lock");
        if request.query.get("name").is_some_and(|name| name == "forbidden.test") {
            reply.body["result"][0]["id"].as_str().unwrap_or_default().clone_into(&mut id);
        }
        match !id.is_empty() && request.path.contains(&format!("{id}/dns_records")) {
            true => Reply {
                status: 403,
                body: json!({"success": false, "errors": [{"code": 10000, "message": "Authentication error"}]}),
            },
            false => reply,
        }
    };
    MockApi::start(refusing).await.expect("a mock")
}

async fn check(token: &str, arguments: &'static str) -> Finished {
    let api = api().await;
    let origins = format!("cloudflare.api={}", api.base_url());
    let state = tempfile::tempdir().expect("a folder");
    let run = Acmite::new("plugin check cloudflare", state.path()).args(arguments.split(' '));
    let run = run.env("ACMITE_LAB_ORIGINS", &origins).env("CLOUDFLARE_DNS_API_TOKEN", token);
    tokio::task::spawn_blocking(|| run.run()).await.expect("a run")
}

fn checked(done: &Finished) -> Vec<Value> {
    done.events().into_iter().filter(|event| event["event"] == "checked").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_tells_a_wrong_key_from_a_missing_right_and_from_a_missing_zone() {
    for (token, zone, code, kind, remedy) in [
        ("token-of-another", "--json --zone example.test", 4, "denied", "copy the whole API token again"),
        (TOKEN, "--json --zone forbidden.test", 4, "forbidden", "DNS:Edit"),
        (TOKEN, "--json --zone absent.test", 8, "zone-not-found", "Zone:Read"),
    ] {
        let done = check(token, zone).await.expect_code(code);
        let [told] = &checked(&done)[..] else { panic!("{done}") };
        assert_eq!((&told["works"], &told["kind"], &told["exit_code"]), (&json!(false), &json!(kind), &json!(code)));
        assert!(told["remedy"].as_str().is_some_and(|text| text.contains(remedy)), "{told}");
        assert!(!done.to_string().contains(token), "{done}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_that_fails_does_not_keep_the_next_from_being_checked() {
    let done = check(TOKEN, "--json --zone absent.test --zone example.test").await.expect_code(8);
    let works: Vec<(Value, Value)> =
        checked(&done).into_iter().map(|event| (event["zone"].clone(), event["works"].clone())).collect();
    assert_eq!(works, [(json!("absent.test"), json!(false)), (json!("example.test"), json!(true))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_wrong_key_let_nothing_be_published_nothing_is_said_to_be_left() {
    let lab = Lab::builder().zone("example.test").start().await.expect("a lab");
    let folder = tempfile::tempdir().expect("a folder");
    let facts = lab.description();
    let root = folder.path().join("root.pem");
    std::fs::write(&root, &facts.tls_root_pem).expect("written");
    let run = Acmite::new("issue --agree-tos -d example.test --dns-plugin cloudflare", &folder.path().join("state"))
        .args(["--server", &facts.directory_url, "--dns-resolver", &facts.resolver.to_string()])
        .args(["--ca-bundle"])
        .args([root])
        .env("ACMITE_LAB_ORIGINS", &format!("cloudflare.api={}", facts.cloudflare_url))
        .env("CLOUDFLARE_DNS_API_TOKEN", "token-of-another-one-altogether");
    let done = tokio::task::spawn_blocking(|| run.run()).await.expect("a run").expect_code(4);
    assert!(done.stderr.contains("copy the whole API token again") && !done.stderr.contains("removed"), "{done}");
    assert_eq!(std::fs::read_dir(folder.path().join("state/journal")).expect("a journal").count(), 0);
    assert_eq!(lab.cloudflare.received(), 1, "one request tells that the key is wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_what_is_wrong_and_what_to_do_next() {
    for (token, zone, code, told) in [
        ("token-of-another", "--zone example.test", 4, "is not accepted"),
        (TOKEN, "--zone forbidden.test", 4, "is accepted and lacks a right"),
        (TOKEN, "--zone absent.test", 8, "the zone is not there or not shown to it"),
    ] {
        let done = check(token, zone).await.expect_code(code);
        assert!(done.stderr.contains(told) && done.stderr.contains("what to do: "), "{done}");
    }
}

#[test]
fn info_shows_the_providers_page() {
    let state = tempfile::tempdir().expect("a folder");
    let run = |arguments: &str| Acmite::new(&format!("plugin info {arguments}"), state.path()).run().expect_code(0);
    let page = std::fs::read_to_string(repository().join("docs/providers/route53.md")).expect("the page");
    let (_, page) = page.split_once("\n\n").expect("a comment at its head");
    assert_eq!(run("route53").stdout.trim_end(), page.trim_end());
    let done = run("route53 --json");
    let [info] = &done.events()[..] else { panic!("{done}") };
    assert_eq!(
        (&info["id"], &info["changes"], &info["rates"][0]["burst"]),
        (&json!("route53"), &json!("set"), &json!(40))
    );
    assert!(info["policy"].as_str().is_some_and(|text| text.contains("_acme-challenge.*")), "{info}");
}

fn list(arguments: &str) -> Finished {
    let state = tempfile::tempdir().expect("a folder");
    Acmite::new(&format!("plugin list {arguments}"), state.path()).run().expect_code(0)
}

fn ids(done: &Finished) -> Vec<String> {
    let events = done.events();
    let plugins = events[0]["plugins"].as_array().expect("a list").clone();
    plugins.iter().map(|plugin| plugin["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn list_groups_and_searches() {
    assert!(ids(&list("--json")).len() >= 15);
    assert_eq!(ids(&list("amazon --json")), ["route53"]);
    assert_eq!(ids(&list("AWS_ACCESS --json")), ["route53"]);
    assert_eq!(ids(&list("no-such-thing --json")), [""; 0]);
    let by_changes = list("--by changes").stdout;
    let titles: Vec<&str> = by_changes.lines().filter(|line| !line.is_empty() && !line.starts_with(' ')).collect();
    assert_eq!(titles, ["record", "set", "slot", "zone"]);
    let slots = by_changes.split("slot\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a group");
    assert!(slots.trim().starts_with("duckdns ") && slots.lines().count() == 1, "{slots}");
    assert!(list("").stdout.starts_with("bundled\n"), "{}", list("").stdout);
}
