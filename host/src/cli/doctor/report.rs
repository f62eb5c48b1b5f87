//! How findings are shown.

use serde_json::{Value, json};

use crate::flow::doctor::{Condition, Severity};

/// A condition, and which certificate has it.
pub(super) struct Finding {
    about: Option<String>,
    condition: Condition,
}

impl Finding {
    pub(super) fn of(about: Option<&str>, condition: Condition) -> Self {
        Self { about: about.map(str::to_owned), condition }
    }
}

pub(super) fn text(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "nothing was found".to_owned();
    }
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.condition.code().severity());
    sorted.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(Finding { about, condition }: &Finding) -> String {
    let code = condition.code();
    let severity = match code.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let about = about.as_ref().map_or_else(String::new, |about| format!("{about}: "));
    format!("{severity:<8} {about}{condition} [{}]\n         what to do: {}", code.name(), code.remedy())
}

pub(super) fn json(findings: &[Finding]) -> Value {
    let one = |Finding { about, condition }: &Finding| {
        let code = condition.code();
        json!({
            "code": code.name(),
            "severity": code.severity(),
            "certificate": about,
            "message": condition.to_string(),
            "remedy": code.remedy(),
            "facts": condition,
        })
    };
    json!({
        "event": "doctor",
        "healthy": findings.is_empty(),
        "findings": findings.iter().map(one).collect::<Vec<_>>(),
    })
}
