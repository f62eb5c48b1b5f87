//! The floor: one certificate by the same ACME requests and API calls as acmite's, as many at once, and nothing else.
//!
//! No sandbox, no journal, no check of propagation, nothing stored. Whatever fails ends it.

mod acme;
mod log;
mod powerdns;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use acme::{Acme, text};
use log::Log;
use powerdns::PowerDns;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Get one certificate with as little as it takes.
#[derive(Parser)]
struct Args {
    /// The CA's directory.
    #[arg(long)]
    server: String,
    /// PEM file of the root to trust.
    #[arg(long)]
    ca_bundle: PathBuf,
    /// The CA's profile.
    #[arg(long)]
    profile: Option<String>,
    /// Where PowerDNS's API is.
    #[arg(long)]
    api: String,
    /// What the API wants to be told.
    #[arg(long)]
    api_key: String,
    /// The zones of the names.
    #[arg(long, value_delimiter = ',')]
    zones: Vec<String>,
    /// The names.
    #[arg(short = 'd', value_delimiter = ',')]
    names: Vec<String>,
    /// Where each request is written down, with when it ended and how long it took.
    #[arg(long)]
    log: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let args = Args::parse();
    let log = Arc::new(Log::new());
    issue(&args, &log).await?;
    match &args.log {
        Some(path) => Ok(log.write(path)?),
        None => Ok(()),
    }
}

async fn issue(args: &Args, log: &Arc<Log>) -> Outcome<()> {
    let acme = Acme::open(&args.server, &std::fs::read(&args.ca_bundle)?, log.clone()).await?;
    let identifiers: Vec<Value> = args.names.iter().map(|name| json!({"type": "dns", "value": name})).collect();
    let mut wanted = json!({"identifiers": identifiers});
    if let Some(profile) = &args.profile {
        wanted["profile"] = json!(profile);
    }
    let (url, order) = acme.order(&wanted).await?;
    let urls: Vec<&str> = order["authorizations"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let authorizations = try_join_all(urls.iter().map(|url| acme.read(url))).await?;
    let challenges: Vec<&Value> = authorizations.iter().map(dns01).collect::<Outcome<_>>()?;
    let records: Vec<(String, String)> =
        authorizations.iter().zip(&challenges).map(|(one, challenge)| record(&acme, one, challenge)).collect();
    let dns = PowerDns::new(&args.api, &args.api_key, log.clone())?;
    let zones = powerdns::by_zone(&args.zones, &records);
    try_join_all(zones.iter().map(|(zone, records)| dns.publish(zone, records))).await?;
    try_join_all(challenges.iter().zip(&urls).map(|(one, url)| acme.prove(text(one, "url"), url))).await?;
    try_join_all(zones.iter().map(|(zone, records)| dns.withdraw(zone, records))).await?;
    let order = acme.await_status(&url, "pending").await?;
    acme.finalize(text(&order, "finalize"), &args.names).await?;
    let order = acme.await_status(&url, "processing").await?;
    acme.certificate(text(&order, "certificate")).await
}

fn dns01(authorization: &Value) -> Outcome<&Value> {
    let challenges = authorization["challenges"].as_array().into_iter().flatten();
    Ok(challenges.into_iter().find(|one| one["type"] == "dns-01").ok_or("no dns-01 challenge")?)
}

fn record(acme: &Acme, authorization: &Value, challenge: &Value) -> (String, String) {
    let name = format!("_acme-challenge.{}.", text(&authorization["identifier"], "value"));
    (name, acme.dns01_value(text(challenge, "token")))
}
