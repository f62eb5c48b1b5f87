//! Renewing what is due, certificates side by side; what happens to one holds up no other.

use time::OffsetDateTime;

use super::attempt::{Attempt, Outcome, names_of, side_by_side};
use super::clients::Clients;
use super::due::{Verdict, Why};
use super::round::HookRound;
use super::run::{Choice, RenewRun, sweep};
use super::standing::{Standing, restless};
use super::suggestions;
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
    let candidates = match run.options.choice {
        Choice::Due if !run.options.ignores_rate_limits => restless(run.state, names, now),
        Choice::Due | Choice::Forced | Choice::Trial(_) => names.to_vec(),
    };
    let mut report = RenewReport { not_due: names.len() - candidates.len(), ..RenewReport::default() };
    let mut standings = Vec::new();
    for name in candidates {
        match Standing::read(run.state, &name) {
            Ok(mut standing) => {
                if run.options.ignores_rate_limits {
                    standing.state.hold.take_if(|hold| hold.by == HoldBy::RateLimit);
                }
                standings.push(standing);
            }
            Err(error) => report.outcomes.push((name, Outcome::Failed(Box::new(error.into())))),
        }
    }
    let clients = Clients::default();
    if matches!(run.options.choice, Choice::Due) {
        tokio::select! {
            () = suggestions::refresh(&mut standings, &clients, run.options.ca_bundle.as_ref(), now) => {}
            () = run.cancel.requested() => {}
        }
    }
    let mut due = Vec::new();
    for standing in standings {
        match sorted(run, standing, now) {
            Sorted::Due(standing, why) => due.push((standing, why)),
            Sorted::Told(name, outcome) => report.outcomes.push((name, outcome)),
            Sorted::NotDue => report.not_due += 1,
        }
    }
    if !due.is_empty() {
        renew_due(run, &clients, due, &mut report).await;
    }
    report.outcomes.sort_by(|one, other| one.0.cmp(&other.0));
    report
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
    let rate_limited = standing.rate_limit(now);
    standing.state.quiet = standing.quiet(run.state, now);
    if let Err(error) = standing.state.save(run.state, &name) {
        return Sorted::Told(name, Outcome::Failed(Box::new(error.into())));
    }
    match (verdict, rate_limited) {
        (_, Some(until)) if matches!(choice, Choice::Forced) => {
            Sorted::Told(name, Outcome::Held { until, by: HoldBy::RateLimit })
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
    let (outcomes, failed_post_hooks) = side_by_side(run, &round, due.into_iter().map(one).collect()).await;
    report.failed_post_hooks = failed_post_hooks;
    report.outcomes.extend(outcomes);
}
