//! Where the log goes: the file that acmite.toml names, and the journal with levels and fields.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Arc, Mutex};

use acmite_lab::ca::Fault;
use acmite_tests::acmite::{Acmite, PATIENCE};
use acmite_tests::faults::World;
use acmite_tests::process::wait_until;
use acmite_tests::scene::Scene;

fn scene() -> Scene {
    Scene::duckdns("127.0.0.1:1".parse().unwrap(), "none")
}

/// A file that describes one certificate of a CA that is not there, whose failure is logged.
fn describe(scene: &Scene, certificate: &str, log_file: &str) {
    let text = format!(
        "state_dir = \"state\"\nlog_file = \"{log_file}\"\n[ca.gone]\ndirectory = \"https://127.0.0.1:1/dir\"\nagree_tos = true\n\
         [certificate.{certificate}]\nnames = [\"a.example.test\"]\nchallenges = [\"standalone\"]\n"
    );
    let new = scene.private_file("acmite.toml.new", &text);
    std::fs::rename(new, scene.folder().join("acmite.toml")).unwrap();
}

fn configured(scene: &Scene, command: &str) -> Acmite {
    Acmite::without_state(command, scene.folder()).args(["--config"]).args([scene.folder().join("acmite.toml")])
}

fn logged(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn the_file_names_a_log_that_is_its_owners_alone_and_the_flag_wins_over_it() {
    let scene = scene();
    let [named, flagged] = ["logs.txt", "other.txt"].map(|name| scene.folder().join(name));
    describe(&scene, "a", "logs.txt");
    configured(&scene, "apply").args(["--quiet"]).run().expect_code(9);
    let text = logged(&named);
    assert!(text.contains("ACME request failed") && text.contains("https://127.0.0.1:1/dir"), "{text}");
    assert_eq!(std::fs::metadata(&named).unwrap().permissions().mode() & 0o777, 0o600);
    configured(&scene, "apply").args(["--log-file"]).args([&flagged]).run().expect_code(9);
    assert!(logged(&flagged).contains("ACME request failed"));
    assert_eq!(logged(&named), text);
}

#[test]
fn a_log_that_cannot_be_opened_is_told_before_anything_is_done() {
    let scene = scene();
    describe(&scene, "a", "no/such/folder/log");
    let done = configured(&scene, "apply").run().expect_code(3);
    assert!(done.stderr.contains("no/such/folder/log"), "{done}");
}

#[test]
fn a_service_follows_its_log_to_another_file() {
    let scene = scene();
    let [first, second] = ["first.txt", "second.txt"].map(|name| scene.folder().join(name));
    describe(&scene, "a", "first.txt");
    let mut run = configured(&scene, "run --json").start();
    run.await_events("waiting", 1);
    let text = logged(&first);
    assert!(text.contains("ACME request failed"), "{text}");
    // The one that failed waits; another one does not.
    describe(&scene, "b", "second.txt");
    run.await_events("reloaded", 1);
    wait_until("the second log", PATIENCE, || logged(&second).contains("ACME request failed"));
    assert_eq!(logged(&first), text);
    describe(&scene, "a", "no/such/folder/log");
    run.await_events("error", 1);
    run.signal("TERM");
    run.finish().expect_code(0);
}

/// An entry by its fields.
type Entry = BTreeMap<String, String>;

/// What the journal's socket hears. The first datagram is empty and asks whether anybody listens.
fn journal(folder: &Path) -> Arc<Mutex<Vec<Entry>>> {
    let socket = UnixDatagram::bind(folder.join("socket")).unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let all = heard.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok(length) = socket.recv(&mut buffer) {
            all.lock().unwrap().extend((length > 0).then(|| entry(&buffer[..length])));
        }
    });
    heard
}

/// systemd's native journal protocol: `NAME=VALUE`, or the name, eight bytes of the value's length, and the value.
fn entry(mut rest: &[u8]) -> Entry {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut fields = Entry::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        if let Some(at) = line.iter().position(|byte| *byte == b'=') {
            fields.insert(text(&line[..at]), text(&line[at + 1..]));
            rest = after;
        } else {
            let (length, after) = after.split_first_chunk().unwrap();
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap();
            fields.insert(text(line), text(&after[..length]));
            rest = &after[length + 1..];
        }
    }
    fields
}

#[test]
fn under_systemd_the_journal_has_levels_and_the_number_of_each_request() {
    let world = World::start();
    let (state, folder) = (world.fresh_state(), tempfile::tempdir().unwrap());
    let heard = journal(folder.path());
    world.lab.ca.fail_at(4, Fault::Drop);
    // As systemd does it: the variable names what standard error is.
    let mounts = format!(
        "mount -t tmpfs none /run; mkdir -p /run/systemd/journal; mount --bind {} /run/systemd/journal\n\
         export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)",
        folder.path().display()
    );
    let Some(run) = world.issue(&state).args(["-v"]).with_mounts(&mounts) else { return };
    let done = run.run().expect_code(0);
    let entries = heard.lock().unwrap().clone();
    let requests: Vec<&Entry> = entries.iter().filter(|entry| entry["MESSAGE"].starts_with("ACME request")).collect();
    let numbers: BTreeSet<&String> = requests.iter().map(|entry| &entry["F_REQUEST"]).collect();
    assert_eq!(numbers.len(), world.lab.ca.requests().len(), "{entries:#?}");
    for entry in &entries {
        assert!(entry["SYSLOG_IDENTIFIER"] == "acmite" && entry.contains_key("PRIORITY"), "{entry:?}");
    }
    let failed = requests.iter().find(|entry| entry["MESSAGE"] == "ACME request failed").unwrap();
    assert!(failed.contains_key("F_ERROR") && failed["F_URL"].starts_with("https://"), "{failed:?}");
    assert!(!done.stderr.contains("ACME request"), "{done}");
}
