//! A certificate, or a folder, that cannot be read is told of and hides no other.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use acmite_tests::acmite::{Acmite, Finished, NOBODY};
use acmite_tests::faults::World;
use serde_json::Value;

/// A state folder of two certificates that is nobody's own; root may read everything.
fn nobodys(world: &World) -> std::path::PathBuf {
    let state = world.issued_state();
    world.issue_other(&state).run().expect_code(0);
    std::fs::set_permissions(state.parent().unwrap(), Permissions::from_mode(0o755)).unwrap();
    let status = Command::new("chown").args(["-R", &format!("{NOBODY}:{NOBODY}")]).arg(&state).status().unwrap();
    assert!(status.success());
    state
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn list(state: &Path) -> Finished {
    Acmite::as_nobody("list --json", state).run()
}

/// The one document of `list --json`.
fn document(done: &Finished) -> Value {
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done}"))
}

fn names(document: &Value) -> Vec<&str> {
    document["certificates"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

const BOTH: [&str; 2] = ["example.test", "other.example.test"];

#[test]
fn one_that_cannot_be_read_is_told_of_and_the_other_is_listed() {
    let world = World::start();
    let state = nobodys(&world);
    set_mode(&state.join("renewal/example.test.toml"), 0);
    let done = list(&state).expect_code(0);
    let document = document(&done);
    assert_eq!((names(&document), &document["unread"]), (BOTH.to_vec(), &Value::Array(Vec::new())), "{done}");
    assert!(document["certificates"][0]["error"].as_str().unwrap().contains("example.test.toml"), "{done}");
    assert!(document["certificates"][1]["days_left"].is_number(), "{done}");
}

#[test]
fn a_folder_that_cannot_be_read_is_told_of_and_what_the_other_holds_is_listed() {
    let world = World::start();
    let state = nobodys(&world);
    // One is only remembered, so that each folder holds something of its own.
    std::fs::remove_file(state.join("live/other.example.test")).unwrap();
    for (folder, others) in [("renewal", &BOTH[..1]), ("live", &BOTH[..])] {
        set_mode(&state.join(folder), 0);
        let done = list(&state).expect_code(10);
        let document = document(&done);
        assert_eq!(names(&document), others, "{done}");
        let why = document["unread"][0].as_str().unwrap();
        assert!(why.contains(folder) && why.contains("Permission denied"), "{done}");
        let doctor = Acmite::as_nobody("doctor --own-timer", &state).run().expect_code(14);
        assert!(doctor.stdout.contains(folder), "{doctor}");
        let text = Acmite::as_nobody("list", &state).run().expect_code(10);
        assert!(text.stdout.contains("there may be more: ") && text.stdout.contains(BOTH[0]), "{text}");
        set_mode(&state.join(folder), 0o700);
    }
    assert_eq!(names(&document(&list(&state).expect_code(0))), BOTH);
}
