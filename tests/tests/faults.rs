//! Signals, clocks, disks, name servers and neighbours that a run does not choose.

use std::path::Path;
use std::time::{Duration, Instant};

use acmite::secure_file::FileLock;
use acmite_lab::ca::{Endpoint, Fault};
use acmite_lab::dns::{Behaviour, Mood};
use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::faults::{ROWS, World, at_each, document, tell};
use acmite_tests::process::{or_skip, peer, wait_until};
use acmite_tests::proxy::{Moment, Proxy};

const PATIENCE: Duration = Duration::from_secs(60);

/// Sent while the CA does not answer request `number`, as all runs up to there.
fn is_interrupted(world: &World, number: usize, signal: &str) -> bool {
    let state = world.fresh_state();
    let Some(run) = world.hanging(world.issue(&state), number, Fault::Hang) else { return false };
    let started = Instant::now();
    run.signal(signal);
    let done = run.finish().expect_code(130);
    let took = started.elapsed();
    assert!(took < A_MOMENT, "it took {took:?} at request {number}: {done}");
    assert!(done.stderr.contains("interrupted"), "{done}");
    world.assert_clean(&state);
    world.lab.ca.forget_faults();
    world.issue(&state).run().expect_code(0);
    world.assert_tidy(&state);
    true
}

/// A user who waits for longer presses Ctrl-C again.
const A_MOMENT: Duration = Duration::from_secs(15);

fn requests_of_an_issuance() -> usize {
    let world = World::start();
    world.issue(&world.fresh_state()).run().expect_code(0);
    world.lab.ca.requests().len()
}

#[test]
fn interrupted_at_any_request_a_run_cleans_up_at_once_and_the_next_succeeds() {
    let both = ["INT", "TERM"];
    let stages: Vec<(usize, &str)> =
        (1..=requests_of_an_issuance()).flat_map(|n| both.map(move |signal| (n, signal))).collect();
    let met = at_each(&stages, |world, (number, signal)| is_interrupted(world, *number, signal));
    tell("SIGINT and SIGTERM at each request to the CA", met.iter().filter(|met| **met).count());
}

#[test]
fn interrupted_while_another_process_gets_the_certificate_a_run_does_not_wait_for_it() {
    let world = World::start();
    let state = world.issued_state();
    let lock = FileLock::try_acquire(&state.join("locks/renewal-example.test")).expect("nobody has it");
    let mut run = world.issue(&state).args(["--json"]).start();
    run.await_event("waiting-for-certificate");
    run.signal("INT");
    run.finish().expect_code(130);
    drop(lock);
}

#[test]
fn interrupted_while_the_api_is_asked_a_run_ends_what_it_began_and_removes_it() {
    let stages = [1, 2, 3, 4];
    at_each(&stages, |world, number| {
        let proxy = Proxy::start(&world.lab.powerdns.base_url(), Some((*number, Moment::BeforeReply)));
        world.lead_to(&proxy.url);
        let state = world.fresh_state();
        let run = world.issue(&state).start();
        assert!(proxy.await_hold(PATIENCE), "{}", run.stderr());
        run.signal("INT");
        proxy.release();
        let done = run.finish();
        assert!(matches!(done.code, Some(130 | 0)), "{done}");
        world.assert_clean(&state);
        world.lead_to(&world.lab.powerdns.base_url());
    });
    tell("SIGINT at each request to the provider's API", stages.len());
}

#[test]
fn a_second_run_waits_for_the_same_certificate_and_for_no_other() {
    let world = World::start();
    let state = world.fresh_state();
    world.lab.ca.fail_next(1, Some(Endpoint::Finalize), &Fault::Slow(Duration::from_secs(3)));
    let mut first = world.issue(&state).args(["--json"]).start();
    first.await_event("published");
    let mut second = world.issue(&state).args(["--json"]).start();
    second.await_event("waiting-for-certificate");
    let other = world.issue_other(&state).run().expect_code(0);
    assert!(!other.stderr.contains("another process is getting"), "{other}");
    assert!(!first.stdout().contains("\"issued\""), "the first ended before the other");
    first.finish().expect_code(0);
    second.finish().expect_code(0);
    world.assert_clean(&state);
}

#[test]
fn a_ca_that_is_gone_between_finalize_and_download_is_asked_for_the_certificate_when_it_is_back() {
    let world = World::start();
    let state = world.fresh_state();
    let run = world.issue(&state);
    world.lab.ca.fail_next(GONE, Some(Endpoint::Certificate), &Fault::Drop);
    let run = run.start();
    let is_gone = || world.lab.ca.requests().iter().filter(|one| one.endpoint == Endpoint::Certificate).count() > 1;
    wait_until("the download", PATIENCE, is_gone);
    run.signal("TERM");
    run.finish().expect_code(130);
    let (made, ordered) = (world.before().certificates, world.before().orders);
    assert_eq!((made, ordered), (1, 1));
    world.lab.ca.forget_faults();
    let next = world.issue(&state).run().expect_code(0);
    assert!(next.stderr.contains("taking up"), "{next}");
    assert_eq!((world.before().certificates, world.before().orders), (1, 1));
    assert!(world.whole_pair(&state).is_some());
}

const GONE: usize = 1000;

#[test]
fn servers_that_are_silent_or_say_something_else_end_it_with_a_word_and_a_clean_zone() {
    let frozen = Behaviour { frozen_at: Some(Instant::now()), ..Behaviour::default() };
    let lame = Behaviour { mood: Mood::Lame, ..Behaviour::default() };
    let silent = Behaviour { mood: Mood::Silent, ..Behaviour::default() };
    let refusing = Behaviour { mood: Mood::Refuses, ..Behaviour::default() };
    let behaviours = [frozen, lame, silent, refusing];
    at_each(&behaviours, |world, behaviour| {
        let state = world.fresh_state();
        // While the zone is found, all is well.
        let proxy = Proxy::start(&world.lab.powerdns.base_url(), Some((1, Moment::BeforeReply)));
        world.lead_to(&proxy.url);
        let run = world.issue(&state).args(["--propagation-timeout", "3"]).start();
        assert!(proxy.await_hold(PATIENCE), "{}", run.stderr());
        world.lab.dns.set_behaviour(0, *behaviour);
        proxy.release();
        let done = run.finish();
        world.lead_to(&world.lab.powerdns.base_url());
        world.lab.dns.set_behaviour(0, Behaviour::default());
        // Servers that cannot be asked are told of, and a resolver is asked instead; one that shows no value is waited for.
        let codes: &[i32] = if behaviour.frozen_at.is_some() { &[6] } else { &[0, 6] };
        assert!(done.code.is_some_and(|code| codes.contains(&code)), "{behaviour:?}: {done}");
        assert!(done.stderr.contains("ns1.example.test") || done.stderr.contains("can be asked"), "{done}");
        world.cleanup(&state).run().expect_code(0);
        world.assert_clean(&state);
        world.issue(&state).run().expect_code(0);
    });
    tell("name servers that are silent, refuse, or say something else", behaviours.len());
}

fn at_time(run: Acmite, offset: &str) -> Acmite {
    run.under("faketime", ["-f", offset])
}

fn renew_due(world: &World, state: &Path) -> Acmite {
    world.renew_due(state)
}

#[test]
fn a_clock_that_was_wrong_holds_up_nothing_once_it_is_right() {
    let Some(_) = peer("faketime") else { return };
    let offsets = ["+5y", "+91d", "-1h"];
    at_each(&offsets, |world, offset| {
        let state = world.issued_state();
        // Whatever a wrong clock made of it.
        let wrong = at_time(renew_due(world, &state), offset).run();
        assert!(matches!(wrong.code, Some(0 | 9)), "{offset}: {wrong}");
        assert!(world.whole_pair(&state).is_some());
        world.lab.ca.renew_everything_now();
        let right = renew_due(world, &state).run().expect_code(0);
        let live = world.whole_pair(&state).expect("a pair");
        let forced = world.renew(&state).run().expect_code(0);
        assert_ne!(world.whole_pair(&state).expect("a pair"), live, "{offset}: {right}\n{forced}");
        world.assert_clean(&state);
    });
    tell("a clock that is wrong by years, months or an hour, and right again", offsets.len());
}

/// Runs a shell script with the state folder on a disk of its own. Gives how it went.
fn on_a_disk_of_its_own(run: Acmite, state: &Path, disk: &str) -> Finished {
    let state = state.display();
    let script = format!(
        "cp -a {state} {state}.kept && {disk} {state} && cp -a {state}.kept/. {state}/; \
         after=\"$0\"; \"$@\"; code=$?; mkdir {state}.out && cp -a {state}/. {state}.out/; exit $code"
    );
    run.under("unshare", ["-rm", "sh", "-c", &script, "-"]).run()
}

fn can_mount() -> Option<()> {
    let status = std::process::Command::new("unshare").args(["-rm", "true"]).status();
    let can = status.is_ok_and(|status| status.success());
    or_skip("unshare -rm", can.then(|| std::path::PathBuf::from("unshare"))).map(|_| ())
}

#[test]
fn a_disk_of_any_size_too_small_costs_nothing_but_the_renewal() {
    if can_mount().is_none() {
        return;
    }
    let sizes: Vec<usize> = (0..24).collect();
    let ends = at_each(&sizes, |world, pages| {
        let state = world.issued_state();
        let used = world.pages_used(&state) + pages;
        let disk = format!("mount -t tmpfs -o size={}k,mode=700 none", used * 4);
        let done = on_a_disk_of_its_own(world.renew(&state), &state, &disk);
        assert!(matches!(done.code, Some(0 | 10)), "{done}");
        assert!(done.code == Some(0) || format!("{}{}", done.stdout, done.stderr).contains("No space left"), "{done}");
        let after = state.with_extension("out");
        assert!(world.whole_pair(&after).is_some(), "{done}");
        world.assert_clean(&after);
        world.renew(&after).run().expect_code(0);
        world.assert_tidy(&after);
        done.code
    });
    assert!(ends.contains(&Some(10)) && ends.contains(&Some(0)), "no size was both: {ends:?}");
    tell("a disk with 0 to 23 free pages", sizes.len());
}

#[test]
fn on_a_read_only_disk_nothing_is_begun_and_the_word_is_clear() {
    if can_mount().is_none() {
        return;
    }
    let world = World::start();
    let state = world.issued_state();
    let before = world.before().orders;
    let disk = "f() { mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\"; } && f";
    let done = on_a_disk_of_its_own(world.renew(&state), &state, disk).expect_code(10);
    assert!(format!("{}{}", done.stdout, done.stderr).contains("Read-only file system"), "{done}");
    assert_eq!(world.before().orders, before);
    world.renew(&state).run().expect_code(0);
    tell("a disk that is read-only", 1);
}

#[test]
fn the_table_has_a_row_for_every_fault_and_no_other() {
    let document = document();
    let rows: Vec<&str> =
        document.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).skip(1).collect();
    let faults: Vec<&str> = ROWS.iter().map(|row| row.fault).collect();
    assert_eq!(rows, faults);
}
