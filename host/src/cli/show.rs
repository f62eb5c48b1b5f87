//! `acmite show`.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::exit::{Exit, Failure};
use super::setup::open_state;
use super::view::{self, moment};
use super::{Global, Printer};
use crate::flow::Standing;
use crate::store::StateDir;
use crate::store::certificate::CertificateStore;

/// Show everything that is known of a certificate.
///
/// Example: acmite show example.com
#[derive(clap::Args)]
pub(super) struct Args {
    /// Its name in the state folder
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let state = open_state(global)?;
    let name = view::known(&state, &args.name)?;
    let standing = Standing::read(&state, &name).map_err(|error| Failure::of(Exit::State, &error))?;
    let now = OffsetDateTime::now_utc();
    printer.result(&text(&state, &standing, now), &json(&state, &standing, now));
    Ok(Exit::Done)
}

fn text(state: &StateDir, standing: &Standing, now: OffsetDateTime) -> String {
    let live = state.live(&standing.name);
    let mut lines = vec![("name", standing.name.clone()), ("names", view::names(standing).join(", "))];
    if let Some(leaf) = &standing.leaf {
        let days = view::days_left(standing, now).unwrap_or_default();
        lines.push(("issuer", leaf.issuer.clone()));
        lines.push(("serial", data_encoding::HEXLOWER.encode(&leaf.serial)));
        lines.push(("valid", format!("{} to {} ({days} days left)", moment(leaf.not_before), moment(leaf.not_after))));
        lines.extend(standing.is_revoked().then(|| ("revoked", "yes".to_owned())));
        lines.push(("certificate", live.join("fullchain.pem").display().to_string()));
        lines.push(key(state, &standing.name));
    }
    if let Some(renewal) = &standing.renewal {
        lines.push(("server", renewal.server.to_string()));
        lines.push(("provider", view::provider(standing).unwrap_or_default()));
        lines.push(("key type", renewal.key_type.clone()));
        let hooks = [
            ("pre hook", &renewal.hooks.pre),
            ("deploy hook", &renewal.hooks.deploy),
            ("post hook", &renewal.hooks.post),
        ];
        lines.extend(hooks.into_iter().flat_map(|(kind, all)| all.iter().map(move |hook| (kind, hook.clone()))));
        lines.push(("remembered in", state.renewal(&standing.name).display().to_string()));
    }
    lines.extend(coming(standing, now));
    lines.iter().map(|(what, value)| format!("{what:<14} {value}")).collect::<Vec<_>>().join("\n")
}

fn key(state: &StateDir, name: &str) -> (&'static str, String) {
    match CertificateStore::new(state, name).request() {
        Some(path) => ("key", format!("not here: that of the request {}", path.display())),
        None => ("key", state.live(name).join("privkey.pem").display().to_string()),
    }
}

fn coming(standing: &Standing, now: OffsetDateTime) -> Vec<(&'static str, String)> {
    let state = &standing.state;
    let mut lines = Vec::new();
    match view::next(standing, now) {
        Some(at) if at <= now => lines.push(("next renewal", "due now".to_owned())),
        Some(at) => lines.push(("next renewal", moment(at))),
        None => lines.push(("next renewal", "never: it is not remembered how it was made".to_owned())),
    }
    if let Some(window) = &state.suggestion {
        let why = window.explanation_url.as_ref().map(|url| format!(", see {url}")).unwrap_or_default();
        lines.push(("suggested", format!("{} to {}{why}", moment(window.start), moment(window.end))));
    }
    if let Some(at) = state.last_attempt {
        lines.push(("last attempt", format!("{}, {}", moment(at), view::last_result(standing))));
    }
    lines.extend(state.last_error.iter().map(|error| ("last error", error.clone())));
    lines.extend(state.owed_hooks.iter().map(|hook| ("hook to run", hook.clone())));
    lines
}

fn json(state: &StateDir, standing: &Standing, now: OffsetDateTime) -> Value {
    let mut json = view::json(standing, now);
    json["event"] = json!("show");
    json["live"] = json!(state.live(&standing.name));
    json["csr"] = json!(CertificateStore::new(state, &standing.name).request());
    json["serial"] = json!(standing.leaf.as_ref().map(|leaf| data_encoding::HEXLOWER.encode(&leaf.serial)));
    json["renewal"] = json!(standing.renewal);
    json["state"] = json!(standing.state);
    json
}
