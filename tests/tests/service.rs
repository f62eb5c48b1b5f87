//! `acmite run` keeps certificates as they are described, follows its file, and stops without leaving anything behind.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use acmite_tests::acmite::{Acmite, PATIENCE, Running};
use acmite_tests::bind::bind;
use acmite_tests::knot::bind_with_laggard;
use acmite_tests::name_server::NameServer;
use acmite_tests::openssl;
use acmite_tests::pebble::{Options, Pebble, Version, pebble};
use acmite_tests::process::{peer, wait_until};
use acmite_tests::scene::{Scene, described};
use serde_json::Value;

const FOREIGN: [&str; 1] = ["_acme-challenge.example.test. foreign"];
const PAST: (&str, &str) = ("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z");

fn peers() -> Option<(NameServer, Pebble)> {
    let server = bind("hmac-sha256")?;
    let ca = pebble(Version::Newest, server.address, &Options::default())?;
    Some((server, ca))
}

/// Puts a file with the CA and the provider of a scene, and `certificates`, in its place at once.
fn write(scene: &Scene, server: &NameServer, ca: &Pebble, certificates: &str) -> PathBuf {
    let text = described(server, ca, certificates);
    let new = scene.private_file("acmite.toml.new", &text);
    let file = scene.folder().join("acmite.toml");
    std::fs::rename(new, &file).unwrap();
    file
}

fn service(scene: &Scene) -> Acmite {
    Acmite::new("run --json", &scene.state()).args(["--config"]).args([scene.folder().join("acmite.toml")])
}

fn certificate(name: &str) -> String {
    format!("[certificate.{name}]\nnames = [\"{name}.example.test\"]\n")
}

fn stop(run: Running) -> Vec<Value> {
    run.signal("TERM");
    run.finish().expect_code(0).events()
}

fn serial(live: &Path) -> String {
    openssl::run(&["x509", "-noout", "-serial", "-in", &live.join("cert.pem").display().to_string()])
}

fn rfc3339(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let said = Command::new("date").args(["-u", "-d", &format!("@{seconds}"), "+%FT%TZ"]).output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// Lets the CA suggest to renew a certificate at once.
fn suggest_past(ca: &Pebble, live: &Path) {
    ca.suggest(&std::fs::read_to_string(live.join("cert.pem")).unwrap(), PAST.0, PAST.1);
}

#[test]
fn what_is_described_is_issued_and_renewed_when_the_ca_wishes_to_be_asked() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    write(&scene, &server, &ca, &certificate("a"));
    let mut run = service(&scene).start();
    run.await_events("waiting", 1);
    openssl::verify(&scene.live("a"), &ca.issuing_root());
    stop(run);
    let before = serial(&scene.live("a"));
    suggest_past(&ca, &scene.live("a"));
    // The CA said when to be asked again; that moment is moved to a few seconds from now.
    let path = scene.state().join("renewal/a.json");
    let mut state: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert!(state["ask_again"].is_string(), "{state}");
    state["ask_again"] = rfc3339(SystemTime::now() + Duration::from_secs(6)).into();
    std::fs::write(&path, state.to_string()).unwrap();
    let mut run = service(&scene).start();
    let waiting = run.await_events("waiting", 1);
    assert_eq!(serial(&scene.live("a")), before, "renewed before the CA was to be asked: {waiting}");
    let renewed = run.await_events("renew", 1);
    assert_eq!(renewed["certificates"][0]["result"], "renewed", "{renewed}");
    assert_ne!(serial(&scene.live("a")), before);
    stop(run);
    assert_eq!(server.all_txt("example.test"), FOREIGN);
}

#[test]
fn a_changed_file_is_followed_and_one_with_a_mistake_leaves_the_old_one_in_force() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    write(&scene, &server, &ca, &certificate("a"));
    let mut run = service(&scene).start();
    run.await_events("waiting", 1);
    write(&scene, &server, &ca, &format!("{}{}", certificate("a"), certificate("b")));
    run.await_events("reloaded", 1);
    run.await_events("waiting", 2);
    openssl::verify(&scene.live("b"), &ca.issuing_root());
    let broken = format!("{}{}key_tpye = 1\n", certificate("a"), certificate("c"));
    write(&scene, &server, &ca, &broken);
    let error = run.await_events("error", 1);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("the old one still holds") && message.contains("certificate.c.key_tpye"), "{message}");
    assert_eq!(run.await_events("waiting", 3)["certificates"], 2, "those of the old file");
    write(&scene, &server, &ca, &certificate("c"));
    run.await_events("reloaded", 2);
    run.await_events("waiting", 4);
    openssl::verify(&scene.live("c"), &ca.issuing_root());
    run.signal("HUP");
    run.await_events("reloaded", 3);
    let ended = stop(run);
    assert!(ended.iter().all(|event| event["event"] != "renew"), "{ended:?}");
}

/// A zone with a second name server, which never shows what is published: it is waited for until the stop.
fn waiting_peers() -> Option<(NameServer, NameServer, Pebble)> {
    let (server, laggard) = bind_with_laggard()?;
    let ca = pebble(Version::Newest, server.address, &Options::default())?;
    Some((server, laggard, ca))
}

#[test]
fn a_stop_while_records_are_published_removes_them_first() {
    let Some((server, _laggard, ca)) = waiting_peers() else { return };
    let scene = Scene::rfc2136(&server);
    write(&scene, &server, &ca, &certificate("a"));
    let mut run = service(&scene).start();
    run.await_event("published");
    assert_ne!(server.all_txt("example.test"), FOREIGN);
    let events = stop(run);
    assert!(events.iter().any(|event| event["event"] == "cleaned-up"), "{events:?}");
    assert_eq!(server.all_txt("example.test"), FOREIGN);
    assert_eq!(scene.journal(), Vec::<PathBuf>::new());
}

#[test]
fn a_stop_that_takes_too_long_is_told_and_the_next_start_removes_what_was_left() {
    let Some((server, _laggard, ca)) = waiting_peers() else { return };
    let scene = Scene::rfc2136(&server);
    write(&scene, &server, &ca, &certificate("a"));
    let mut run = service(&scene).args(["--stop-timeout", "0"]).start();
    run.await_event("published");
    run.signal("TERM");
    let done = run.finish().expect_code(11);
    assert!(done.stdout.contains("removed at the next start"), "{done}");
    write(&scene, &server, &ca, "");
    let mut next = service(&scene).start();
    next.await_event("waiting");
    assert_eq!(server.all_txt("example.test"), FOREIGN);
    stop(next);
    assert_eq!(scene.journal(), Vec::<PathBuf>::new());
}

#[test]
fn a_second_service_in_the_same_folder_is_refused() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    write(&scene, &server, &ca, "");
    let mut run = service(&scene).start();
    run.await_events("waiting", 1);
    let second = service(&scene).run().expect_code(10);
    assert!(second.stdout.contains(&format!("process {}", run.id())), "{second}");
    stop(run);
    let mut third = service(&scene).start();
    third.await_events("waiting", 1);
    stop(third);
}

#[test]
fn a_failure_is_waited_for_and_holds_up_no_other() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    let broken = "[provider.broken]\nplugin = \"rfc2136\"\ncredentials = \"none.toml\"\ndomains = [\"other.test\"]\n";
    let b = format!("{}provider = \"broken\"\n", certificate("b"));
    write(&scene, &server, &ca, &format!("{broken}{}{b}", certificate("a")));
    let mut run = service(&scene).start();
    let report = run.await_events("apply", 1);
    let results: Vec<_> = report["certificates"].as_array().unwrap().iter().map(|one| &one["result"]).collect();
    assert_eq!(results, ["issued", "failed"], "{report}");
    run.await_events("waiting", 1);
    let orders = || ca.log().matches("POST /order-plz -> calling").count();
    let before = orders();
    run.signal("HUP");
    run.await_events("waiting", 2);
    let report = run.await_events("apply", 2);
    assert_eq!((&report["certificates"][1]["result"], orders()), (&"held".into(), before), "{report}");
    stop(run);
}

/// What systemd would hear, in order.
fn listen(socket: &Path) -> Arc<Mutex<Vec<String>>> {
    let socket = UnixDatagram::bind(socket).unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let all = heard.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length) = socket.recv(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            all.lock().unwrap().extend(text.lines().map(str::to_owned));
        }
    });
    heard
}

#[test]
fn systemd_hears_that_it_is_ready_reloads_lives_and_stops() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    write(&scene, &server, &ca, "");
    let socket = scene.folder().join("notify");
    let heard = listen(&socket);
    let count = |word: &str| heard.lock().unwrap().iter().filter(|line| line.starts_with(word)).count();
    let run = service(&scene).env("NOTIFY_SOCKET", socket.to_str().unwrap()).env("WATCHDOG_USEC", "600000").start();
    wait_until("READY=1", PATIENCE, || count("READY=1") == 1);
    wait_until("a status", PATIENCE, || count("STATUS=0 certificates; the next look is at ") == 1);
    wait_until("signs of life", PATIENCE, || count("WATCHDOG=1") >= 3);
    run.signal("HUP");
    wait_until("the end of the reload", PATIENCE, || count("READY=1") == 2);
    assert_eq!((count("RELOADING=1"), count("MONOTONIC_USEC=")), (1, 1));
    stop(run);
    wait_until("STOPPING=1", PATIENCE, || count("STOPPING=1") == 1);
}

#[test]
fn systemd_takes_the_units() {
    let Some(analyze) = peer("systemd-analyze") else { return };
    let folder = tempfile::tempdir().unwrap();
    for kind in ["--service", "--systemd"] {
        let install = Acmite::new("timer install", &folder.path().join("state")).args(["--to"]).args([folder.path()]);
        install.args([kind, "--credential", "cloudflare:/etc/acmite/cloudflare.toml"]).run().expect_code(0);
    }
    for unit in ["acmite.service", "acmite-renew.service", "acmite-renew.timer"] {
        let said = Command::new(&analyze).arg("verify").arg(folder.path().join(unit)).output().unwrap();
        let text = String::from_utf8_lossy(&said.stderr);
        let ours: Vec<&str> = text.lines().filter(|line| line.contains("acmite")).collect();
        assert!(said.status.success() && ours.is_empty(), "{unit}: {text}");
    }
}
