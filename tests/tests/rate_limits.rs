//! A CA that asks to wait is told of with the time, and is not asked again before, unless the user says so.

use std::path::Path;

use acmite_lab::ca::{Endpoint, Fault};
use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::faults::World;
use serde_json::Value;

/// Longer than any run waits by itself.
const TWO_HOURS: Fault = Fault::Status { status: 429, retry_after: Some(7200) };

fn said(done: &Finished) -> String {
    format!("{}{}", done.stdout, done.stderr)
}

/// The end of the wait as it is kept.
fn kept(state: &Path) -> String {
    let text = std::fs::read(state.join("renewal/example.test.json")).expect("a state");
    let state: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(state["hold"]["by"], "rate-limit", "{state}");
    state["hold"]["until"].as_str().expect("a time").to_owned()
}

/// Runs it, and gives how it ended and how many requests the CA had.
fn asked(world: &World, run: Acmite) -> (Finished, usize) {
    let before = world.lab.ca.requests().len();
    let done = run.run();
    (done, world.lab.ca.requests().len() - before)
}

/// Whole seconds of a time in RFC 3339, as acmite shows it.
fn shown(at: &str) -> &str {
    at.split(['.', 'Z']).next().unwrap_or(at)
}

/// Lets the wait be over.
fn end_wait(state: &Path) {
    let (path, until) = (state.join("renewal/example.test.json"), kept(state));
    let text = std::fs::read_to_string(&path).expect("a state");
    std::fs::write(&path, text.replace(&until, "2020-01-01T00:00:00Z")).expect("written");
}

#[test]
fn an_issuance_that_the_ca_puts_off_is_told_until_when_and_the_next_one_asks_nothing() {
    let world = World::start();
    for endpoint in [Endpoint::NewAccount, Endpoint::NewOrder, Endpoint::Finalize] {
        let state = world.fresh_state();
        world.lab.ca.fail_next(1, Some(endpoint), &TWO_HOURS);
        let (first, sent) = asked(&world, world.issue(&state));
        let first = first.expect_code(5);
        assert!(sent > 0, "{first}");
        let until = kept(&state);
        assert!(said(&first).contains(&format!("it asks to wait until {}", shown(&until))), "{until}: {first}");
        world.assert_clean(&state);
        let (next, sent) = asked(&world, world.issue(&state));
        let next = next.expect_code(5);
        assert_eq!(sent, 0, "{endpoint:?}: {next}");
        assert!(said(&next).contains(shown(&until)) && said(&next).contains("--ignore-rate-limit"), "{next}");
        // What it is not for is not held up.
        world.issue_other(&state).run().expect_code(0);
        end_wait(&state);
        world.issue(&state).run().expect_code(0);
        assert!(world.whole_pair(&state).is_some());
    }
}

#[test]
fn whoever_says_so_does_not_wait() {
    let world = World::start();
    let state = world.fresh_state();
    world.lab.ca.fail_next(1, Some(Endpoint::NewOrder), &TWO_HOURS);
    world.issue(&state).run().expect_code(5);
    world.issue(&state).args(["--ignore-rate-limit"]).run().expect_code(0);
    world.lab.ca.fail_next(1, Some(Endpoint::NewOrder), &TWO_HOURS);
    world.renew(&state).run().expect_code(5);
    kept(&state);
    world.renew(&state).args(["--ignore-rate-limit"]).run().expect_code(0);
    let listed = Acmite::new("list --json", &state).run().expect_code(0);
    let list: Value = serde_json::from_str(&listed.stdout).expect("one document");
    assert_eq!(list["certificates"][0]["last_result"], "ok", "{listed}");
}

#[test]
fn a_described_certificate_that_the_ca_puts_off_waits_unless_the_user_says_so() {
    let world = World::start();
    let state = world.fresh_state();
    let file = world.describe("[certificate.\"example.test\"]\nnames = [\"example.test\"]\n");
    let apply = || Acmite::new("apply", &state).args(["--config".as_ref(), file.as_os_str()]);
    world.lab.ca.fail_next(1, Some(Endpoint::NewOrder), &TWO_HOURS);
    apply().run().expect_code(5);
    let until = kept(&state);
    let (held, sent) = asked(&world, apply());
    assert_eq!(sent, 0, "{held}");
    assert!(said(&held).contains(shown(&until)) && said(&held).contains("--ignore-rate-limit"), "{held}");
    apply().args(["--ignore-rate-limit"]).run().expect_code(0);
    assert!(world.whole_pair(&state).is_some());
}

#[test]
fn a_renewal_that_the_ca_puts_off_waits_over_runs_forced_or_not_and_asks_nothing() {
    let world = World::start();
    let state = world.issued_state();
    let live = world.whole_pair(&state);
    world.lab.ca.renew_everything_now();
    std::fs::remove_file(state.join("renewal/example.test.json")).expect("what was to be asked later is asked now");
    world.lab.ca.fail_next(1, Some(Endpoint::NewOrder), &TWO_HOURS);
    let first = world.renew_due(&state).run().expect_code(5);
    assert!(said(&first).contains("the CA asks to wait 7200 s"), "{first}");
    let until = kept(&state);
    for run in [world.renew_due(&state), world.renew_due(&state), world.renew(&state)] {
        let (done, sent) = asked(&world, run);
        let done = done.expect_code(0);
        assert_eq!(sent, 0, "{done}");
    }
    assert!(said(&world.renew(&state).run()).contains(shown(&until)));
    let listed = Acmite::new("list --json", &state).run().expect_code(0);
    let list: Value = serde_json::from_str(&listed.stdout).expect("one document");
    let next = list["certificates"][0]["next_renewal"].as_str().expect("a time");
    assert_eq!(shown(next), shown(&until), "{listed}");
    assert_eq!(world.whole_pair(&state), live);
    end_wait(&state);
    world.renew_due(&state).run().expect_code(0);
    assert_ne!(world.whole_pair(&state), live);
}
