//! Renewing what is due, certificates side by side; what happens to one holds up no other.

use std::panic::resume_unwind;
use std::thread::ScopedJoinHandle;

use time::OffsetDateTime;

use super::attempt::{Attempt, Outcome, names_of, side_by_side};
use super::clients::Clients;
use super::due::{self, Verdict, Why};
use super::round::HookRound;
use super::run::{Choice, RenewRun, sweep};
use super::standing::{Standing, is_quiet};
use super::suggestions;
use crate::store::renewal_state::{Hold, HoldBy};

/// What became of the certificates.
#[derive(Debug, Default)]
pub struct RenewReport {
    /// Each that was looked at closely.
    pub outcomes: Vec<(String, Outcome)>,
    /// How many had nothing to do.
    pub not_due: usize,
    /// How many post hooks failed.
    pub failed_post_hooks: usize,
}

/// Renews the certificates called `names`.
pub async fn renew(run: &RenewRun<'_>, names: &[String]) -> RenewReport {
    let now = (run.clock)();
    let (mut sorting, mut asking) = (Sorting::default(), Vec::new());
    for looked in on_all_processors(names, |name| look(run, name, now)) {
        match looked {
            Looked::Asking(standing) => asking.push(*standing),
            Looked::Sorted(sorted) => sorting.take(sorted),
        }
    }
    let clients = Clients::default();
    tokio::select! {
        () = suggestions::refresh(&mut asking, &clients, run.options.ca_bundle.as_ref(), now) => {}
        () = run.cancel.requested() => {}
    }
    asking.into_iter().for_each(|standing| sorting.take(sorted(run, standing, now)));
    let Sorting { mut report, mut due } = sorting;
    due.sort_by(|one, other| one.0.name.cmp(&other.0.name));
    if !due.is_empty() {
        renew_due(run, &clients, due, &mut report).await;
    }
    report.outcomes.sort_by(|one, other| one.0.cmp(&other.0));
    report
}

/// What each of the names gives, in their order, by as many threads as there are processors.
fn on_all_processors<T: Send>(names: &[String], look: impl Fn(&str) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = names.len().div_ceil(threads).max(1);
    let look = &|share: &[String]| share.iter().map(|name| look(name)).collect::<Vec<T>>();
    std::thread::scope(|scope| {
        let looking: Vec<_> = names.chunks(share).map(|share| scope.spawn(move || look(share))).collect();
        let join = |one: ScopedJoinHandle<'_, Vec<T>>| one.join().unwrap_or_else(|panic| resume_unwind(panic));
        looking.into_iter().flat_map(join).collect()
    })
}

/// A certificate at the first look. Ten thousand of which nothing is to be said are not kept in memory.
enum Looked {
    /// The CA is asked before it can be said.
    Asking(Box<Standing>),
    Sorted(Sorted),
}

fn look(run: &RenewRun<'_>, name: &str, now: OffsetDateTime) -> Looked {
    let is_for_due = matches!(run.options.choice, Choice::Due);
    if is_for_due && is_quiet(run.state, name, now) {
        return Looked::Sorted(Sorted::NotDue);
    }
    match Standing::read(run.state, name) {
        Ok(standing) if is_for_due && standing.asks(now) => Looked::Asking(Box::new(standing)),
        Ok(standing) => Looked::Sorted(sorted(run, standing, now)),
        Err(error) => Looked::Sorted(Sorted::Told(name.to_owned(), Outcome::Failed(Box::new(error.into())))),
    }
}

#[derive(Default)]
struct Sorting {
    report: RenewReport,
    due: Vec<(Box<Standing>, Why)>,
}

impl Sorting {
    fn take(&mut self, sorted: Sorted) {
        match sorted {
            Sorted::Due(standing, why) => self.due.push((standing, why)),
            Sorted::Told(name, outcome) => self.report.outcomes.push((name, outcome)),
            Sorted::NotDue => self.report.not_due += 1,
        }
    }
}

enum Sorted {
    Due(Box<Standing>, Why),
    Told(String, Outcome),
    NotDue,
}

/// What the CA suggested is noted before anything comes of it; and what is not due, so that the next run need not look
/// at it.
fn sorted(run: &RenewRun<'_>, mut standing: Standing, now: OffsetDateTime) -> Sorted {
    let choice = run.options.choice;
    if let Choice::Trial(_) = choice {
        return Sorted::Due(Box::new(standing), Why::Forced);
    }
    let name = standing.name.clone();
    let verdict = standing.verdict(now, run.options.next_run);
    let rate_limited = standing.state.hold.clone().filter(|hold| hold.by == HoldBy::RateLimit && due::holds(hold, now));
    standing.state.quiet = standing.quiet(run.state, now);
    if let Err(error) = standing.state.save(run.state, &name) {
        return Sorted::Told(name, Outcome::Failed(Box::new(error.into())));
    }
    match (verdict, rate_limited) {
        (_, Some(Hold { until, by })) if matches!(choice, Choice::Forced) => {
            Sorted::Told(name, Outcome::Held { until, by })
        }
        (Verdict::Due(why), _) => Sorted::Due(Box::new(standing), why),
        _ if matches!(choice, Choice::Forced) || !standing.state.owed_hooks.is_empty() => {
            Sorted::Due(Box::new(standing), Why::Forced)
        }
        (Verdict::Held { until, by }, _) => Sorted::Told(name, Outcome::Held { until, by }),
        (Verdict::Later { .. }, _) => Sorted::NotDue,
    }
}

async fn renew_due(run: &RenewRun<'_>, clients: &Clients, due: Vec<(Box<Standing>, Why)>, report: &mut RenewReport) {
    sweep(run).await;
    let round = HookRound::new(run.state);
    let one = |(standing, why): (Box<Standing>, Why)| {
        let one = Attempt { run, clients, round: &round, name: standing.name.clone(), why };
        let names = standing.renewal.as_ref().map(names_of).unwrap_or_default();
        async move { (one.name.clone(), names, one.renew().await) }
    };
    let (outcomes, failed_post_hooks) = side_by_side(run, &round, due.into_iter().map(one)).await;
    report.failed_post_hooks = failed_post_hooks;
    report.outcomes.extend(outcomes);
}
