//! Renewing what is due, certificates side by side; what happens to one holds up no other.

use std::panic::resume_unwind;
use std::thread::ScopedJoinHandle;

use time::OffsetDateTime;

use super::attempt::{Attempt, Outcome, RenewError, names_of, side_by_side};
use super::clients::Clients;
use super::due::{Verdict, Why};
use super::round::HookRound;
use super::run::{Choice, RenewRun, sweep};
use super::standing::{Standing, is_quiet};
use super::suggestions;
use crate::causes::chain;
use crate::store::quiet::{Mark, Quiet, QuietTimes};
use crate::store::renewal_state::HoldBy;

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
    let quiet = if is_for_due(run) { QuietTimes::load(run.state) } else { QuietTimes::default() };
    let looked = on_all_processors(names, |name| look(run, &quiet, name, now));
    let mut sorting = Sorting { quiet, ..Sorting::default() };
    let mut asking: Vec<Standing> = looked.into_iter().filter_map(|one| sorting.take(one)).collect();
    let clients = Clients::default();
    tokio::select! {
        () = suggestions::refresh(&mut asking, &clients, run.options.ca_bundle.as_ref(), now) => {}
        () = run.cancel.requested() => {}
    }
    for standing in asking {
        sorting.take(look_after_asking(run, standing, now));
    }
    let Sorting { mut report, mut due, quiet, is_noted } = sorting;
    if is_for_due(run)
        && is_noted
        && let Err(error) = quiet.save(run.state, now)
    {
        tracing::warn!(error = chain(&error), "the next run will look at every certificate again");
    }
    due.sort_by(|one, other| one.0.name.cmp(&other.0.name));
    if !due.is_empty() {
        renew_due(run, &clients, due, &mut report).await;
    }
    report.outcomes.sort_by(|one, other| one.0.cmp(&other.0));
    report
}

fn is_for_due(run: &RenewRun<'_>) -> bool {
    matches!(run.options.choice, Choice::Due)
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

/// A certificate as it was looked at. Of ten thousand that need nothing, not one is kept in memory.
enum Looked {
    /// What was found earlier holds.
    Quiet,
    /// The CA is asked before it can be said.
    Asking(Box<Standing>),
    /// With what is noted of it for the next runs.
    Sorted { name: String, sorted: Sorted, quiet: Option<Quiet> },
}

enum Sorted {
    Due(Box<Standing>, Why),
    Told(Outcome),
    NotDue,
}

fn look(run: &RenewRun<'_>, quiet: &QuietTimes, name: &str, now: OffsetDateTime) -> Looked {
    if is_for_due(run) && !run.options.ignores_rate_limits && is_quiet(run.state, name, quiet.get(name), now) {
        return Looked::Quiet;
    }
    let mark = Mark::of(run.state, name);
    match read(run, name) {
        Ok(standing) if is_for_due(run) && standing.asks(now) => Looked::Asking(Box::new(standing)),
        Ok(standing) => looked(run, standing, mark, now),
        Err(error) => told(name, error),
    }
}

/// What the CA suggested is noted before anything comes of it; what was read before is read again, as answers take their
/// time.
fn look_after_asking(run: &RenewRun<'_>, asked: Standing, now: OffsetDateTime) -> Looked {
    let Standing { name, state, .. } = asked;
    if let Err(error) = state.save(run.state, &name) {
        return told(&name, error.into());
    }
    let mark = Mark::of(run.state, &name);
    match read(run, &name) {
        Ok(standing) => looked(run, standing, mark, now),
        Err(error) => told(&name, error),
    }
}

/// How it stands, without a wait that the user said to ignore.
fn read(run: &RenewRun<'_>, name: &str) -> Result<Standing, RenewError> {
    let mut standing = Standing::read(run.state, name)?;
    if run.options.ignores_rate_limits {
        standing.state.hold.take_if(|hold| hold.by == HoldBy::RateLimit);
    }
    Ok(standing)
}

fn told(name: &str, error: RenewError) -> Looked {
    Looked::Sorted { name: name.to_owned(), sorted: Sorted::Told(Outcome::Failed(Box::new(error))), quiet: None }
}

fn looked(run: &RenewRun<'_>, standing: Standing, mark: Option<Mark>, now: OffsetDateTime) -> Looked {
    let (name, until) = (standing.name.clone(), standing.quiet_until(now));
    let quiet = mark.zip(until).map(|(mark, until)| Quiet { mark, until });
    Looked::Sorted { name, sorted: sorted(run, standing, now), quiet }
}

fn sorted(run: &RenewRun<'_>, standing: Standing, now: OffsetDateTime) -> Sorted {
    let choice = run.options.choice;
    if let Choice::Trial(_) = choice {
        return Sorted::Due(Box::new(standing), Why::Forced);
    }
    let verdict = standing.verdict(now, run.options.next_run);
    let rate_limited = standing.rate_limit(now);
    match (verdict, rate_limited) {
        (_, Some(until)) if matches!(choice, Choice::Forced) => {
            Sorted::Told(Outcome::Held { until, by: HoldBy::RateLimit })
        }
        (Verdict::Due(why), _) => Sorted::Due(Box::new(standing), why),
        _ if matches!(choice, Choice::Forced) || !standing.state.owed_hooks.is_empty() => {
            Sorted::Due(Box::new(standing), Why::Forced)
        }
        (Verdict::Held { until, by }, _) => Sorted::Told(Outcome::Held { until, by }),
        (Verdict::Later { .. }, _) => Sorted::NotDue,
    }
}

#[derive(Default)]
struct Sorting {
    report: RenewReport,
    due: Vec<(Box<Standing>, Why)>,
    quiet: QuietTimes,
    /// Whether something is in `quiet` that no file has.
    is_noted: bool,
}

impl Sorting {
    /// Gives it back if its CA is to be asked first.
    fn take(&mut self, looked: Looked) -> Option<Standing> {
        let (name, sorted, quiet) = match looked {
            Looked::Asking(standing) => return Some(*standing),
            Looked::Quiet => {
                self.report.not_due += 1;
                return None;
            }
            Looked::Sorted { name, sorted, quiet } => (name, sorted, quiet),
        };
        self.is_noted |= quiet.is_some();
        self.quiet.note(name.clone(), quiet);
        match sorted {
            Sorted::Due(standing, why) => self.due.push((standing, why)),
            Sorted::Told(outcome) => self.report.outcomes.push((name, outcome)),
            Sorted::NotDue => self.report.not_due += 1,
        }
        None
    }
}

async fn renew_due(run: &RenewRun<'_>, clients: &Clients, due: Vec<(Box<Standing>, Why)>, report: &mut RenewReport) {
    sweep(run).await;
    let round = HookRound::new(run.state);
    let has_others = due.len() > 1;
    let one = |(standing, why): (Box<Standing>, Why)| {
        let one = Attempt { run, clients, round: &round, name: standing.name.clone(), why, has_others };
        let names = standing.renewal.as_ref().map(names_of).unwrap_or_default();
        async move { (one.name.clone(), names, one.renew().await) }
    };
    let (outcomes, failed_post_hooks) = side_by_side(run, &round, due.into_iter().map(one)).await;
    report.failed_post_hooks = failed_post_hooks;
    report.outcomes.extend(outcomes);
}
