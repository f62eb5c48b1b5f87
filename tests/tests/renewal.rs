//! What is due is renewed and nothing else, with its hooks; what fails costs nothing and is tried again.

use std::path::Path;

use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::bind::bind;
use acmite_tests::name_server::NameServer;
use acmite_tests::openssl;
use acmite_tests::pebble::{Options, Pebble, Version, pebble};
use acmite_tests::scene::Scene;
use serde_json::Value;

const FOREIGN: [&str; 1] = ["_acme-challenge.example.test. foreign"];
const PAST: (&str, &str) = ("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z");

fn peers() -> Option<(NameServer, Pebble)> {
    let server = bind("hmac-sha256")?;
    let ca = pebble(Version::Newest, server.address, &Options::default())?;
    Some((server, ca))
}

fn issue(scene: &Scene, ca: &Pebble, name: &str) -> Acmite {
    scene.issue(ca).names([name])
}

fn renew(scene: &Scene) -> Acmite {
    Acmite::new("renew --json", &scene.state())
}

fn results(done: &Finished) -> Vec<(String, String)> {
    let events = done.events();
    let report = events.iter().find(|event| event["event"] == "renew").expect("a report");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let certificates = report["certificates"].as_array().expect("a list");
    certificates.iter().map(|one| (text(&one["name"]), text(&one["result"]))).collect()
}

fn pair(name: &str, result: &str) -> (String, String) {
    (name.to_owned(), result.to_owned())
}

fn serial(live: &Path) -> String {
    openssl::run(&["x509", "-noout", "-serial", "-in", &live.join("cert.pem").display().to_string()])
}

fn suggest_past(ca: &Pebble, live: &Path) {
    ca.suggest(&std::fs::read_to_string(live.join("cert.pem")).expect("a certificate"), PAST.0, PAST.1);
}

fn count(log: &str, text: &str) -> usize {
    log.matches(text).count()
}

#[test]
fn what_the_ca_suggests_is_renewed_and_nothing_else() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    for name in ["a.example.test", "b.example.test"] {
        issue(&scene, &ca, name).run().expect_code(0);
    }
    let before = ["a.example.test", "b.example.test"].map(|name| serial(&scene.live(name)));
    suggest_past(&ca, &scene.live("a.example.test"));
    let done = renew(&scene).run().expect_code(0);
    assert_eq!(results(&done), [pair("a.example.test", "renewed")], "{done}");
    assert_ne!(serial(&scene.live("a.example.test")), before[0]);
    assert_eq!(serial(&scene.live("b.example.test")), before[1]);
    openssl::verify(&scene.live("a.example.test"), &ca.issuing_root());
    assert_eq!(server.all_txt("example.test"), FOREIGN);
}

#[test]
fn with_nothing_due_the_ca_is_not_asked_until_it_wishes_to_be() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    issue(&scene, &ca, "a.example.test").run().expect_code(0);
    assert_eq!(results(&renew(&scene).run().expect_code(0)), []);
    let asked = ca.log();
    assert!(asked.contains("renewalInfo"), "{asked}");
    assert_eq!(results(&renew(&scene).run().expect_code(0)), []);
    assert_eq!(ca.log(), asked);
}

#[test]
fn a_certificate_that_was_replaced_already_is_ordered_without_naming_it() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    issue(&scene, &ca, "a.example.test").run().expect_code(0);
    renew(&scene).args(["--force"]).run().expect_code(0);
    let orders = count(&ca.log(), "POST /order-plz -> calling");
    assert_eq!(orders, 2);
    let live = scene.live("a.example.test");
    std::fs::remove_file(&live).expect("removed");
    std::os::unix::fs::symlink("../archive/a.example.test/1", &live).expect("linked");
    renew(&scene).args(["--force"]).run().expect_code(0);
    assert_eq!(count(&ca.log(), "POST /order-plz -> calling") - orders, 2, "one that names it, one that does not");
}

#[test]
fn a_certificate_that_could_not_be_stored_is_fetched_again_and_not_ordered() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    let in_the_way = scene.live("a.example.test");
    std::fs::create_dir_all(&in_the_way).expect("made");
    issue(&scene, &ca, "a.example.test").run().expect_code(10);
    std::fs::remove_dir(&in_the_way).expect("removed");
    issue(&scene, &ca, "a.example.test").run().expect_code(0);
    openssl::verify(&scene.live("a.example.test"), &ca.issuing_root());
    assert_eq!(count(&ca.log(), "POST /order-plz -> calling"), 1);
    assert_eq!(count(&ca.log(), "Issued certificate serial"), 1);
}

#[test]
fn a_failed_deploy_hook_is_run_again_and_never_costs_the_certificate() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    let gate = scene.folder().join("gate");
    let hook = format!("test -e {}", gate.display());
    issue(&scene, &ca, "a.example.test").args(["--deploy-hook", &hook]).run().expect_code(12);
    openssl::verify(&scene.live("a.example.test"), &ca.issuing_root());
    let again = renew(&scene).run().expect_code(12);
    assert_eq!(results(&again), [pair("a.example.test", "deployed")]);
    std::fs::write(&gate, "").expect("written");
    renew(&scene).run().expect_code(0);
    assert_eq!(results(&renew(&scene).run().expect_code(0)), []);
    assert_eq!(count(&ca.log(), "Issued certificate serial"), 1);
}

#[test]
fn a_failure_is_kept_waited_for_and_holds_up_no_other() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    let own = scene.private_file("own.toml", &std::fs::read_to_string(scene.credentials()).expect("there"));
    issue(&scene, &ca, "a.example.test").args(["--cert-name", "a"]).run().expect_code(0);
    let remembered = scene.state().join("renewal/a.toml");
    let text = std::fs::read_to_string(&remembered).expect("there");
    // Another name: Pebble's 0 % of reused authorizations are 1 %, and one that is reused needs no credentials.
    let other = text.replace("credentials.toml", "own.toml").replace("names = [", "names = [\"c.example.test\", ");
    assert!(other.contains("own.toml") && other.contains("c.example.test"), "{other}");
    std::fs::write(&remembered, other).expect("written");
    issue(&scene, &ca, "b.example.test").args(["--cert-name", "b"]).run().expect_code(0);
    std::fs::remove_file(own).expect("removed");
    for name in ["a", "b"] {
        suggest_past(&ca, &scene.live(name));
    }
    let before = serial(&scene.live("a"));
    let done = renew(&scene).run().expect_code(3);
    assert_eq!(results(&done), [pair("a", "failed"), pair("b", "renewed")], "{done}");
    assert_eq!(serial(&scene.live("a")), before);
    let next = renew(&scene).run().expect_code(0);
    assert!(!results(&next).contains(&pair("a", "failed")), "{next}");
    let shown = Acmite::new("show a --json", &scene.state()).run().expect_code(0);
    let state = &shown.events()[0]["state"];
    assert_eq!((&state["failures"], &state["hold"]["by"]), (&Value::from(1), &Value::from("back-off")), "{shown}");
}

#[test]
fn a_trial_goes_all_the_way_and_changes_nothing() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    let mark = scene.folder().join("mark");
    let hook = format!("touch {}", mark.display());
    issue(&scene, &ca, "a.example.test").args(["--deploy-hook", &hook]).run().expect_code(0);
    std::fs::remove_file(&mark).expect("the hook ran");
    let kept = || ["live", "archive", "renewal"].map(|folder| snapshot(&scene.state().join(folder)));
    let before = kept();
    let done = renew(&scene).args(["--dry-run"]).run().expect_code(0);
    assert_eq!(results(&done), [pair("a.example.test", "tried")]);
    assert_eq!(count(&ca.log(), "Issued certificate serial"), 2);
    assert_eq!(kept(), before);
    assert!(!mark.exists(), "the hook ran");
    assert_eq!(server.all_txt("example.test"), FOREIGN);
}

/// Path and content of every file.
fn snapshot(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else {
            files.push((path.display().to_string(), std::fs::read(&path).expect("readable")));
        }
    }
    files.sort();
    files
}

#[test]
fn certificates_are_listed_revoked_by_account_or_key_and_deleted() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    let run = |command: &str| Acmite::new(command, &scene.state()).run();
    for name in ["a", "b"] {
        issue(&scene, &ca, &format!("{name}.example.test")).args(["--cert-name", name]).run().expect_code(0);
    }
    let listed = run("list --json").expect_code(0);
    let list: Value = serde_json::from_str(&listed.stdout).expect("one document");
    let names: Vec<&Value> = list["certificates"].as_array().expect("a list").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["a", "b"]);
    run("revoke a --reason superseded").expect_code(0);
    assert!(run("list").expect_code(0).stdout.lines().any(|line| line.starts_with("a ") && line.contains("revoked")));
    run("revoke a").expect_code(5);
    let shown = run("show a --json").expect_code(0);
    let show: Value = serde_json::from_str(&shown.stdout).expect("one document");
    assert_eq!((&show["event"], &show["revoked"]), (&"show".into(), &true.into()), "{shown}");
    let renewed = run("renew --json").expect_code(0);
    let names = |report: &Value| report["certificates"].as_array().expect("a list").clone();
    let last = renewed.events().pop().expect("a report");
    assert!(matches!(names(&last).as_slice(), [one] if one["name"] == "a" && one["result"] == "renewed"), "{renewed}");
    assert!(!run("show a").expect_code(0).stdout.contains("revoked"));
    assert!(names(&run("renew --json").expect_code(0).events().pop().expect("a report")).is_empty());
    run("revoke b --reason key-compromise --with-certificate-key").expect_code(0);
    run("delete a").expect_code(0);
    assert!(!scene.state().join("archive/a").exists() && !scene.state().join("renewal/a.toml").exists());
    run("show a").expect_code(2);
    run("show b").expect_code(0);
}

#[test]
fn a_key_that_was_given_up_is_not_used_again_though_the_certificate_keeps_its_key() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    issue(&scene, &ca, "a.example.test").args(["--reuse-key"]).run().expect_code(0);
    let key = || std::fs::read_to_string(scene.live("a.example.test").join("privkey.pem")).expect("a key");
    let first = key();
    Acmite::new("revoke a.example.test --reason superseded", &scene.state()).run().expect_code(0);
    renew(&scene).args(["--force"]).run().expect_code(0);
    assert_eq!(key(), first, "superseded says nothing about the key");
    Acmite::new("revoke a.example.test --reason key-compromise", &scene.state()).run().expect_code(0);
    renew(&scene).args(["--force"]).run().expect_code(0);
    let second = key();
    assert_ne!(second, first);
    renew(&scene).args(["--force"]).run().expect_code(0);
    assert_eq!(key(), second, "the new key is kept as before");
    openssl::verify(&scene.live("a.example.test"), &ca.issuing_root());
}
