//! What lies in the folders of hooks is run around every certificate, and told certbot's variables.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use acmite_lab::ca::{Endpoint, Fault};
use acmite_tests::faults::World;

/// Puts a script that notes what it is told into each folder; a file that is not executable is none.
fn hooks(state: &Path, notes: &Path) {
    let words = "$ACMITE_HOOK lineage=$RENEWED_LINEAGE renewed=$RENEWED_DOMAINS failed=$FAILED_DOMAINS";
    for folder in ["pre.d", "deploy.d", "post.d"].map(|name| state.join("hooks").join(name)) {
        std::fs::create_dir_all(&folder).unwrap();
        for (name, mode) in [("10-note", 0o700), ("20-notes.txt", 0o600)] {
            let script = folder.join(name);
            std::fs::write(&script, format!("#!/bin/sh\necho \"{words}\" >> '{}'\n", notes.display())).unwrap();
            std::fs::set_permissions(&script, Permissions::from_mode(mode)).unwrap();
        }
    }
}

/// What was noted since it was asked for last.
fn noted(notes: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(notes).unwrap();
    std::fs::remove_file(notes).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_folders_are_run_before_a_certificate_after_it_and_after_the_run() {
    let world = World::start();
    let state = world.fresh_state();
    let notes = state.with_extension("notes");
    hooks(&state, &notes);
    let lineage = state.join("live/example.test").display().to_string();
    let names = "example.test *.example.test";
    let went_well = [
        "pre lineage= renewed= failed=".to_owned(),
        format!("deploy lineage={lineage} renewed={names} failed="),
        format!("post lineage= renewed={names} failed="),
    ];
    world.issue(&state).run().expect_code(0);
    assert_eq!(noted(&notes), went_well);
    world.renew(&state).run().expect_code(0);
    assert_eq!(noted(&notes), went_well);
    world.lab.ca.fail_next(1, Some(Endpoint::NewOrder), &Fault::Status { status: 429, retry_after: Some(7200) });
    world.renew(&state).run().expect_code(5);
    assert_eq!(noted(&notes), [went_well[0].clone(), format!("post lineage= renewed= failed={names}")]);
}
