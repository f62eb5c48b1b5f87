//! Whatever a CA does to any one request, and wherever acmite is killed between two, nothing is lost.

use std::path::{Path, PathBuf};
use std::time::Duration;

use acmite_lab::ca::Fault;
use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::faults::{Before, World, at_each, tell};
use acmite_tests::openssl;
use acmite_tests::proxy::{Moment, Proxy};

#[derive(Clone, Copy)]
struct Command {
    run: fn(&World, &Path) -> Acmite,
    state: fn(&World) -> PathBuf,
    is_renewal: bool,
}

const ISSUE: Command = Command { run: World::issue, state: World::fresh_state, is_renewal: false };
const RENEW: Command = Command { run: World::renew, state: World::issued_state, is_renewal: true };
const PATIENCE: Duration = Duration::from_secs(60);

/// How many requests a run sends.
fn requests(command: Command) -> usize {
    let world = World::start();
    let state = (command.state)(&world);
    let before = world.lab.ca.requests().len();
    (command.run)(&world, &state).run().expect_code(0);
    world.lab.ca.requests().len() - before
}

/// One trial: what was before it, and what became of it.
struct Trial<'a> {
    world: &'a World,
    command: Command,
    state: PathBuf,
    before: Before,
    live: Option<String>,
}

impl<'a> Trial<'a> {
    fn begin(world: &'a World, command: Command) -> Self {
        let state = (command.state)(world);
        let (before, live) = (world.before(), world.whole_pair(&state));
        Self { world, command, state, before, live }
    }

    /// The pair is whole, the next run succeeds, and what the CA made already is fetched and not ordered.
    fn end(self, what: &str) {
        let Self { world, command, state, before, live } = self;
        world.lab.ca.forget_faults();
        let middle = world.before();
        let pair = world.whole_pair(&state);
        assert!(pair.is_some() || !command.is_renewal, "the live certificate is gone: {what}");
        let next = (command.run)(world, &state).run();
        assert_eq!(next.code, Some(0), "{what}\nthen {next}");
        assert!(world.whole_pair(&state).is_some(), "{what}");
        world.assert_clean(&state);
        world.assert_tidy(&state);
        if middle.certificates > before.certificates && pair == live {
            assert_eq!(world.before().orders, middle.orders, "it was ordered again: {what}\nthen {next}");
        }
        std::fs::remove_dir_all(&state).expect("removed");
    }
}

fn killed_at_each_request(command: Command, row: &str) {
    let count = requests(command);
    let faults = [Fault::Hang, Fault::HangAfter];
    let moments: Vec<(usize, &Fault)> = (1..=count).flat_map(|n| faults.iter().map(move |fault| (n, fault))).collect();
    let killed = at_each(&moments, |world, (number, fault)| {
        let trial = Trial::begin(world, command);
        let run = (command.run)(world, &trial.state);
        let Some(run) = world.hanging(run, *number, (*fault).clone()) else { return false };
        run.kill();
        trial.end(&format!("request {number}, {fault:?}"));
        true
    });
    tell(row, killed.iter().filter(|killed| **killed).count());
}

#[test]
fn killed_at_any_request_to_the_ca_an_issuance_is_taken_up_by_the_next() {
    killed_at_each_request(ISSUE, "kill -9 before and after the CA does each request of `acmite issue`");
}

#[test]
fn killed_at_any_request_to_the_ca_a_renewal_is_taken_up_by_the_next() {
    killed_at_each_request(RENEW, "kill -9 before and after the CA does each request of `acmite renew`");
}

#[test]
fn an_order_for_a_request_of_the_users_own_is_taken_up_with_that_request_alone() {
    let world = World::start();
    let count = requests(ISSUE);
    let folder = tempfile::tempdir().expect("a folder");
    let san = ["-addext", "subjectAltName=DNS:example.test,DNS:*.example.test"];
    let [csr, other] = ["own", "other"].map(|name| openssl::request(folder.path(), name, "/", &san).1);
    for (next, orders_again) in [(&csr, 0), (&other, 1)] {
        let state = world.fresh_state();
        let issue = |csr: &Path| world.issue(&state).args(["--csr".as_ref(), csr.as_os_str()]);
        let run = world.hanging(issue(&csr), count, Fault::HangAfter).expect("a run that asks for the certificate");
        run.kill();
        world.lab.ca.forget_faults();
        let orders = world.before().orders;
        issue(next).run().expect_code(0);
        assert_eq!(world.before().orders - orders, orders_again);
        let read = |path: &Path| std::fs::read_to_string(path).expect("a request");
        assert_eq!(read(&state.join("live/example.test/csr.pem")), read(next));
        world.assert_clean(&state);
        world.assert_tidy(&state);
    }
}

#[test]
fn killed_at_any_request_to_the_api_a_run_is_taken_up_by_the_next() {
    let world = World::start();
    let proxy = Proxy::start(&world.lab.powerdns.base_url(), None);
    world.lead_to(&proxy.url);
    world.issue(&world.fresh_state()).run().expect_code(0);
    let count = proxy.requests().len();
    assert!(count >= 4, "{:?}", proxy.request_lines());
    let both = [Moment::BeforeRequest, Moment::BeforeReply];
    let moments: Vec<(usize, Moment)> = (1..=count).flat_map(|n| both.map(move |moment| (n, moment))).collect();
    at_each(&moments, |world, (number, moment)| {
        let trial = Trial::begin(world, ISSUE);
        let proxy = Proxy::start(&world.lab.powerdns.base_url(), Some((*number, *moment)));
        world.lead_to(&proxy.url);
        let run = world.issue(&trial.state).start();
        assert!(proxy.await_hold(PATIENCE), "{}", run.stderr());
        run.kill();
        proxy.release();
        world.lead_to(&world.lab.powerdns.base_url());
        trial.end(&format!("exchange {number}, {moment:?}"));
    });
    tell("kill -9 before and after the provider's API does each request", moments.len());
}

fn faults() -> [Fault; 8] {
    let status = |status, retry_after| Fault::Status { status, retry_after };
    [
        status(500, None),
        status(503, Some(1)),
        status(429, Some(1)),
        Fault::BadNonce,
        Fault::Drop,
        Fault::DropAfter,
        Fault::Malformed,
        Fault::Truncated,
    ]
}

fn each_request_fails(command: Command, row: &str) {
    let count = requests(command);
    let faults = faults();
    let cases: Vec<(usize, &Fault)> = (1..=count).flat_map(|n| faults.iter().map(move |fault| (n, fault))).collect();
    let tried = at_each(&cases, |world, (number, fault)| {
        let trial = Trial::begin(world, command);
        world.lab.ca.fail_at(*number, (*fault).clone());
        let done = (command.run)(world, &trial.state).run();
        let what = format!("request {number}, {fault:?}: {done}");
        // Asking once more helps, unless the CA has said something that makes no sense.
        assert!(done.code == Some(0) || **fault == Fault::Malformed && speaks_plainly(&done), "{what}");
        world.assert_clean(&trial.state);
        trial.end(&what);
    });
    tell(row, tried.len());
}

fn speaks_plainly(done: &Finished) -> bool {
    let said = format!("{}{}", done.stdout, done.stderr);
    // A refusal whose words cannot be read is one nevertheless.
    let is_meant = done.code == Some(9) || done.code == Some(5) && said.contains("refused with status 4");
    is_meant && (said.contains("what to do: ") || said.contains("; check that "))
}

#[test]
fn whatever_the_ca_does_to_one_request_an_issuance_loses_nothing() {
    each_request_fails(ISSUE, "each request of `acmite issue` fails in each way the CA can");
}

#[test]
fn whatever_the_ca_does_to_one_request_a_renewal_loses_nothing() {
    each_request_fails(RENEW, "each request of `acmite renew` fails in each way the CA can");
}
