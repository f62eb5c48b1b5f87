//! `acmite persist`.

use std::sync::Arc;

use serde_json::json;
use time::OffsetDateTime;

use super::Global;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::providers::{ProviderArgs, Providers};
use super::publishing::PublishArgs;
use super::registration::RegistrationArgs;
use super::setup::{CaArgs, DnsArgs, Opened, moment, on_signals, open_state};
use crate::acme::AcmeClient;
use crate::flow::{self, Event, PersistRecord, PersistRequest};
use crate::name::CertName;

/// Publish records that stay and prove names from now on (dns-persist-01), so that renewals touch no DNS.
///
/// Afterwards: acmite issue -d example.com --challenge dns-persist-01. Whoever holds the account's key can have
/// certificates for the names as long as the records stand; remove them at your DNS provider to end that.
///
/// Example: acmite persist -d example.com -d '*.example.com' --dns-plugin cloudflare --email me@example.com --agree-tos
#[derive(clap::Args)]
pub(super) struct Args {
    /// A name, or `*.NAME` to allow wildcards below it too; may be repeated or separated by commas
    #[arg(short, long = "domain", value_name = "NAME", required = true, value_delimiter = ',')]
    domains: Vec<CertName>,
    #[command(flatten)]
    ca: CaArgs,
    #[command(flatten)]
    registration: RegistrationArgs,
    #[command(flatten)]
    providers: ProviderArgs,
    #[command(flatten)]
    dns: DnsArgs,
    #[command(flatten)]
    publishing: PublishArgs,
    /// Let the records be of no worth after this time, as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<OffsetDateTime>,
    /// One of the profiles that the CA offers
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

pub(super) async fn run(args: Args, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    let setup = args.registration.setup()?;
    let state = open_state(global)?;
    let providers = Providers::new(&state, &args.providers)?;
    if args.providers.plugins.is_empty() {
        return Err(Failure::new(Exit::Usage, "no provider is named; give --dns-plugin"));
    }
    providers.open_all().await?;
    let opened = Opened::new(state, &args.dns, Arc::new(providers), on_signals(printer)?)?;
    let observe = |event: Event| printer.event(&event);
    let session = opened.session(&observe);
    let client = AcmeClient::connect(&args.ca.directory()?, args.ca.http()?).await?;
    let account = flow::open_account(&session, &client, &setup, &args.ca.directory()?).await?;
    let until = args.until.map(OffsetDateTime::unix_timestamp);
    let request =
        PersistRequest { names: args.domains, until, dns: args.publishing.options(), profile: args.profile.clone() };
    let records = flow::persist(&session, &account, &request).await?;
    let line = |record: &PersistRecord| format!("{} TXT \"{}\"", record.name, record.value);
    let text: Vec<String> = records.iter().map(line).collect();
    let shown = |record: &PersistRecord| json!({"name": record.name, "value": record.value});
    let json = json!({"event": "persisted", "records": records.iter().map(shown).collect::<Vec<_>>()});
    printer.result(&text.join("\n"), &json);
    Ok(Exit::Done)
}
