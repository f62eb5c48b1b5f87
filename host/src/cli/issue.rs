//! `acmite issue`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use super::Global;
use super::challenges::ChallengeArgs;
use super::csr;
use super::exit::{Exit, Failure};
use super::hook_args::HookArgs;
use super::printer::Printer;
use super::providers::{ProviderArgs, Providers};
use super::publishing::PublishArgs;
use super::registration::RegistrationArgs;
use super::setup::{CaArgs, DnsArgs, Opened, absolute, certificate_name, moment, on_signals, open_state};
use super::timings::Timings;
use super::view;
use crate::acme::{AcmeClient, AcmeError};
use crate::causes::chain;
use crate::flow::{self, Event, HookRound, IssueRequest, Issued, KEY_OF_REQUEST, KeyChoice, Standing};
use crate::name::CertName;
use crate::pki::{CertificateRequest, KeyType};
use crate::secure_file::{FileLock, LockError};
use crate::store::renewal::{ChallengeRecord, DnsRecord, FormatVersion, Renewal};
use crate::store::{self, StateDir};

/// Get a certificate, proving its names by DNS-01, HTTP-01 or TLS-ALPN-01.
///
/// The certificate is stored as STATE-DIR/live/NAME/{cert,chain,fullchain,privkey}.pem.
/// With --csr the request stands there as csr.pem in the key's place.
///
/// Examples:
///   acmite issue -d example.com -d '*.example.com' --dns-plugin cloudflare --email me@example.com --agree-tos
///   acmite issue -d example.com --dns-plugin cloudflare:work --credentials /etc/acmite/cloudflare.toml --server letsencrypt-staging --email me@example.com --agree-tos
///   acmite issue -d example.com -d www.example.com --webroot /var/www/html --email me@example.com --agree-tos
///   acmite issue -d '*.example.com' -d 192.0.2.1 --dns-plugin cloudflare --standalone --email me@example.com --agree-tos
///   acmite issue --csr /etc/ssl/www.csr --webroot /var/www/html --email me@example.com --agree-tos
///   acmite issue -d example.com -d example.org --dns-plugin rfc2136 --dns-plugin example.org=powerdns --email me@example.com --agree-tos
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// A name of the certificate, `*.NAME` for all names one level below, or an IP address; may be repeated or separated
    /// by commas; with --csr those of the request, or left out
    #[arg(
        short,
        long = "domain",
        value_name = "NAME",
        required_unless_present = "csr",
        value_delimiter = ',',
        help_heading = "Certificate"
    )]
    domains: Vec<CertName>,
    #[command(flatten)]
    ca: CaArgs,
    /// The certificate's name in the state folder [default: the first name]
    #[arg(long, value_name = "NAME", value_parser = certificate_name, help_heading = "Certificate")]
    cert_name: Option<String>,
    #[command(flatten)]
    registration: RegistrationArgs,
    #[command(flatten)]
    challenges: ChallengeArgs,
    #[command(flatten)]
    providers: ProviderArgs,
    #[command(flatten)]
    dns: DnsArgs,
    #[command(flatten)]
    publishing: PublishArgs,
    /// File of a certificate request of your own, PEM or DER: its key stays yours, and acmite never has it. The request is
    /// kept, and handed in again at each renewal
    #[arg(long, value_name = "FILE", help_heading = "Certificate", conflicts_with_all = ["key_type", "reuse_key"])]
    csr: Option<PathBuf>,
    /// Type of the certificate's key: p256, p384, rsa2048, rsa3072 or rsa4096
    #[arg(long, value_name = "TYPE", default_value = "p256", help_heading = "Certificate")]
    key_type: KeyType,
    /// Keep the key of the certificate that is replaced, here and at each renewal
    #[arg(long, help_heading = "Certificate")]
    reuse_key: bool,
    /// One of the profiles that the CA offers
    #[arg(long, value_name = "NAME", help_heading = "Certificate")]
    profile: Option<String>,
    /// End of this certificate's validity, where the CA takes one, as 2027-01-31T00:00:00Z; renewals have the CA's own
    #[arg(long, value_name = "TIME", value_parser = moment, help_heading = "Certificate")]
    not_after: Option<OffsetDateTime>,
    /// Take the chain with an issuer of this common name, where the CA offers several
    #[arg(long, value_name = "NAME", help_heading = "Certificate")]
    preferred_chain: Option<String>,
    #[command(flatten)]
    hooks: HookArgs,
    /// Do not wait where the CA has asked to (429 or 503 with Retry-After)
    #[arg(long, help_heading = "CA")]
    ignore_rate_limit: bool,
    /// Say at the end which step took how long
    #[arg(long, help_heading = "State and output")]
    timings: bool,
}

pub(super) async fn run(args: Args, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    let (certificate, renewal) = recipe(&args)?;
    let setup = args.registration.setup()?;
    let state = open_state(global)?;
    let mut request = IssueRequest::new(&state, &certificate, renewal.clone())
        .map_err(|error| Failure::of(Exit::Configuration, &error))?;
    request.order.replaces = replaced(&state, &request);
    request.order.not_after = args.not_after.and_then(|end| end.format(&Rfc3339).ok());
    let providers = Providers::new(&state, &args.providers)?;
    providers.open_all().await?;
    let opened = Opened::new(state, &args.dns, Arc::new(providers), on_signals(printer)?)?;
    let (state, cancel) = (&opened.state, &opened.cancel);
    let timings = Timings::start();
    let observe = |event: Event| {
        timings.see(&event);
        printer.event(&event);
    };
    let session = opened.session(&observe);
    let _lock = tokio::select! {
        lock = lock(state, &certificate, &observe) => lock?,
        () = cancel.requested() => return Err(nothing_begun()),
    };
    // What a crashed run left would be in the way of nobody but should not stay longer than that.
    state.tidy();
    flow::remove_leftovers(&session).await?;
    if !args.ignore_rate_limit {
        heed_rate_limit(state, &request)?;
    }
    let round = HookRound::new(state);
    let names: Vec<String> = request.names.iter().map(ToString::to_string).collect();
    round.before(&certificate, &names, &renewal.hooks, &observe).await;
    let issuing = async {
        let client = tokio::select! {
            client = AcmeClient::connect(&request.server, args.ca.http()?) => {
                client.map_err(|error| waiting(state, &request, error.retry_after(), error.into()))?
            }
            () = cancel.requested() => return Err(nothing_begun()),
        };
        let issued = flow::issue(&session, &client, &setup, &request).await;
        issued.map_err(|error| waiting(state, &request, error.ca().and_then(AcmeError::retry_after), error.into()))
    };
    let issued = issuing.await.map_err(|failure: Failure| stopped(failure, cancel.is_requested()));
    let failed_hooks = match &issued {
        Ok(_) => {
            let deployed = round.deploy(&certificate, &names, &observe).await;
            deployed.map_err(|error| Failure::of(Exit::State, &error))? + round.after(&names, &[], &observe).await
        }
        Err(_) => round.after(&[], &names, &observe).await,
    };
    let (text, json) = shown(&request, &issued?);
    printer.result(&text, &json);
    if args.timings {
        let (text, json) = timings.shown();
        printer.result(&text, &json);
    }
    Ok(if failed_hooks == 0 { Exit::Done } else { Exit::HookFailed })
}

fn nothing_begun() -> Failure {
    Failure::new(Exit::Interrupted, "interrupted; nothing was begun")
}

/// One process at a time gets a certificate of this name.
async fn lock(state: &StateDir, name: &str, observe: &(dyn Fn(Event) + Send + Sync)) -> Result<FileLock, Failure> {
    let path = state.renewal_lock(name);
    let lock = match FileLock::try_acquire(&path) {
        Err(LockError::Held { .. }) => {
            observe(Event::WaitingForCertificate { name: name.to_owned() });
            FileLock::acquire(&path, Instant::now() + LOCK_TIME).await
        }
        done => done,
    };
    lock.map_err(|error| Failure::of(Exit::State, &error))
}

const LOCK_TIME: Duration = Duration::from_secs(900);

/// A CA that asked to wait is not asked before.
fn heed_rate_limit(state: &StateDir, request: &IssueRequest) -> Result<(), Failure> {
    let (name, server) = (&request.certificate, &request.server);
    let Some(until) = flow::asked_to_wait(state, name, server, OffsetDateTime::now_utc()) else { return Ok(()) };
    let until = view::moment(until);
    let message = format!("the CA has asked to wait with {name} until {until}, and is not asked before");
    Err(Failure::new(Exit::CaRefused, message).with(IGNORE_RATE_LIMIT))
}

const IGNORE_RATE_LIMIT: &str = "wait until then, try with --staging or another CA, or ask it all the same with \
    --ignore-rate-limit";

/// The failure with the time that the CA asks to wait, if it does, which is kept for the next run.
fn waiting(state: &StateDir, request: &IssueRequest, after: Option<Duration>, failure: Failure) -> Failure {
    let Some(after) = after else { return failure };
    match flow::note_wait(state, &request.certificate, &request.server, (after, failure.message.clone())) {
        Ok(until) => {
            let message = format!("{}; it asks to wait until {}", failure.message, view::moment(until));
            Failure { message, ..failure }
        }
        Err(error) => failure.about(&chain(&error)),
    }
}

/// The id of the live certificate, if it came from the same CA.
fn replaced(state: &StateDir, request: &IssueRequest) -> Option<String> {
    let standing = Standing::read(state, &request.certificate).ok()?;
    let same = standing.renewal.is_some_and(|renewal| renewal.server == request.server);
    standing.leaf.filter(|_| same)?.renewal_id
}

fn stopped(failure: Failure, by_user: bool) -> Failure {
    if by_user { Failure { exit: Exit::Interrupted, ..failure } } else { failure }
}

/// The certificate's name, and how it is made, now and at each renewal.
fn recipe(args: &Args) -> Result<(String, Renewal), Failure> {
    let request =
        args.csr.as_deref().map(csr::read).transpose().map_err(|why| Failure::new(Exit::Configuration, why))?;
    let names = names(args, request.as_ref())?;
    if let Some(end) = args.not_after.filter(|end| *end <= OffsetDateTime::now_utc()) {
        let message =
            format!("--not-after {} is over already; give a time to come, or leave it out", view::moment(end));
        return Err(Failure::new(Exit::Usage, message));
    }
    let certificate = args.cert_name.clone().unwrap_or_else(|| store::certificate_name(names[0].base()));
    let methods = args.challenges.methods(!args.providers.plugins.is_empty())?;
    let chosen = methods.check(&names)?;
    if args.providers.plugins.is_empty() && chosen.iter().any(|method| method.publishes()) {
        return Err(Failure::new(
            Exit::Usage,
            "no provider is named; give --dns-plugin, and see `acmite plugin list` for those there are",
        ));
    }
    let challenge = ChallengeRecord {
        methods: methods.general.iter().map(ToString::to_string).collect(),
        by_name: methods.by_name.iter().map(|(name, method)| (name.clone(), method.to_string())).collect(),
        http_port: args.challenges.http_port,
        tls_port: args.challenges.tls_port,
        dns: dns(args),
    };
    let hooks = args.hooks.checked()?;
    if request.is_some() {
        csr::check_hooks(&hooks).map_err(|why| Failure::new(Exit::Usage, why))?;
    }
    let renewal = Renewal {
        version: FormatVersion,
        names,
        server: args.ca.directory()?,
        account: args.registration.account.clone(),
        ca_bundle: args.ca.ca_bundle.as_deref().map(absolute),
        key_type: request.as_ref().map_or_else(|| args.key_type.to_string(), |_| KEY_OF_REQUEST.to_owned()),
        csr: request.map(|request| request.to_pem()),
        reuse_key: args.reuse_key,
        profile: args.profile.clone(),
        preferred_chain: args.preferred_chain.clone(),
        challenge,
        hooks,
    };
    Ok((certificate, renewal))
}

/// Each name once; those of a request, which must be those that are given besides.
fn names(args: &Args, request: Option<&CertificateRequest>) -> Result<Vec<CertName>, Failure> {
    let mut names: Vec<CertName> = Vec::new();
    for name in &args.domains {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    match request {
        Some(request) if names.is_empty() => Ok(request.names().to_vec()),
        Some(request) => csr::agree(&names, request).map_err(|why| Failure::new(Exit::Usage, why)),
        None => Ok(names),
    }
}

fn dns(args: &Args) -> DnsRecord {
    DnsRecord {
        plugins: args.providers.plugins.iter().map(ToString::to_string).collect(),
        credentials: args.providers.credentials.as_deref().map(absolute),
        credentials_by_plugin: BTreeMap::new(),
        resolvers: args.dns.resolvers.iter().map(ToString::to_string).collect(),
        zone: args.dns.zone.clone(),
        propagation_check: args.publishing.propagation_check.to_string(),
        propagation_timeout_seconds: args.publishing.propagation_timeout.as_secs(),
        ttl: args.publishing.dns_ttl,
    }
}

fn shown(request: &IssueRequest, issued: &Issued) -> (String, serde_json::Value) {
    let Issued { live, leaf } = issued;
    let key = live.join("privkey.pem");
    let key = (!matches!(request.key, KeyChoice::Requested(_))).then_some(key);
    let not_after = leaf.not_after.format(&Rfc3339).unwrap_or_default();
    let names: Vec<String> = request.names.iter().map(ToString::to_string).collect();
    let text = format!(
        "certificate  {}\nkey          {}\nnames        {}\nissuer       {}\nvalid until  {not_after}",
        live.join("fullchain.pem").display(),
        key.as_ref().map_or_else(|| "that of the request".to_owned(), |key| key.display().to_string()),
        names.join(", "),
        leaf.issuer,
    );
    let json = json!({
        "event": "issued",
        "name": request.certificate,
        "names": names,
        "live": live,
        "fullchain": live.join("fullchain.pem"),
        "privkey": key,
        "issuer": leaf.issuer,
        "not_after": not_after,
    });
    (text, json)
}
