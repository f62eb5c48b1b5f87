//! `acmite doctor`.

mod case;

mod explain;

mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use time::OffsetDateTime;
use url::Url;

use super::Global;
use super::challenges::ChallengeArgs;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::providers::{ProviderArgs, ProviderPool};
use super::setup::{DnsArgs, Opened, default_state_path, on_signals, server, staging_of, state_path};
use super::view::{AllNames, all_names, meant};
use crate::causes::chain;
use crate::flow::doctor::{self, Checkup, Condition};
use crate::flow::{Cancel, Clients, Event, Standing};
use crate::store::StateDir;
use crate::store::renewal::RenewalStore;
use case::Case;
use report::Finding;

/// Find what makes issuance or renewal fail, and say what to do about it.
///
/// Without NAME it looks at everything that is kept. With NAME it looks at that certificate, or at a
/// name before its first one, for which it takes the options that `acmite issue` would be given.
/// Nothing is changed: no order is made and no record published. For http-01 and tls-alpn-01 it
/// serves, for a moment, what a CA would look for. docs/doctor.md lists what can be found.
///
/// Examples:
///   acmite doctor
///   acmite doctor example.com --json
///   acmite doctor '*.example.com' --dns-plugin cloudflare --credentials /etc/acmite/cloudflare.toml
///   acmite doctor www.example.com --standalone --server letsencrypt-staging
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// A certificate's name in the state folder, or a name that is to have one
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The CA, as `acmite issue` takes it [default: the one remembered, else letsencrypt]
    #[arg(long, value_name = "URL", value_parser = server, help_heading = "CA")]
    server: Option<Url>,
    /// PEM file of root certificates to trust besides the system's, instead of the one remembered
    #[arg(long, value_name = "PEM", help_heading = "CA")]
    ca_bundle: Option<PathBuf>,
    /// Which of several accounts at the CA
    #[arg(long, value_name = "NAME", help_heading = "Account")]
    account: Option<String>,
    #[command(flatten)]
    challenges: ChallengeArgs,
    #[command(flatten)]
    providers: ProviderArgs,
    #[command(flatten)]
    dns: DnsArgs,
    /// Do not look for a timer: something else runs `acmite renew`
    #[arg(long)]
    own_timer: bool,
}

pub(super) async fn run(args: Args, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    let path = state_path(global);
    let findings = match StateDir::open(&path) {
        Ok(state) => examine(&args, &state, &on_signals(printer)?).await?,
        Err(error) => vec![Finding::of(None, Condition::StateFolder { path, why: chain(&error) })],
    };
    printer.result(&report::text(&findings), &report::json(&findings));
    Ok(if findings.is_empty() { Exit::Done } else { Exit::Unhealthy })
}

async fn examine(args: &Args, state: &StateDir, cancel: &Cancel) -> Result<Vec<Finding>, Failure> {
    let AllNames { found: kept, unread } = all_names(state);
    let unread = unread.into_iter().map(|failure| failure.message);
    let mut findings: Vec<Finding> =
        unread.map(|why| Finding::of(None, Condition::StateFolder { path: state.root().to_owned(), why })).collect();
    findings.extend(doctor::unwritable(state).map(|condition| Finding::of(None, condition)));
    let pool = ProviderPool::new(state);
    let clients = Clients::default();
    let meant = args.name.as_ref().map(|name| (name, meant(&kept, name)));
    match meant {
        None => findings.extend(folder(args, state, !kept.is_empty())),
        Some((name, None)) => {
            let case = Case::new(args, state, name)?;
            findings.extend(look(&case, state, &clients, cancel).await);
            return Ok(findings);
        }
        Some(_) => {}
    }
    for name in kept.iter().filter(|kept| meant.is_none_or(|(_, name)| name == Some(kept))) {
        findings.extend(standing(state, name));
        match case_of(args, state, &pool, name) {
            Ok(Some(case)) => findings.extend(look(&case, state, &clients, cancel).await),
            Ok(None) => {}
            Err(condition) => findings.push(Finding::of(Some(name), *condition)),
        }
    }
    Ok(findings)
}

/// What has to do with no single certificate.
fn folder(args: &Args, state: &StateDir, has_certificates: bool) -> Vec<Finding> {
    let mut found = doctor::accounts(state);
    found.extend(doctor::leftovers(state, OffsetDateTime::now_utc()));
    found.extend(doctor::plugins(state));
    if has_certificates && !args.own_timer {
        found.extend(doctor::timer(Path::new("/"), state.root(), state.root() == default_state_path()));
    }
    found.into_iter().map(|condition| Finding::of(None, condition)).collect()
}

/// What is kept of a certificate.
fn standing(state: &StateDir, name: &str) -> Vec<Finding> {
    let mut found = match Standing::read(state, name) {
        Ok(standing) => doctor::standing(&standing, OffsetDateTime::now_utc(), staging_of),
        Err(error) => vec![Condition::CertificateUnreadable { why: chain(&error) }],
    };
    found.extend(doctor::key(state, name));
    found.into_iter().map(|condition| Finding::of(Some(name), condition)).collect()
}

/// How a certificate is renewed; `None` where that is not remembered.
fn case_of(args: &Args, state: &StateDir, pool: &ProviderPool<'_>, name: &str) -> Result<Option<Case>, Box<Condition>> {
    // What cannot be read is told of with the certificate's standing.
    let Ok(Some(renewal)) = RenewalStore::new(state, name).load() else { return Ok(None) };
    Case::of(args, state, pool, name, renewal).map(Some)
}

/// The world that a certificate is made in.
async fn look(case: &Case, state: &StateDir, clients: &Clients, cancel: &Cancel) -> Vec<Finding> {
    let about = Some(case.name.as_str());
    let opened = match Opened::new(state.clone(), &case.dns, case.providers.clone(), cancel.clone()) {
        Ok(opened) => opened,
        Err(failure) => {
            let unanswered = Condition::DnsUnanswered { name: case.name.clone(), why: failure.message };
            return vec![Finding::of(about, unanswered)];
        }
    };
    let observe = |event: Event| tracing::debug!(%event, "while looking");
    let session = opened.session(&observe);
    let now = OffsetDateTime::now_utc();
    let checkup = Checkup { session: &session, clients, now, explain: &explain::why };
    checkup.examine(&case.subject).await.into_iter().map(|condition| Finding::of(about, condition)).collect()
}
