//! A state folder that others may change, and names that would lead out of it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use acmite_tests::acmite::{Acmite, Finished, NOBODY};
use acmite_tests::faults::{World, at_each};
use acmite_tests::hostile::ca::{WORDS, assert_harmless};

/// A file or folder of a state folder.
type Place = fn(&Path) -> PathBuf;

/// The first entry of a folder.
fn only(folder: &Path) -> PathBuf {
    fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

fn key_of_account(state: &Path) -> PathBuf {
    let account = only(&state.join("accounts"));
    let is_key = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains("PRIVATE KEY"));
    fs::read_dir(account).unwrap().map(|entry| entry.unwrap().path()).find(is_key).unwrap()
}

/// The command that is to put it right, as the user would type it.
fn remedy(done: &Finished) -> String {
    let said = format!("{}{}", done.stdout, done.stderr);
    let start = said.find("chmod ").or_else(|| said.find("chown ")).unwrap_or_else(|| panic!("no command: {done}"));
    said[start..].lines().next().unwrap().to_owned()
}

/// It is refused by its name before anything is asked of the CA, and after what acmite says to do, it works.
fn refused_until_put_right(world: &World, state: &Path, spoiled: &Path) {
    let (asked, live) = (world.lab.ca.requests().len(), world.whole_pair(state));
    let done = world.renew(state).args(["-v"]).run();
    assert!(!matches!(done.code, None | Some(0 | 101)), "{}: {done}", spoiled.display());
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(said.contains(&spoiled.display().to_string()), "{}: {done}", spoiled.display());
    let signed = |from: usize| world.lab.ca.requests()[from..].iter().filter(|one| one.method == "POST").count();
    assert_eq!(signed(asked), 0, "{}: {done}", spoiled.display());
    let command = remedy(&done);
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success(), "{command}");
    world.renew(state).run().expect_code(0);
    assert_ne!(world.whole_pair(state), live);
}

const FOLDERS: [&str; 8] = ["", "live", "archive", "accounts", "journal", "locks", "cache", "renewal"];

#[test]
fn a_folder_that_others_may_write_is_refused_by_its_name() {
    at_each(&FOLDERS, |world, folder| {
        let state = world.issued_state();
        let spoiled = if folder.is_empty() { state.clone() } else { state.join(folder) };
        fs::set_permissions(&spoiled, Permissions::from_mode(0o777)).unwrap();
        refused_until_put_right(world, &state, &spoiled);
    });
}

#[test]
fn a_folder_or_file_of_another_user_is_refused_by_its_name() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give something away.
        return;
    }
    let places: [Place; 4] = [
        Path::to_owned,
        |state| state.join("accounts"),
        key_of_account,
        |state| state.join("renewal/example.test.toml"),
    ];
    at_each(&places, |world, place| {
        let state = world.issued_state();
        let spoiled = place(&state);
        chown(&spoiled, Some(NOBODY), None).unwrap();
        refused_until_put_right(world, &state, &spoiled);
    });
}

#[test]
fn a_file_that_is_obeyed_or_secret_and_open_to_others_is_refused_by_its_name() {
    let places: [(Place, u32); 3] = [
        (key_of_account, 0o640),
        (|state| state.join("renewal/example.test.toml"), 0o664),
        (|state| state.join("renewal/example.test.toml"), 0o602),
    ];
    at_each(&places, |world, (place, mode)| {
        let state = world.issued_state();
        let spoiled = place(&state);
        fs::set_permissions(&spoiled, Permissions::from_mode(*mode)).unwrap();
        refused_until_put_right(world, &state, &spoiled);
    });
}

#[test]
fn what_others_may_have_written_is_not_run() {
    let world = World::start();
    let state = world.issued_state();
    let mark = state.join("run");
    let hook = state.join("hooks/deploy.d/mark");
    fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
    fs::set_permissions(&hook, Permissions::from_mode(0o777)).unwrap();
    let done = world.renew(&state).run().expect_code(0);
    assert!(!mark.exists() && done.stderr.contains(&hook.display().to_string()), "{done}");
    // Owed since a run that was killed, as the file says that others may write.
    let owed = state.join("renewal/example.test.json");
    fs::write(&owed, format!("{{\"owed_hooks\": [\"touch {}\"]}}", mark.display())).unwrap();
    fs::set_permissions(&owed, Permissions::from_mode(0o666)).unwrap();
    let done = world.renew_due(&state).run();
    assert!(!mark.exists() && format!("{done}").contains(&owed.display().to_string()), "{done}");
    fs::set_permissions(&hook, Permissions::from_mode(0o755)).unwrap();
    world.renew(&state).run().expect_code(0);
    assert!(mark.exists(), "the same hook is run once it is the owner's alone");
}

/// All that is below a folder but the state folders and what they are copied from.
fn beside(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with("state")).collect()
}

#[test]
fn a_certificates_name_does_not_leave_the_state_folder() {
    let names = [
        "../evil",
        "../../../evil",
        "/etc/evil",
        "..",
        ".",
        "a/../../b",
        "a\\b",
        "a b;c",
        "a\nb",
        WORDS.trim_end_matches('\0'),
    ];
    at_each(&names, |world, name| {
        let state = world.fresh_state();
        let before = beside(state.parent().unwrap());
        let done = world.issue_other(&state).args(["--cert-name", name]).run();
        assert_eq!(done.code, Some(2), "{name:?}: {done}");
        assert_harmless(&done, name);
        assert!(!state.exists(), "{name:?}: {done}");
        for command in ["show", "verify", "revoke", "delete"] {
            let done = Acmite::new(command, &state).args(["--", name]).run();
            assert!(!matches!(done.code, None | Some(101)), "{command} {name:?}: {done}");
        }
        assert_harmless(&Acmite::new("list", &state).run(), name);
        assert_eq!(beside(state.parent().unwrap()), before, "{name:?}");
        assert!(state.join("accounts").is_dir() && state.join("renewal").is_dir(), "{name:?}");
        // The same with a name that may be: what was refused was the name.
        world.issue_other(&state).args(["--cert-name", "a_b"]).run().expect_code(0);
    });
    assert!(!Path::new("/etc/evil").exists() && !Path::new("/etc/evil.toml").exists());
}

#[test]
fn a_name_that_is_none_is_refused_before_anything_is_asked() {
    let world = World::start();
    let state = world.fresh_state();
    let asked = world.lab.ca.requests().len();
    for name in [
        "../evil",
        "a/b.example.test",
        "a b.example.test",
        "a\n.example.test",
        "\u{1b}[2J.example.test",
        "..",
        "*.*.example.test",
        "",
    ] {
        let done = world.issue_other(&state).args(["-d", name]).run();
        assert!(!matches!(done.code, None | Some(0 | 101)), "{name:?}: {done}");
        assert_harmless(&done, name);
    }
    assert_eq!(world.lab.ca.requests().len(), asked);
}
