//! Making certificates as they are described: what is missing is got, what has changed is got anew, and nothing is deleted.

use super::attempt::{Attempt, Outcome, RenewError, names_of, side_by_side};
use super::clients::Clients;
use super::due::{self, Why};
use super::plan::{Change, Plan, Step, Wanted, step};
use super::round::HookRound;
use super::run::{Choice, RenewRun, sweep};
use super::standing::Standing;
use crate::secure_file::{FileLock, LockError};
use crate::store::renewal::RenewalStore;
use crate::store::renewal_state::{Hold, HoldBy, RenewalState};

/// What became of one certificate.
#[derive(Debug)]
pub enum Applied {
    /// It was as described.
    Kept,
    /// Other settings are kept for its renewals.
    Updated {
        /// Which.
        changes: Vec<Change>,
    },
    /// It was to be got.
    Attempted(Outcome),
}

/// What became of the certificates.
#[derive(Debug)]
pub struct ApplyReport {
    /// Those that are described.
    pub outcomes: Vec<(String, Applied)>,
    /// Those that are not, and were left alone.
    pub undescribed: Vec<String>,
    /// How many post hooks failed.
    pub failed_post_hooks: usize,
}

/// Makes the certificates as they are described; `known` are the names of all certificates in the state folder. An
/// attempt waits after a failure where the run is for what is due, and for a CA that asked to unless told not to.
pub async fn apply(run: &RenewRun<'_>, wanted: &[Wanted], known: &[String]) -> ApplyReport {
    let Plan { steps, undescribed } = Plan::new(run.state, wanted, known);
    let mut report = ApplyReport { outcomes: Vec::new(), undescribed, failed_post_hooks: 0 };
    let mut to_issue = Vec::new();
    for (wanted, (name, step)) in wanted.iter().zip(steps) {
        let done = match step {
            Ok(Step::Keep) => Applied::Kept,
            Ok(Step::Update { changes }) => updated(run, wanted, changes),
            Ok(Step::Issue | Step::Reissue { .. }) => match held(run, wanted) {
                Some(Hold { until, by, .. }) => Applied::Attempted(Outcome::Held { until, by }),
                None => {
                    to_issue.push(wanted);
                    continue;
                }
            },
            Err(error) => failed(error.into()),
        };
        report.outcomes.push((name, done));
    }
    if !to_issue.is_empty() {
        issue_all(run, &to_issue, &mut report).await;
    }
    report.outcomes.sort_by(|one, other| one.0.cmp(&other.0));
    report
}

fn failed(error: RenewError) -> Applied {
    Applied::Attempted(Outcome::Failed(Box::new(error)))
}

/// The wait that an attempt must respect.
fn held(run: &RenewRun<'_>, wanted: &Wanted) -> Option<Hold> {
    let waits = |hold: &Hold| match hold.by {
        HoldBy::RateLimit => !run.options.ignores_rate_limits,
        _ => matches!(run.options.choice, Choice::Due),
    };
    let now = (run.clock)();
    let in_force = |hold: &Hold| due::holds(hold, now) && hold.is_for(&wanted.renewal.server) && waits(hold);
    RenewalState::load(run.state, &wanted.name).hold.filter(in_force)
}

fn updated(run: &RenewRun<'_>, wanted: &Wanted, changes: Vec<Change>) -> Applied {
    let _lock = match FileLock::try_acquire(&run.state.renewal_lock(&wanted.name)) {
        Ok(lock) => lock,
        Err(LockError::Held { .. }) => return Applied::Attempted(Outcome::Elsewhere),
        Err(error) => return failed(error.into()),
    };
    match RenewalStore::new(run.state, &wanted.name).save(&wanted.renewal) {
        Ok(()) => Applied::Updated { changes },
        Err(error) => failed(error.into()),
    }
}

async fn issue_all(run: &RenewRun<'_>, wanted: &[&Wanted], report: &mut ApplyReport) {
    sweep(run).await;
    let (clients, round) = (Clients::default(), HookRound::new(run.state));
    let has_others = wanted.len() > 1;
    let one = |wanted: &&Wanted| {
        let why = why(run, wanted);
        let attempt = Attempt { run, clients: &clients, round: &round, name: wanted.name.clone(), why, has_others };
        let wanted = (*wanted).clone();
        async move {
            let outcome = attempt.make_as(&wanted, |standing| is_missing(standing, &wanted)).await;
            (wanted.name.clone(), names_of(&wanted.renewal), outcome)
        }
    };
    let (outcomes, failed_post_hooks) = side_by_side(run, &round, wanted.iter().map(one)).await;
    report.failed_post_hooks = failed_post_hooks;
    report.outcomes.extend(outcomes.into_iter().map(|(name, outcome)| (name, Applied::Attempted(outcome))));
}

fn is_missing(standing: &Standing, wanted: &Wanted) -> bool {
    matches!(step(standing, &wanted.renewal), Step::Issue | Step::Reissue { .. })
}

fn why(run: &RenewRun<'_>, wanted: &Wanted) -> Why {
    let there = Standing::read(run.state, &wanted.name).is_ok_and(|standing| standing.leaf.is_some());
    if there { Why::Described } else { Why::Missing }
}
