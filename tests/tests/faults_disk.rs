//! Killed, or out of space, at any change it makes on disk, acmite loses nothing.

use std::path::Path;

use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::faults::{Before, Damage, Point, World, at_each, points, tell};
use acmite_tests::process::peer;

type Run = fn(&World, &Path) -> Acmite;
type State = fn(&World) -> std::path::PathBuf;

#[derive(Clone, Copy)]
struct Command {
    run: Run,
    state: State,
    is_renewal: bool,
}

const ISSUE: Command = Command { run: World::issue, state: World::fresh_state, is_renewal: false };
const RENEW: Command = Command { run: World::renew, state: World::issued_state, is_renewal: true };

fn all_points(command: Command) -> Option<Vec<Point>> {
    peer("strace")?;
    let world = World::start();
    let state = (command.state)(&world);
    Some(points((command.run)(&world, &state), &state))
}

/// Strikes at the point, and runs once more as if nothing had been. Gives what the struck run said.
fn struck(world: &World, command: Command, point: &Point, damage: Damage) -> String {
    let (state, before, old, first) = met(world, command, point, damage);
    let middle = world.before();
    let said = format!("{point:?} {damage:?}: {first}");
    let pair = world.whole_pair(&state);
    assert!(pair.is_some() || !command.is_renewal, "the live certificate is gone: {said}");
    let next = (command.run)(world, &state).run();
    assert_eq!(next.code, Some(0), "{said}\nthen {next}");
    assert!(world.whole_pair(&state).is_some(), "{said}");
    world.assert_clean(&state);
    world.assert_tidy(&state);
    let paid = middle.certificates > before.certificates;
    if paid && pair == old {
        assert_eq!(world.before().orders, middle.orders, "it was ordered again: {said}\nthen {next}");
    }
    std::fs::remove_dir_all(&state).expect("removed");
    said
}

fn met(
    world: &World,
    command: Command,
    point: &Point,
    damage: Damage,
) -> (std::path::PathBuf, Before, Option<String>, Finished) {
    let mut point = point.clone();
    for _ in 0..ATTEMPTS {
        let state = (command.state)(world);
        let (before, old) = (world.before(), world.whole_pair(&state));
        match point.strike((command.run)(world, &state), &state, damage) {
            Ok(first) => return (state, before, old, first),
            Err(likelier) => point = likelier,
        }
        world.cleanup(&state).run().expect_code(0);
    }
    panic!("{point:?} was not met");
}

const ATTEMPTS: usize = 20;

/// Room for one change is missing; those after it are made.
fn full_everywhere(command: Command, row: &str) {
    let Some(points) = all_points(command) else { return };
    let needs_room =
        |point: &&Point| ["openat", "mkdir", "pwrite64", "fsync", "rename", "symlink"].contains(&&*point.call);
    let points: Vec<Point> = points.iter().filter(needs_room).cloned().collect();
    at_each(&points, |world, point| {
        let said = struck(world, command, point, Damage::Error("ENOSPC"));
        // What is only kept to be faster next time, and who holds a lock, is not worth a word.
        let is_vain = point.path.starts_with("cache") || point.call == "pwrite64" && point.path.contains("lock");
        assert!(is_vain || said.contains("No space left on device"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    });
    tell(row, points.len());
}

#[test]
fn without_room_for_any_one_change_an_issuance_loses_nothing_and_says_so() {
    full_everywhere(ISSUE, "each change on disk of `acmite issue` fails (disk full)");
}

#[test]
fn without_room_for_any_one_change_a_renewal_loses_nothing_and_says_so() {
    full_everywhere(RENEW, "each change on disk of `acmite renew` fails (disk full)");
}

fn killed_everywhere(command: Command, row: &str) {
    let Some(points) = all_points(command) else { return };
    let _: Vec<String> = at_each(&points, |world, point| struck(world, command, point, Damage::Kill));
    tell(row, points.len());
}

#[test]
fn killed_at_any_change_on_disk_an_issuance_is_taken_up_by_the_next() {
    killed_everywhere(ISSUE, "kill -9 before each change that `acmite issue` makes on disk");
}

#[test]
fn killed_at_any_change_on_disk_a_renewal_is_taken_up_by_the_next() {
    killed_everywhere(RENEW, "kill -9 before each change that `acmite renew` makes on disk");
}
