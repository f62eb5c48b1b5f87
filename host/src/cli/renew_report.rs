//! What `acmite renew` did, for people and for programs.

use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::view::moment;
use crate::flow::{Outcome, RenewReport};
use crate::store::renewal_state::HoldBy;

pub(super) fn text(report: &RenewReport) -> String {
    let mut lines: Vec<String> = report.outcomes.iter().map(|(name, outcome)| line(name, outcome)).collect();
    if report.not_due > 0 || lines.is_empty() {
        lines.push(format!("{} not due", report.not_due));
    }
    lines.join("\n")
}

pub(super) fn line(name: &str, outcome: &Outcome) -> String {
    let hooks = match hooks(outcome) {
        0 => String::new(),
        count => format!("; {count} deploy hooks failed and are run again next time"),
    };
    match outcome {
        Outcome::Renewed { leaf, .. } => format!("{name}: renewed, valid until {}{hooks}", moment(leaf.not_after)),
        Outcome::Tried => format!("{name}: the trial went well; nothing was stored"),
        Outcome::Deployed { .. } => format!("{name}: deploy hooks of the last renewal were run again{hooks}"),
        Outcome::Held { until, by: HoldBy::RateLimit } => {
            format!(
                "{name}: due, and the CA asked to wait until {}; till then it is not asked (--ignore-rate-limit)",
                moment(*until)
            )
        }
        Outcome::Held { until, .. } => {
            format!("{name}: due; after the last failure it is tried again from {} on, or with --force", moment(*until))
        }
        Outcome::Elsewhere => format!("{name}: left alone, another process has it or has just renewed it"),
        Outcome::NotBegun => format!("{name}: not begun"),
        Outcome::Failed(error) => {
            let Failure { message, remedy, .. } = Failure::from(error.as_ref());
            let wait = error.retry_after().map(|after| format!("; the CA asks to wait {} s", after.as_secs()));
            let remedy = remedy.map(|remedy| format!("\n  what to do: {remedy}"));
            format!("{name}: failed: {message}{}{}", wait.unwrap_or_default(), remedy.unwrap_or_default())
        }
    }
}

pub(super) fn json(report: &RenewReport) -> Value {
    let certificate = |(name, outcome): &(String, Outcome)| {
        let mut json = outcome_json(outcome);
        json["name"] = name.as_str().into();
        json
    };
    json!({
        "event": "renew",
        "certificates": report.outcomes.iter().map(certificate).collect::<Vec<_>>(),
        "not_due": report.not_due,
        "failed_post_hooks": report.failed_post_hooks,
    })
}

pub(super) fn outcome_json(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Renewed { leaf, failed_hooks } => {
            json!({"result": "renewed", "not_after": moment(leaf.not_after), "failed_hooks": failed_hooks})
        }
        Outcome::Tried => json!({"result": "tried"}),
        Outcome::Deployed { failed_hooks } => json!({"result": "deployed", "failed_hooks": failed_hooks}),
        Outcome::Held { until, by } => json!({"result": "held", "until": moment(*until), "by": by}),
        Outcome::Elsewhere => json!({"result": "elsewhere"}),
        Outcome::NotBegun => json!({"result": "not-begun"}),
        Outcome::Failed(error) => {
            let Failure { message, remedy, exit } = Failure::from(error.as_ref());
            let wait = error.retry_after().map(|after| after.as_secs());
            json!({"result": "failed", "message": message, "remedy": remedy, "exit_code": exit as u8, "retry_after": wait})
        }
    }
}

/// How a run ended that had these outcomes.
pub(super) fn exit<'a>(outcomes: impl Iterator<Item = &'a Outcome> + Clone, failed_post_hooks: usize) -> Exit {
    let failed = outcomes.clone().find_map(|outcome| match outcome {
        Outcome::Failed(error) => Some(Failure::from(error.as_ref()).exit),
        _ => None,
    });
    let hook_failed = failed_post_hooks > 0 || outcomes.clone().any(|outcome| hooks(outcome) > 0);
    failed.unwrap_or(if hook_failed { Exit::HookFailed } else { Exit::Done })
}

/// How many hooks of a certificate failed.
fn hooks(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Renewed { failed_hooks, .. } | Outcome::Deployed { failed_hooks } => *failed_hooks,
        _ => 0,
    }
}
