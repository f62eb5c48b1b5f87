//! What `acmite apply` did or would do, for people and for programs.

use serde_json::{Value, json};

use super::configured::Configured;
use super::exit::Exit;
use super::renew_report;
use super::view::moment;
use crate::flow::{Applied, ApplyReport, Change, Outcome, Plan, Step};

/// The plan, and whether it can be carried out.
pub(super) fn plan_text(plan: &Plan) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (name, step) in &plan.steps {
        lines.push(match step {
            Ok(Step::Issue) => format!("{name}: would be issued, there is none"),
            Ok(Step::Reissue { changes }) => format!("{name}: would be issued anew{}", changed(changes)),
            Ok(Step::Update { changes }) => format!("{name}: would be renewed otherwise{}", changed(changes)),
            Ok(Step::Keep) => format!("{name}: is as described"),
            Err(error) => format!("{name}: {}", crate::causes::chain(error)),
        });
    }
    lines.extend(undescribed(&plan.undescribed));
    lines.join("\n")
}

fn changed(changes: &[Change]) -> String {
    let line = |Change { setting, from, to }: &Change| format!("\n  {setting}: {} -> {}", or_none(from), or_none(to));
    changes.iter().map(line).collect()
}

fn or_none(value: &str) -> &str {
    if value.is_empty() { "none" } else { value }
}

fn undescribed(names: &[String]) -> Option<String> {
    let all = names.join(", ");
    (!names.is_empty()).then(|| format!("not in the file, left alone: {all} (`acmite delete` removes one)"))
}

/// The same for programs, with what holds where flags, environment and file disagree.
pub(super) fn plan_json(plan: &Plan, configured: &Configured) -> Value {
    let certificate = |(name, step): &(String, Result<Step, _>)| {
        let mut json = match step {
            Ok(step) => serde_json::to_value(step).unwrap_or_default(),
            Err(error) => json!({"step": "unknown", "error": crate::causes::chain(error)}),
        };
        json["name"] = name.as_str().into();
        json
    };
    json!({
        "event": "plan",
        "config": configured.file,
        "state_dir": configured.state.root(),
        "at_once": configured.at_once,
        "log_file": configured.log_file,
        "certificates": plan.steps.iter().map(certificate).collect::<Vec<_>>(),
        "not_in_file": plan.undescribed,
    })
}

/// How a plan ends.
pub(super) fn plan_exit(plan: &Plan) -> Exit {
    match (plan.steps.iter().any(|(_, step)| step.is_err()), plan.changes_something()) {
        (true, _) => Exit::State,
        (false, true) => Exit::WouldChange,
        (false, false) => Exit::Done,
    }
}

pub(super) fn text(report: &ApplyReport) -> String {
    let lines = report.outcomes.iter().map(|(name, applied)| match applied {
        Applied::Kept => format!("{name}: is as described"),
        Applied::Updated { changes } => format!("{name}: is renewed otherwise from now on{}", changed(changes)),
        Applied::Attempted(Outcome::Renewed { leaf, failed_hooks: 0 }) => {
            format!("{name}: issued, valid until {}", moment(leaf.not_after))
        }
        Applied::Attempted(outcome) => renew_report::line(name, outcome),
    });
    lines.chain(undescribed(&report.undescribed)).collect::<Vec<_>>().join("\n")
}

pub(super) fn json(report: &ApplyReport) -> Value {
    let certificate = |(name, applied): &(String, Applied)| {
        let mut json = match applied {
            Applied::Kept => json!({"result": "kept"}),
            Applied::Updated { changes } => json!({"result": "updated", "changes": changes}),
            Applied::Attempted(outcome) => renew_report::outcome_json(outcome),
        };
        if let Applied::Attempted(Outcome::Renewed { .. }) = applied {
            json["result"] = "issued".into();
        }
        json["name"] = name.as_str().into();
        json
    };
    json!({
        "event": "apply",
        "certificates": report.outcomes.iter().map(certificate).collect::<Vec<_>>(),
        "not_in_file": report.undescribed,
        "failed_post_hooks": report.failed_post_hooks,
    })
}

pub(super) fn exit(report: &ApplyReport) -> Exit {
    let attempted = report.outcomes.iter().filter_map(|(_, applied)| match applied {
        Applied::Attempted(outcome) => Some(outcome),
        _ => None,
    });
    renew_report::exit(attempted, report.failed_post_hooks)
}
