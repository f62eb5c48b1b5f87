//! `acmite hook`.

mod call;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use time::OffsetDateTime;

use super::Global;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::providers::{ProviderArgs, Providers};
use super::publishing::PublishArgs;
use super::setup::{DnsArgs, absolute, on_signals, open_state};
use crate::flow::{self, Event, Session};
use call::Call;

/// Publish DNS-01 records for certbot, lego, dehydrated or acme.sh, by acmite's sandboxed providers.
///
/// It is called as these clients call their hooks, waits until the name servers show the records, and removes them when
/// it is called for that. The provider is told by --dns-plugin and --credentials, or by the variables ACMITE_DNS_PLUGIN,
/// ACMITE_CREDENTIALS and ACMITE_DNS_RESOLVER.
///
/// Examples:
///   certbot certonly --manual --preferred-challenges dns --manual-auth-hook 'acmite hook -q --dns-plugin cloudflare' --manual-cleanup-hook 'acmite hook -q --dns-plugin cloudflare' -d example.com
///   printf '#!/bin/sh\nexec acmite hook -q --dns-plugin cloudflare "$@"\n' > /usr/local/bin/acmite-hook; chmod +x /usr/local/bin/acmite-hook
///   EXEC_PATH=/usr/local/bin/acmite-hook lego --dns exec --domains example.com --email me@example.com run
///   dehydrated --cron --challenge dns-01 --hook /usr/local/bin/acmite-hook --domain example.com
///   acmite hook acme.sh > ~/.acme.sh/dnsapi/dns_acmite.sh; ACMITE_DNS_PLUGIN=cloudflare acme.sh --issue --dns dns_acmite -d example.com
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    #[command(flatten)]
    providers: ProviderArgs,
    #[command(flatten)]
    dns: DnsArgs,
    #[command(flatten)]
    publishing: PublishArgs,
    /// What the other client gives: `present`, `cleanup`, `deploy_challenge`, `clean_challenge` and what follows; or
    /// `acme.sh`, to print a file for its dnsapi folder
    #[arg(value_name = "CALL", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

pub(super) async fn run(args: Args, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    if args.words == ["acme.sh"] {
        printer.result(ACME_SH, &json!({"event": "hook-script", "script": ACME_SH}));
        return Ok(Exit::Done);
    }
    let variable = |name: &str| std::env::var(name).ok();
    let call = Call::parse(&args.words, &variable).map_err(|error| Failure::of(Exit::Usage, &error))?;
    if call == Call::Nothing {
        return Ok(Exit::Done);
    }
    let args = with_environment(args, &variable)?;
    let state = open_state(global)?;
    let providers = Providers::new(&state, &args.providers)?;
    let dns = args.dns.open()?;
    let observe = |event: Event| printer.event(&event);
    let session = Session {
        state: &state,
        dns: &dns,
        resolvers: &args.dns.resolvers,
        providers: &providers,
        observe: &observe,
        cancel: on_signals(printer)?,
        has_others: false,
    };
    perform(&session, &args, call, printer).await
}

async fn perform(session: &Session<'_>, args: &Args, call: Call, printer: &Printer) -> Result<Exit, Failure> {
    match call {
        Call::Publish(records, wait) => {
            // First of all, as certbot hands it back and a cleanup is known by it.
            let values: Vec<&str> = records.iter().map(|record| record.value.as_str()).collect();
            let text = format!("acmite publishes {}", values.join(" "));
            printer.result(&text, &json!({"event": "hook-publishes", "values": values}));
            flow::remove_leftovers(session).await?;
            let options = args.publishing.options();
            flow::publish_for(session, &options, &records, &wait, OffsetDateTime::now_utc()).await?;
            Ok(Exit::Done)
        }
        Call::Withdraw(values) => {
            let left = flow::withdraw_for(session, &values).await?;
            Ok(if left == 0 { Exit::Done } else { Exit::LeftBehind })
        }
        Call::Nothing => Ok(Exit::Done),
    }
}

const ACME_SH: &str = include_str!("dns_acmite.sh");

/// What was not given by options.
fn with_environment(mut args: Args, variable: &dyn Fn(&str) -> Option<String>) -> Result<Args, Failure> {
    let wrong = |name: &'static str| move |why| Failure::new(Exit::Usage, format!("{name}: {why}"));
    let words =
        |name: &str| variable(name).unwrap_or_default().split([',', ' ']).map(str::to_owned).collect::<Vec<_>>();
    let given = |words: Vec<String>| words.into_iter().filter(|word| !word.is_empty());
    if args.providers.plugins.is_empty() {
        let rules = given(words("ACMITE_DNS_PLUGIN")).map(|word| word.parse().map_err(wrong("ACMITE_DNS_PLUGIN")));
        args.providers.plugins = rules.collect::<Result<_, _>>()?;
    }
    if args.dns.resolvers.is_empty() {
        let resolvers = given(words("ACMITE_DNS_RESOLVER"));
        let parsed = resolvers.map(|word| word.parse().map_err(|e| wrong("ACMITE_DNS_RESOLVER")(format!("{e}"))));
        args.dns.resolvers = parsed.collect::<Result<_, _>>()?;
    }
    let file = || variable("ACMITE_CREDENTIALS").filter(|path| !path.is_empty()).map(PathBuf::from);
    args.providers.credentials = args.providers.credentials.or_else(file).as_deref().map(absolute);
    Ok(args)
}
