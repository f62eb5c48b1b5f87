//! `acmite import`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;

use super::Global;
use super::challenges::ChallengeArgs;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::providers::ProviderArgs;
use super::publishing::PublishArgs;
use super::setup::{CaArgs, DnsArgs, absolute, open_state};
use crate::acme::AccountKey;
use crate::config::moving::{self, Found, FoundAccount, FoundCertificate, FoundError, Left, Wishes};
use crate::flow::hooks;
use crate::secure_file::{SecureWriteError, create_private_dir, write_whole};
use crate::store::StateDir;
use crate::store::account::AccountStore;
use crate::store::certificate::CertificateStore;
use crate::store::renewal::{ChallengeRecord, DnsRecord, RenewalStore};

/// Move in from another client: accounts, certificates, keys, and how they are renewed
#[derive(Subcommand)]
pub(super) enum Command {
    Certbot(Certbot),
    Lego(Lego),
    #[command(name = "acme.sh")]
    AcmeSh(AcmeSh),
}

/// Take over certbot's accounts, certificates, renewal settings and hooks; its folder is not changed.
///
/// What certbot proves by a provider that acmite lacks, or by a web server's plugin, is taken with the challenge that is
/// given here. Then turn certbot's timer off, and let acmite's renew: `acmite timer install`.
///
/// Examples:
///   acmite import certbot /etc/letsencrypt
///   acmite import certbot /etc/letsencrypt --webroot /var/www/html
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Certbot {
    #[command(flatten)]
    args: Args,
}

/// Take over the accounts and certificates that lego has of one CA; its folder is not changed.
///
/// lego does not keep how names are proven: give it here.
///
/// Examples:
///   acmite import lego ~/.lego --dns-plugin cloudflare --credentials /etc/acmite/cloudflare.toml
///   acmite import lego ~/.lego --server zerossl --webroot /var/www/html
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Lego {
    #[command(flatten)]
    args: Args,
}

/// Take over acme.sh's accounts, certificates and commands; its folder is not changed.
///
/// What it proves by a provider is taken with the one that is given here: acme.sh's secrets stay where they are.
///
/// Examples:
///   acmite import acme.sh ~/.acme.sh
///   acmite import acme.sh ~/.acme.sh --dns-plugin cloudflare --credentials /etc/acmite/cloudflare.toml
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct AcmeSh {
    #[command(flatten)]
    args: Args,
}

#[derive(clap::Args)]
struct Args {
    /// The other client's folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    ca: CaArgs,
    #[command(flatten)]
    challenges: ChallengeArgs,
    #[command(flatten)]
    providers: ProviderArgs,
    #[command(flatten)]
    dns: DnsArgs,
    #[command(flatten)]
    publishing: PublishArgs,
}

type Reader = fn(&std::path::Path, &Wishes) -> Result<Found, FoundError>;

pub(super) fn run(command: Command, global: &Global, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    let (args, reader): (Args, Reader) = match command {
        Command::Certbot(Certbot { args }) => (args, moving::read_certbot),
        Command::Lego(Lego { args }) => (args, moving::read_lego),
        Command::AcmeSh(AcmeSh { args }) => (args, moving::read_acme_sh),
    };
    if !args.folder.is_dir() {
        let message = format!("{} is no folder; give the one of the other client", args.folder.display());
        return Err(Failure::new(Exit::Usage, message));
    }
    let found = reader(&args.folder, &wishes(&args)?).map_err(|error| Failure::of(Exit::Configuration, &error))?;
    let state = open_state(global)?;
    let report = Mover { state: &state, report: Report::default(), names: BTreeMap::new() }.take(found)?;
    printer.result(&report.text(), &report.json());
    Ok(Exit::Done)
}

fn wishes(args: &Args) -> Result<Wishes, Failure> {
    let methods = args.challenges.methods(!args.providers.plugins.is_empty())?;
    let dns = DnsRecord {
        plugins: args.providers.plugins.iter().map(ToString::to_string).collect(),
        credentials: args.providers.credentials.as_deref().map(absolute),
        credentials_by_plugin: BTreeMap::new(),
        resolvers: args.dns.resolvers.iter().map(ToString::to_string).collect(),
        zone: args.dns.zone.clone(),
        propagation_check: args.publishing.propagation_check.to_string(),
        propagation_timeout_seconds: args.publishing.propagation_timeout.as_secs(),
        ttl: args.publishing.dns_ttl,
    };
    let is_said = !methods.general.is_empty() || !methods.by_name.is_empty();
    let challenge = ChallengeRecord {
        methods: methods.general.iter().map(ToString::to_string).collect(),
        by_name: methods.by_name.iter().map(|(name, method)| (name.clone(), method.to_string())).collect(),
        http_port: args.challenges.http_port,
        tls_port: args.challenges.tls_port,
        dns,
    };
    let ca_bundle = args.ca.ca_bundle.as_deref().map(absolute);
    Ok(Wishes { challenge: is_said.then_some(challenge), server: args.ca.directory()?, ca_bundle })
}

/// Puts what was found into the state folder. All of it was read and checked before; what is there already stays.
struct Mover<'a> {
    state: &'a StateDir,
    report: Report,
    /// What an account is called here, by the other client's id.
    names: BTreeMap<String, Option<String>>,
}

impl Mover<'_> {
    fn take(mut self, found: Found) -> Result<Report, Failure> {
        self.report.left = found.left;
        for account in &found.accounts {
            self.account(account)?;
        }
        for certificate in found.certificates {
            self.certificate(certificate)?;
        }
        for (kind, path) in found.hooks {
            let to = self.state.hooks_dir(kind).join(path.file_name().unwrap_or_default());
            let bytes = std::fs::read(&path).map_err(|error| {
                Failure::new(Exit::Configuration, format!("cannot read the hook {}: {error}", path.display()))
            })?;
            if !to.exists() {
                write_whole(&to, &bytes, 0o700).map_err(unwritable)?;
                self.report.hooks.push(to.display().to_string());
            }
        }
        Ok(self.report)
    }

    fn account(&mut self, found: &FoundAccount) -> Result<(), Failure> {
        let short: String = found.id.chars().filter(char::is_ascii_hexdigit).take(8).collect();
        for name in [None, Some(format!("moved-{}", short.to_lowercase()))] {
            let store = AccountStore::new(self.state, &found.server, name.as_deref());
            let stored = store.load()?;
            let same =
                |pem: &str| AccountKey::from_pem(pem).is_ok_and(|key| key.thumbprint() == found.key.thumbprint());
            if stored.as_ref().is_some_and(|stored| !same(&stored.key_pem)) {
                continue;
            }
            // One without a URL was left half by an import that was cut short.
            if stored.is_none_or(|stored| stored.url.is_none()) {
                store.save_key(&found.key.to_pem())?;
                store.save_url(&found.url, &found.contacts)?;
                self.report.accounts.push(found.url.to_string());
            }
            self.names.insert(found.id.clone(), name);
            return Ok(());
        }
        let why = "there are other accounts at this CA already; take it with `acmite account import --account NAME`";
        self.report.left.push(Left { what: format!("account {}", found.url), why: why.to_owned() });
        Ok(())
    }

    fn certificate(&mut self, found: FoundCertificate) -> Result<(), Failure> {
        let FoundCertificate { name, mut renewal, .. } = found;
        let hooks = renewal.hooks.pre.iter().chain(&renewal.hooks.deploy).chain(&renewal.hooks.post);
        for hook in hooks {
            hooks::check(hook).map_err(|error| Failure::of(Exit::Configuration, &error).about(&name))?;
        }
        let (renewals, certificates) = (RenewalStore::new(self.state, &name), CertificateStore::new(self.state, &name));
        let failed = |error: &(dyn std::error::Error + 'static)| Failure::of(Exit::State, error);
        if renewals.load().map_err(|error| failed(&error))?.is_some() {
            let why = "a certificate of this name is there already, and stays as it is".to_owned();
            self.report.left.push(Left { what: format!("certificate {name}"), why });
            return Ok(());
        }
        renewal.account = found.account_id.and_then(|id| self.names.get(&id).cloned().flatten());
        if let Some(text) = found.credentials {
            let path = self.state.root().join("credentials").join(format!("{name}.toml"));
            create_private_dir(&self.state.root().join("credentials")).map_err(unwritable)?;
            write_whole(&path, text.as_bytes(), 0o600).map_err(unwritable)?;
            renewal.challenge.dns.credentials = Some(path);
        }
        // The renewal last: without it a run that was cut short is done again.
        certificates.store(&found.leaf_pem, &found.chain_pem, &found.key_pem).map_err(|error| failed(&error))?;
        renewals.save(&renewal).map_err(|error| failed(&error))?;
        self.report.certificates.push(name);
        Ok(())
    }
}

fn unwritable(error: SecureWriteError) -> Failure {
    Failure::of(Exit::State, &error)
}

#[derive(Default)]
struct Report {
    accounts: Vec<String>,
    certificates: Vec<String>,
    hooks: Vec<String>,
    left: Vec<Left>,
}

impl Report {
    fn text(&self) -> String {
        let taken = |kind: &str, all: &[String]| all.iter().map(|one| format!("{kind:<12} {one}")).collect::<Vec<_>>();
        let mut lines = taken("account", &self.accounts);
        lines.extend(taken("certificate", &self.certificates));
        lines.extend(taken("hook", &self.hooks));
        lines.extend(self.left.iter().map(|left| format!("not taken    {}: {}", left.what, left.why)));
        if lines.is_empty() { "there is nothing to take".to_owned() } else { lines.join("\n") }
    }

    fn json(&self) -> serde_json::Value {
        let left = self.left.iter().map(|left| json!({"what": left.what, "why": left.why}));
        json!({
            "event": "imported", "accounts": self.accounts, "certificates": self.certificates, "hooks": self.hooks,
            "not_taken": left.collect::<Vec<_>>(),
        })
    }
}
