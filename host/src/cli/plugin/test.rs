//! `acmite plugin test`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::providers::{ProviderArgs, Providers, Rule, Spec};
use super::setup::{DnsArgs, Opened, duration, on_signals, open_state};
use super::{Global, Printer};
use crate::causes::chain;
use crate::dns::{PropagationCheck, PropagationOptions};
use crate::flow::{self, Dns01Options, Event, TrialRequest, Verdict};
use crate::name::DnsName;
use crate::words::counted;

/// Put a provider through what acmite relies on, in a zone where that may be done.
///
/// It publishes below a label of its own, `_acme-challenge.acmite-trial-….ZONE`, in the sandbox and under the guards, asks
/// every name server of the zone what it shows, and removes everything again: two values at one name, publishing again,
/// values of others that must stay, removing without what publishing gave, many names in one call, a long value. It tells
/// what broke and how many requests each rule took. A provider with room for a fixed number of values gets them at
/// `_acme-challenge.ZONE`, where they replace what stands there.
///
/// The zone may be a real one, or one of name servers on loopback that a mock of the API writes to (`acmite lab` has some,
/// and takes DNS UPDATE): docs/writing-a-provider.md shows such a test for CI.
///
/// Examples:
///   acmite plugin test cloudflare --zone example.com --credentials /etc/acmite/cloudflare.toml
///   ACMITE_LAB_ORIGINS=mydns.api=http://127.0.0.1:8080 acmite plugin test ./mydns.wasm --zone example.test --dns-resolver 127.0.0.1:5300 --credentials ./mydns.toml
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli) struct Args {
    /// The provider: ID, ID:INSTANCE or PATH.wasm
    #[arg(value_name = "PLUGIN")]
    plugin: Spec,
    /// A zone that the credential is for; where a provider hands out names, as DuckDNS does, one of these
    #[arg(long = "zone", value_name = "NAME")]
    tried_zone: DnsName,
    /// File of the provider's settings and secrets
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// How many names are published in one call
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=100))]
    names: u8,
    #[command(flatten)]
    dns: DnsArgs,
    /// How long to wait each time until the name servers show what they must, as 90, 90s or 5m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    propagation_timeout: Duration,
    /// TTL of the records in seconds; a provider may need more
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=3600))]
    dns_ttl: u32,
}

pub(super) async fn run(args: Args, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    let state = open_state(global)?;
    let named = ProviderArgs { plugins: vec![Rule::for_all(args.plugin.clone())], credentials: args.credentials };
    let providers = Providers::new(&state, &named)?;
    providers.open_all().await?;
    let opened = Opened::new(state, &args.dns, Arc::new(providers), on_signals(printer)?)?;
    let observe = |event: Event| printer.event(&event);
    let session = opened.session(&observe);
    flow::remove_leftovers(&session).await?;
    let propagation = PropagationOptions { check: PropagationCheck::All, timeout: args.propagation_timeout };
    let options = Dns01Options { propagation, ttl: args.dns_ttl };
    let request = TrialRequest { zone: args.tried_zone, names: args.names.into(), options };
    let tell = |verdict: &Verdict| printer.result(&line(verdict), &event(verdict));
    let verdicts = flow::trial(&session, &request, &tell).await.map_err(Failure::from)?;
    let faults: Vec<_> = verdicts.iter().filter_map(|verdict| verdict.fault.as_ref()).collect();
    let (kept, broken) = (verdicts.len() - faults.len(), faults.len());
    let plugin = args.plugin.to_string();
    printer.result(
        &format!("{plugin}: {kept} rules kept, {broken} broken"),
        &json!({"event": "tried", "plugin": plugin, "zone": request.zone, "kept": kept, "broken": broken}),
    );
    match faults.first() {
        None => Ok(Exit::Done),
        Some(first) => {
            let message = format!("{plugin} broke rules that acmite relies on: {}", chain(*first));
            Err(Failure::new(Exit::from(*first), message))
        }
    }
}

fn line(verdict: &Verdict) -> String {
    let Verdict { rule, took_ms, requests, fault } = verdict;
    let seconds = *took_ms as f64 / 1000.0;
    let cost = format!("({}, {seconds:.1} s)", counted(usize::try_from(*requests).unwrap_or(usize::MAX), "request"));
    match fault {
        None => format!("kept    {rule}  {cost}"),
        Some(fault) => format!("BROKEN  {rule}  {cost}\n        {}", chain(fault)),
    }
}

fn event(verdict: &Verdict) -> Value {
    let mut event = serde_json::to_value(verdict).unwrap_or_default();
    event["event"] = json!("rule");
    event["kept"] = json!(verdict.fault.is_none());
    event
}
