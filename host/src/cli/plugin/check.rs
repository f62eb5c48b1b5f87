//! `acmite plugin check`.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::exit::{Exit, Failure};
use super::providers::{ProviderArgs, Providers, Spec};
use super::setup::{absolute, open_state};
use super::{Global, Printer};
use crate::name::DnsName;

/// Try a provider's settings and credential; nothing is changed.
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
    for zone in zones {
        instance.provider.check(zone).await?;
        let about = zone.map_or_else(|| "the credential".to_owned(), |zone| format!("the credential for {zone}"));
        let json = json!({"event": "checked", "plugin": args.plugin.to_string(), "zone": zone});
        printer.result(&format!("{}: {about} works", args.plugin), &json);
    }
    Ok(Exit::Done)
}
