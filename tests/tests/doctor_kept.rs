//! What the doctor finds in the state folder and of certificates that are kept: each cause staged, and a healthy system.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use acmite::flow::http01::TokenFiles;
use acmite::serve::TokenFile;
use acmite::store::StateDir;
use acmite::store::journal::Journal;
use acmite::store::plugin_pins::{Pin, PluginPins};
use acmite_lab::ca::{CaOptions, Endpoint, Fault};
use acmite_lab::dns::Behaviour;
use acmite_tests::acmite::{Acmite, PATIENCE};
use acmite_tests::netns::{Machine, inside};
use acmite_tests::ward::{Diagnosis, Ward, ended};
use hickory_proto::rr::RecordType;
use serde_json::json;

const NAME: &str = "www.example.test";

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("changed");
}

async fn with_certificate() -> Ward {
    let ward = Ward::new().await;
    ward.issue(NAME, &[], 0).await;
    ward
}

/// Replaces a folder of the system by an empty one, for this namespace alone.
fn cover(folder: &str) {
    let status = Command::new("mount").args(["-t", "tmpfs", "none", folder]).status().expect("mount runs");
    assert!(status.success(), "{folder} is not covered");
}

const ALONE: Machine<'_> = Machine { own: &[], lost: &[], resolver: "127.0.0.1" };

#[test]
fn a_healthy_system_has_no_findings_and_says_so() {
    inside("a_healthy_system_has_no_findings_and_says_so", &ALONE, async {
        cover("/etc/cron.d");
        let options = CaOptions { caa_identities: vec!["ca.test".to_owned()], ..CaOptions::default() };
        let ward = Ward::with_ca(options).await;
        ward.add("example.test", RecordType::CAA, "0 issue \"ca.test; validationmethods=dns-01\"");
        let deployed = ward.scene.folder().join("deployed").display().to_string();
        let more = ["-d", "*.example.test", "-d", "example.test", "--deploy-hook", &format!("touch {deployed}")];
        ward.issue(NAME, &more, 0).await;
        ended(Acmite::new("timer install --cron", &ward.scene.state())).await.expect_code(0);
        let run = ended(Acmite::new("doctor --json", &ward.scene.state())).await;
        assert_eq!(Diagnosis::of(run).codes(), [""; 0]);
        let run = ended(Acmite::new("doctor", &ward.scene.state()).args([NAME])).await.expect_code(0);
        assert_eq!(run.stdout, "nothing was found\n", "{run}");
    });
}

#[test]
fn a_state_folder_that_nothing_can_be_stored_in_is_found() {
    inside("a_state_folder_that_nothing_can_be_stored_in_is_found", &ALONE, async {
        let ward = with_certificate().await;
        let state = ward.scene.state();
        let mount = |arguments: &[&str]| {
            let status = Command::new("mount").args(arguments).arg(&state).status().expect("mount runs");
            assert!(status.success(), "{arguments:?}");
        };
        mount(&["--bind", state.to_str().expect("a path")]);
        mount(&["-o", "remount,ro,bind"]);
        let found = ward.doctor_of_all().await;
        let facts = found.only("state-unwritable");
        assert!(facts["why"].as_str().is_some_and(|why| why.contains("Read-only")), "{facts}");
        mount(&["-t", "tmpfs", "-o", "size=256k,mode=0700", "none"]);
        let found = ward.doctor_of_all().await;
        let facts = found.only("state-unwritable");
        assert!(facts["why"].as_str().is_some_and(|why| why.contains("KiB are free")), "{facts}");
    });
}

#[tokio::test]
async fn a_revoked_certificate_is_found_until_it_is_replaced() {
    let ward = with_certificate().await;
    let run = async |command: &str| ended(Acmite::new(command, &ward.scene.state())).await;
    run(&format!("revoke {NAME}")).await.expect_code(0);
    ward.doctor_of_all().await.only("certificate-revoked");
    run("renew").await.expect_code(0);
    assert_eq!(ward.doctor_of_all().await.codes(), [""; 0]);
}

#[test]
fn a_timer_that_is_missing_or_never_runs_is_found() {
    inside("a_timer_that_is_missing_or_never_runs_is_found", &ALONE, async {
        cover("/etc/cron.d");
        cover("/etc/systemd/system");
        let ward = with_certificate().await;
        let doctor = async || Diagnosis::of(ended(Acmite::new("doctor --json", &ward.scene.state())).await);
        assert_eq!(doctor().await.only("timer-missing")["state_dir"], json!(ward.scene.state()));
        let install = Acmite::new("timer install --to /etc/systemd/system", &ward.scene.state());
        ended(install).await.expect_code(0);
        let unit = "/etc/systemd/system/acmite-renew.timer";
        assert_eq!(doctor().await.only("timer-not-enabled")["unit"], unit);
        // As `systemctl enable` does.
        std::fs::create_dir("/etc/systemd/system/timers.target.wants").expect("made");
        std::os::unix::fs::symlink(unit, "/etc/systemd/system/timers.target.wants/acmite-renew.timer").expect("linked");
        assert_eq!(doctor().await.codes(), [""; 0]);
    });
}

#[tokio::test]
async fn a_state_folder_that_others_may_write_to_is_found() {
    let ward = with_certificate().await;
    set_mode(&ward.scene.state(), 0o777);
    let found = ward.doctor_of_all().await;
    let facts = found.only("state-folder");
    assert_eq!(facts["path"], json!(ward.scene.state()));
    assert!(facts["why"].as_str().is_some_and(|why| why.contains("chmod 700")), "{facts}");
}

#[tokio::test]
async fn keys_that_others_may_read_are_found() {
    let ward = with_certificate().await;
    set_mode(&ward.kept(format!("live/{NAME}/privkey.pem")), 0o644);
    assert_eq!(ward.doctor_of_all().await.only("key-unprotected")["owner"], NAME);
    set_mode(&ward.kept(format!("live/{NAME}/privkey.pem")), 0o600);
    set_mode(&account_facts(&ward).0.with_file_name("private_key.pem"), 0o640);
    let owner = format!("the account at {}", ward.lab.ca.directory_url());
    assert_eq!(ward.doctor_of_all().await.only("key-unprotected")["owner"], json!(owner));
}

#[tokio::test]
async fn files_that_are_damaged_are_told_apart() {
    let ward = with_certificate().await;
    let (path, whole) = account_facts(&ward);
    std::fs::write(&path, "{").expect("written");
    ward.doctor_of_all().await.only("account-unreadable");
    std::fs::write(&path, whole.to_string()).expect("written");
    std::fs::write(ward.kept(format!("live/{NAME}/cert.pem")), "no certificate").expect("written");
    ward.doctor_of_all().await.only("certificate-unreadable");
}

/// The file of the one account, and what it says.
fn account_facts(ward: &Ward) -> (std::path::PathBuf, serde_json::Value) {
    let account = std::fs::read_dir(ward.kept("accounts")).expect("a folder").next().expect("one").expect("one").path();
    let path = account.join("account.json");
    let facts = serde_json::from_slice(&std::fs::read(&path).expect("there")).expect("JSON");
    (path, facts)
}

#[tokio::test]
async fn an_account_that_the_ca_does_not_know_is_found() {
    let ward = with_certificate().await;
    let (path, mut facts) = account_facts(&ward);
    facts["url"] = json!(ward.lab.ca.directory_url().replace("directory", "account/nosuch"));
    std::fs::write(path, facts.to_string()).expect("written");
    let found = ward.doctor_of_all().await;
    let told = found.only("account-refused");
    assert_eq!((&told["account"], &told["server"]), (&facts["url"], &json!(ward.lab.ca.directory_url())));
}

#[tokio::test]
async fn a_lasting_record_is_missed_until_it_is_there_for_this_account_on_every_server() {
    let ward = with_certificate().await;
    let persist = ["--challenge", "dns-persist-01"];
    let (_, facts) = account_facts(&ward);
    let account = facts["url"].as_str().expect("a URL");
    let name = "_validation-persist.a.example.test";
    ward.add(name, RecordType::TXT, &format!("ca.test; accounturi={account}x"));
    let found = ward.doctor("a.example.test", &persist).await;
    let told = found.only("lasting-record-missing");
    assert_eq!((&told["name"], &told["account"]), (&json!(name), &json!(account)));
    assert_eq!(told["lacking"].as_array().map(Vec::len), Some(2));
    ward.add(name, RecordType::TXT, &format!("ca.test; accounturi={account}"));
    assert_eq!(ward.doctor("a.example.test", &persist).await.codes(), [""; 0]);
    ward.doctor("*.a.example.test", &persist).await.only("lasting-record-missing");
}

#[tokio::test]
async fn a_certificate_that_is_gone_or_will_not_be_renewed_is_found() {
    let ward = with_certificate().await;
    let recipe = ward.kept(format!("renewal/{NAME}.toml"));
    let away = ward.scene.folder().join("away.toml");
    std::fs::rename(&recipe, &away).expect("moved");
    ward.doctor_of_all().await.only("renewal-unknown");
    std::fs::rename(&away, &recipe).expect("moved");
    std::fs::remove_file(ward.kept(format!("live/{NAME}"))).expect("removed");
    ward.doctor_of_all().await.only("certificate-missing");
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_found() {
    // The lab's certificates begin a minute before they are made; one that has expired by then would not be stored.
    let ward = Ward::with(|builder| builder.certificate_lifetime(Duration::from_secs(70))).await;
    ward.issue(NAME, &[], 0).await;
    let until = Instant::now() + PATIENCE;
    let found = loop {
        let found = ward.doctor_of_all().await;
        if found.codes() == ["certificate-expired"] || Instant::now() > until {
            break found;
        }
    };
    assert!(found.only("certificate-expired")["expired"].is_string());
}

fn hours_ago(hours: u8) -> String {
    let date = Command::new("date").args(["-u", "+%FT%TZ", "-d", &format!("{hours} hours ago")]).output();
    String::from_utf8(date.expect("date runs").stdout).expect("text").trim().to_owned()
}

#[tokio::test]
async fn a_certificate_that_is_due_for_longer_than_a_day_is_overdue() {
    let ward = with_certificate().await;
    let suggestion = |start: &str| {
        let id = &ward.lab.ca.certificates()[0].renewal_id;
        let state = json!({"suggestion": {"id": id, "start": start, "end": start}});
        std::fs::write(ward.kept(format!("renewal/{NAME}.json")), state.to_string()).expect("written");
    };
    suggestion(&hours_ago(23));
    assert_eq!(ward.doctor_of_all().await.codes(), [""; 0]);
    suggestion(&hours_ago(25));
    assert!(ward.doctor_of_all().await.only("certificate-overdue")["expires"].is_string());
}

#[tokio::test]
async fn a_rate_limit_is_told_with_its_end() {
    let ward = with_certificate().await;
    ward.lab.ca.fail_next(1, Some(Endpoint::NewOrder), &Fault::Status { status: 429, retry_after: Some(7200) });
    ended(Acmite::new("renew --force", &ward.scene.state())).await.expect_code(5);
    let found = ward.doctor_of_all().await;
    let facts = found.only("rate-limited");
    let state = std::fs::read_to_string(ward.kept(format!("renewal/{NAME}.json"))).expect("there");
    let state: serde_json::Value = serde_json::from_str(&state).expect("JSON");
    assert_eq!(facts["until"], state["hold"]["until"]);
    assert!(facts["last_error"].as_str().is_some_and(|why| why.contains("rateLimited")), "{facts}");
}

#[tokio::test]
async fn attempts_that_failed_are_told_with_the_reason() {
    let ward = with_certificate().await;
    // More often than it is tried.
    ward.lab.ca.fail_next(9, Some(Endpoint::NewOrder), &Fault::Status { status: 500, retry_after: None });
    ended(Acmite::new("renew --force", &ward.scene.state())).await.expect_code(5);
    let found = ward.doctor_of_all().await;
    let facts = found.only("attempts-failed");
    assert_eq!(facts["failures"], 1);
    assert!(facts["last_error"].as_str().is_some_and(|why| why.contains("serverInternal")), "{facts}");
}

#[tokio::test]
async fn a_hook_that_fails_is_found_until_it_does_not() {
    let ward = Ward::new().await;
    let gate = ward.scene.folder().join("gate");
    let hook = format!("test -e {}", gate.display());
    ward.issue(NAME, &["--deploy-hook", &hook], 12).await;
    assert_eq!(ward.doctor_of_all().await.only("hook-failing")["hooks"], json!([hook]));
    std::fs::write(gate, "").expect("written");
    ended(Acmite::new("renew", &ward.scene.state())).await.expect_code(0);
    assert_eq!(ward.doctor_of_all().await.codes(), [""; 0]);
}

#[tokio::test]
async fn records_of_a_killed_run_are_leftovers_until_cleanup_and_those_of_a_living_one_are_not() {
    let ward = Ward::new().await;
    // Its records are never seen everywhere, so that it waits.
    ward.lab.dns.set_behaviour(1, Behaviour { frozen_at: Some(Instant::now()), ..Behaviour::default() });
    let issue = ward.command("issue --json").args(["--email", "a@example.test", "--agree-tos"]).names([NAME]);
    let mut running = issue.start();
    let running = tokio::task::spawn_blocking(move || {
        running.await_event("published");
        running
    });
    let running = running.await.expect("published");
    assert_eq!(ward.doctor_of_all().await.codes(), [""; 0]);
    assert_eq!(ward.doctor(NAME, &[]).await.codes(), ["not-propagated"]);
    running.kill();
    let found = ward.doctor_of_all().await;
    let facts = found.only("leftover-records");
    assert_eq!((&facts["zone"], &facts["plugin"]), (&json!("example.test"), &json!("powerdns")));
    assert_eq!(facts["names"], json!(["_acme-challenge.www.example.test"]));
    ended(Acmite::new("cleanup", &ward.scene.state())).await.expect_code(0);
    assert_eq!(ward.doctor_of_all().await.codes(), [""; 0]);
}

#[tokio::test]
async fn files_left_in_a_webroot_and_damaged_entries_are_found() {
    let ward = Ward::new().await;
    let state = StateDir::open(&ward.scene.state()).expect("opened");
    let file = TokenFile::plan(ward.scene.folder(), "token").expect("a plan");
    let entry = TokenFiles { certificate: NAME.to_owned(), files: vec![file.clone()] };
    drop(Journal::new(&state).begin(entry).expect("written"));
    assert_eq!(ward.doctor_of_all().await.only("leftover-files")["files"], json!([file.path()]));
    ended(Acmite::new("cleanup", &ward.scene.state())).await.expect_code(0);
    let damaged = ward.kept("journal/aa.json");
    std::fs::write(&damaged, "{").expect("written");
    set_mode(&damaged, 0o600);
    assert_eq!(ward.doctor_of_all().await.only("journal-damaged")["path"], json!(damaged));
    // Looking left it where it was; cleaning up sets it aside, which does not settle it.
    ended(Acmite::new("cleanup", &ward.scene.state())).await.expect_code(11);
    assert_eq!(ward.doctor_of_all().await.only("journal-damaged")["path"], json!(ward.kept("journal/aa.json.corrupt")));
}

#[tokio::test]
async fn a_plugin_that_is_not_what_was_agreed_to_is_found() {
    let ward = Ward::new().await;
    let state = StateDir::open(&ward.scene.state()).expect("opened");
    let pin = Pin {
        version: "1.0.0".to_owned(),
        sha256: "00".to_owned(),
        source: "/tmp/quill.wasm".to_owned(),
        permissions: std::collections::BTreeSet::new(),
    };
    PluginPins::new(&state).install("quill", b"another component", pin).expect("installed");
    assert_eq!(ward.doctor_of_all().await.only("plugin-changed")["plugin"], "quill");
}

#[tokio::test]
async fn what_is_found_is_shown_with_what_to_do() {
    let ward = with_certificate().await;
    std::fs::remove_file(ward.kept(format!("live/{NAME}"))).expect("removed");
    let run = ended(Acmite::new("doctor --own-timer", &ward.scene.state())).await.expect_code(14);
    let shown = format!(
        "error    {NAME}: there is no certificate yet [certificate-missing]\n         what to do: run `acmite renew NAME`"
    );
    assert!(run.stdout.starts_with(&shown), "{run}");
}
