//! `acmite issue`.

use std::sync::Arc;

use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::Global;
use super::challenges::ChallengeArgs;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::providers::{ProviderArgs, Providers};
use super::publishing::PublishArgs;
use super::registration::RegistrationArgs;
use super::setup::{CaArgs, DnsArgs, on_signals, open_state};
use crate::acme::{AcmeClient, OrderOptions};
use crate::flow::{self, Event, IssueRequest, Issued, ProofOptions, Session};
use crate::name::CertName;
use crate::pki::KeyType;

/// Get a certificate, proving its names by DNS-01, HTTP-01 or TLS-ALPN-01.
///
/// The certificate is stored as STATE-DIR/live/NAME/{cert,chain,fullchain,privkey}.pem.
///
/// Examples:
///   acmite issue -d example.com -d '*.example.com' --dns-plugin cloudflare --email me@example.com --agree-tos
///   acmite issue -d example.com --dns-plugin cloudflare:work --credentials /etc/acmite/cloudflare.toml --server letsencrypt-staging --email me@example.com --agree-tos
///   acmite issue -d example.com -d www.example.com --webroot /var/www/html --email me@example.com --agree-tos
///   acmite issue -d '*.example.com' -d 192.0.2.1 --dns-plugin cloudflare --standalone --email me@example.com --agree-tos
///   acmite issue -d example.com -d example.org --dns-plugin rfc2136 --dns-plugin example.org=powerdns --email me@example.com --agree-tos
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// A name of the certificate, `*.NAME` for all names one level below, or an IP address; may be repeated or separated
    /// by commas
    #[arg(short, long = "domain", value_name = "NAME", required = true, value_delimiter = ',')]
    domains: Vec<CertName>,
    #[command(flatten)]
    ca: CaArgs,
    /// The certificate's name in the state folder [default: the first name]
    #[arg(long, value_name = "NAME")]
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
    /// Type of the certificate's key: p256, p384, rsa2048, rsa3072 or rsa4096
    #[arg(long, value_name = "TYPE", default_value = "p256")]
    key_type: KeyType,
    /// One of the profiles that the CA offers
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Take the chain with an issuer of this common name, where the CA offers several
    #[arg(long, value_name = "NAME")]
    preferred_chain: Option<String>,
}

pub(super) async fn run(args: Args, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    let request = request(&args)?;
    let setup = args.registration.setup()?;
    let state = open_state(global)?;
    let providers = Providers::new(&state, &args.providers)?;
    providers.open_all()?;
    let dns = args.dns.open()?;
    let cancel = on_signals(printer)?;
    let observe = |event: Event| printer.event(&event);
    let session = Session {
        state: &state,
        dns: &dns,
        resolvers: &args.dns.resolvers,
        providers: &providers,
        observe: &observe,
        cancel: cancel.clone(),
    };
    // What a crashed run left would be in the way of nobody but should not stay longer than that.
    flow::remove_leftovers(&session).await?;
    let issuing = async {
        let client = AcmeClient::connect(&request.server, args.ca.http()?).await?;
        Ok(flow::issue(&session, &client, &setup, &request).await?)
    };
    let issued = issuing.await.map_err(|failure: Failure| stopped(failure, cancel.is_requested()))?;
    let (text, json) = shown(&request, &issued);
    printer.result(&text, &json);
    Ok(Exit::Done)
}

fn stopped(failure: Failure, by_user: bool) -> Failure {
    if by_user { Failure { exit: Exit::Interrupted, ..failure } } else { failure }
}

fn request(args: &Args) -> Result<IssueRequest, Failure> {
    let mut names: Vec<CertName> = Vec::new();
    for name in &args.domains {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let certificate = args.cert_name.clone().unwrap_or_else(|| names[0].base().to_string());
    let methods = args.challenges.methods(!args.providers.plugins.is_empty())?;
    let chosen = methods.check(&names)?;
    if args.providers.plugins.is_empty() && chosen.iter().any(|method| method.publishes()) {
        return Err(Failure::new(
            Exit::Usage,
            "no provider is named; give --dns-plugin, and see `acmite plugin list` for those there are",
        ));
    }
    Ok(IssueRequest {
        server: args.ca.directory()?,
        names,
        certificate,
        key_type: args.key_type,
        order: OrderOptions { profile: args.profile.clone(), ..OrderOptions::default() },
        preferred_chain: args.preferred_chain.clone(),
        proof: ProofOptions {
            methods,
            dns01: args.publishing.options(),
            http_port: args.challenges.http_port,
            tls_port: args.challenges.tls_port,
        },
    })
}

fn shown(request: &IssueRequest, issued: &Issued) -> (String, serde_json::Value) {
    let Issued { live, leaf } = issued;
    let not_after = leaf.not_after.format(&Rfc3339).unwrap_or_default();
    let names: Vec<String> = request.names.iter().map(ToString::to_string).collect();
    let text = format!(
        "certificate  {}\nkey          {}\nnames        {}\nissuer       {}\nvalid until  {not_after}",
        live.join("fullchain.pem").display(),
        live.join("privkey.pem").display(),
        names.join(", "),
        leaf.issuer,
    );
    let json = json!({
        "event": "issued",
        "name": request.certificate,
        "names": names,
        "live": live,
        "fullchain": live.join("fullchain.pem"),
        "privkey": live.join("privkey.pem"),
        "issuer": leaf.issuer,
        "not_after": not_after,
    });
    (text, json)
}
