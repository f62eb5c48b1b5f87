//! `acmite plugin check`.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::exit::{Exit, Failure};
use super::providers::{ProviderArgs, Providers, Spec};
use super::setup::{absolute, open_state};
use super::{Global, Printer};
use crate::name::DnsName;
use crate::plugin::provider::{CallError, CallFault};
use crate::plugin::told::ErrorKind;

/// Try a provider's settings and credential; nothing is changed.
///
/// It tells a credential that is not accepted (exit code 4, "denied" in JSON) from one that lacks a right (4,
/// "forbidden") and from a zone that is not there or not shown to it (8, "zone-not-found"). Since nothing is written, a
/// missing right to write may first be seen at the first write: `acmite plugin info` says what each API lets be known.
///
/// Example: acmite plugin check cloudflare --zone example.com --credentials /etc/acmite/cloudflare.toml
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The provider: ID, ID:INSTANCE or PATH.wasm
    #[arg(value_name = "PLUGIN")]
    plugin: Spec,
    /// Also look whether this zone can be managed; may be repeated
    #[arg(long, value_name = "NAME")]
    zone: Vec<DnsName>,
    /// File of the provider's settings and secrets
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
}

pub(super) async fn run(args: Args, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    let state = open_state(global)?;
    let providers = Providers::new(&state, &ProviderArgs::default())?;
    let credentials = args.credentials.as_deref().map(absolute);
    let instance = providers
        .open(&args.plugin, credentials.as_deref())
        .map_err(|error| Failure::of(Exit::Configuration, &error))?;
    let zones: Vec<Option<&DnsName>> =
        if args.zone.is_empty() { vec![None] } else { args.zone.iter().map(Some).collect() };
    let mut first_failure = None;
    for zone in zones {
        match instance.provider.check(zone).await {
            Ok(()) => works(&args.plugin, zone, printer),
            Err(error) => {
                let exit = Failure::from(error.clone()).exit;
                let failed = fails(&args.plugin, zone, &error, exit, printer);
                first_failure.get_or_insert(failed);
            }
        }
    }
    first_failure.map_or(Ok(Exit::Done), Err)
}

fn works(plugin: &Spec, zone: Option<&DnsName>, printer: &Printer) {
    let json = json!({"event": "checked", "plugin": plugin.to_string(), "zone": zone, "works": true});
    printer.result(&format!("{plugin}: {} works", about(zone)), &json);
}

/// Each zone's own failure goes to scripts as it is found; people see it, where it is the first, at the end.
fn fails(plugin: &Spec, zone: Option<&DnsName>, error: &CallError, exit: Exit, printer: &Printer) -> Failure {
    let CallFault::Told(told) = &error.fault else { return Failure::of(exit, error) };
    let verdict = verdict(told.kind, zone);
    let json = json!({"event": "checked", "plugin": plugin.to_string(), "zone": zone, "works": false,
        "kind": told.kind.name(), "code": told.code, "status": told.status, "message": told.message,
        "remedy": told.remedy(), "exit_code": exit as u8});
    printer.result(&format!("{plugin}: {verdict}"), &json);
    let mut message = format!("{plugin}: {verdict}: {}", told.message);
    if let Some(status) = told.status {
        message += &format!(" (HTTP {status})");
    }
    if !told.code.is_empty() {
        message += &format!(" [{}]", told.code);
    }
    Failure { remedy: Some(told.remedy().to_owned()), ..Failure::new(exit, message) }
}

fn about(zone: Option<&DnsName>) -> String {
    zone.map_or_else(|| "the credential".to_owned(), |zone| format!("the credential for {zone}"))
}

/// What is wrong, in words that tell the three usual causes apart.
fn verdict(kind: ErrorKind, zone: Option<&DnsName>) -> String {
    let credential = about(zone);
    match kind {
        ErrorKind::Denied => format!("{credential} is not accepted"),
        ErrorKind::Forbidden => format!("{credential} is accepted and lacks a right"),
        ErrorKind::ZoneNotFound => format!("{credential} is accepted, and the zone is not there or not shown to it"),
        ErrorKind::Misconfigured => format!("a setting is wrong, so that {credential} could not be tried"),
        _ => format!("{credential} could not be tried"),
    }
}
