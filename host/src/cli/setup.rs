//! What commands share: the state folder, resolvers, signals, the CA's directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;

use super::Global;
use super::exit::{Exit, Failure};
use super::printer::Printer;
use crate::acme::HttpOptions;
use crate::acme::place::{PlaceError, check_directory};
use crate::dns::{Dns, DnsOptions, Resolver};
use crate::flow::{Cancel, Event, ProviderSource, Session, cancellation};
use crate::name::DnsName;
use crate::secure_file::read_named;
use crate::store::{StateDir, is_certificate_name};

/// Whom to ask about DNS.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "DNS")]
pub struct DnsArgs {
    /// Ask this resolver instead of the system's: ADDR, ADDR:PORT, tls://HOST or https://HOST/PATH; may be repeated
    #[arg(long = "dns-resolver", value_name = "RESOLVER")]
    pub resolvers: Vec<Resolver>,
    /// The apex of the zone of every name, where DNS as seen from here does not show it (split horizon)
    #[arg(long = "dns-zone", value_name = "NAME")]
    pub zone: Option<DnsName>,
}

impl DnsArgs {
    /// Questions to these resolvers, or to the system's.
    pub fn open(&self) -> Result<Dns, Failure> {
        Ok(Dns::new(DnsOptions { resolvers: self.resolvers.clone(), zone: self.zone.clone(), roots_pem: None })?)
    }
}

/// What a command works with, opened as its options say.
pub struct Opened {
    /// Where everything is kept.
    pub state: StateDir,
    /// The wish to stop.
    pub cancel: Cancel,
    dns: Dns,
    resolvers: Vec<Resolver>,
    providers: Arc<dyn ProviderSource>,
}

impl Opened {
    /// With the resolvers that are named.
    pub fn new(
        state: StateDir,
        dns: &DnsArgs,
        providers: Arc<dyn ProviderSource>,
        cancel: Cancel,
    ) -> Result<Self, Failure> {
        Ok(Self { state, cancel, dns: dns.open()?, resolvers: dns.resolvers.clone(), providers })
    }

    /// For flows, which tell `observe` what happens.
    pub fn session<'a>(&'a self, observe: &'a (dyn Fn(Event) + Send + Sync)) -> Session<'a> {
        Session {
            state: &self.state,
            dns: &self.dns,
            resolvers: &self.resolvers,
            providers: self.providers.as_ref(),
            observe,
            cancel: self.cancel.clone(),
            has_others: false,
        }
    }
}

/// Which CA.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "CA")]
pub struct CaArgs {
    /// The CA's directory URL, or letsencrypt, letsencrypt-staging, zerossl, google, sslcom or actalis
    #[arg(long, value_name = "URL", default_value = "letsencrypt", value_parser = server)]
    pub server: Url,
    /// Ask the CA's staging directory, for trials
    #[arg(long)]
    pub staging: bool,
    /// PEM file of root certificates to trust besides the system's, for a private CA
    #[arg(long, value_name = "PEM")]
    pub ca_bundle: Option<PathBuf>,
}

impl CaArgs {
    /// The directory that is meant.
    pub fn directory(&self) -> Result<Url, Failure> {
        if !self.staging {
            return Ok(self.server.clone());
        }
        staging_of(&self.server).ok_or_else(|| {
            let with = CAS.iter().filter(|(.., staging)| staging.is_some()).map(|(name, ..)| *name);
            let with = with.collect::<Vec<_>>().join(", ");
            let server = &self.server;
            Failure::new(
                Exit::Usage,
                format!("no staging directory is known for {server}, only for: {with}; give its URL"),
            )
        })
    }

    /// How the CA is reached.
    pub fn http(&self) -> Result<HttpOptions, Failure> {
        let read = |path: &PathBuf| {
            let unreadable = |error| {
                let path = path.display();
                Failure::new(Exit::Configuration, format!("could not read the CA bundle {path}: {error}"))
            };
            read_named(path).map_err(unreadable)
        };
        let ca_bundle_pem = self.ca_bundle.as_ref().map(read).transpose()?;
        Ok(HttpOptions { ca_bundle_pem, ..HttpOptions::default() })
    }
}

/// A CA by its URL or its known name.
pub fn server(text: &str) -> Result<Url, String> {
    if text == "buypass" {
        // https://www.buypass.com/products/tls-ssl-certificates/go-ssl, as https-dev/docs#7 quotes it in 2026.
        return Err(format!("Buypass has ended its certificates (October 2025); choose another: {}", ca_names()));
    }
    let url = CAS.iter().find(|(name, ..)| *name == text).map_or(text, |(_, url, _)| *url);
    let url = Url::parse(url).map_err(|_| format!("give an https:// URL or one of: {}", ca_names()))?;
    match check_directory(&url) {
        Ok(()) => Ok(url),
        Err(PlaceError::Plain) => Err("plain http is taken only for a CA on this machine; use https".into()),
        Err(_) => Err(format!("give an https:// URL or one of: {}", ca_names())),
    }
}

pub(super) fn ca_names() -> String {
    CAS.map(|(name, ..)| name).join(", ")
}

/// Name, directory and staging directory, seen in 2026 in lego's list, <https://go-acme.github.io/lego/advanced/caservers/>;
/// ZeroSSL's in <https://context7.com/zerossl/documentation/llms.txt>.
const CAS: [(&str, &str, Option<&str>); 6] = [
    ("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory", Some(LETSENCRYPT_STAGING)),
    ("letsencrypt-staging", LETSENCRYPT_STAGING, Some(LETSENCRYPT_STAGING)),
    ("zerossl", "https://acme.zerossl.com/v2/DV90", None),
    ("google", "https://dv.acme-v02.api.pki.goog/directory", Some("https://dv.acme-v02.test-api.pki.goog/directory")),
    ("sslcom", "https://acme.ssl.com/sslcom-dv-rsa", None),
    ("actalis", "https://acme-api.actalis.com/acme/directory", None),
];

const LETSENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// The server for trials of the CA whose directory is at `server`, where it is known to have one.
pub fn staging_of(server: &Url) -> Option<Url> {
    let (.., staging) = CAS.iter().find(|(_, url, _)| *url == server.as_str())?;
    Url::parse((*staging)?).ok()
}

/// Opens the state folder that was named, or the default one.
pub fn open_state(global: &Global) -> Result<StateDir, Failure> {
    open_state_or(global, None)
}

/// The same, where a file may name one too; what is named on the command line or in the environment wins.
pub fn open_state_or(global: &Global, in_file: Option<&Path>) -> Result<StateDir, Failure> {
    let path = global.state_dir.as_deref().or(in_file).map(Path::to_owned).unwrap_or_else(default_state_path);
    Ok(StateDir::open(&path)?)
}

/// The state folder that was named, or the default one.
pub fn state_path(global: &Global) -> PathBuf {
    global.state_dir.clone().unwrap_or_else(default_state_path)
}

/// The state folder where none is named.
pub fn default_state_path() -> PathBuf {
    StateDir::default_path(is_root(), &|name| std::env::var_os(name))
}

/// Whether this process may do everything.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The wish to stop that SIGINT and SIGTERM express; the second one ends the process at once.
pub fn on_signals(printer: &Arc<Printer>) -> Result<Cancel, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error| Failure::new(Exit::Failed, format!("could not listen for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let (canceller, cancel) = cancellation();
    let printer = printer.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        next().await;
        printer.note("stopping: what is published is removed first; a second signal stops at once");
        canceller.cancel();
        next().await;
        end_at_once();
    });
    Ok(cancel)
}

#[expect(clippy::exit, reason = "the user asked twice; the journal holds what is left")]
fn end_at_once() -> ! {
    std::process::exit(Exit::Interrupted as i32)
}

/// Seconds as a user writes them: `90`, `90s`, `5m`, `1h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("give seconds, or a number with s, m or h".into()),
    };
    let number: u64 = number.parse().map_err(|_| "give seconds, or a number with s, m or h")?;
    Ok(Duration::from_secs(number.saturating_mul(factor)))
}

/// A name for a certificate.
pub fn certificate_name(text: &str) -> Result<String, String> {
    if is_certificate_name(text) {
        return Ok(text.to_owned());
    }
    Err("its name is that of a folder; use letters, digits, '.', '-' and '_', no dot in front".to_owned())
}

/// A moment as RFC 3339 writes it.
pub fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| "give a time as 2027-01-31T00:00:00Z".to_owned())
}

/// A path that means the same in another process.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        assert!(server("http://127.0.0.1:1/dir").is_ok() && server("http://[::1]/dir").is_ok());
        assert!(server("http://ca.example/dir").is_err() && server("http://127.0.0.1.example/").is_err());
        assert!(server("https://ca.example/dir").is_ok() && server("nonsense").is_err());
        assert_eq!(server("letsencrypt").map(|url| url.scheme().to_owned()), Ok("https".to_owned()));
    }

    #[test]
    fn staging_is_known_for_some_and_never_guessed() {
        let meant = |name: &str| {
            let args = CaArgs { server: server(name).expect(name), staging: true, ca_bundle: None };
            args.directory().map(String::from).ok()
        };
        assert_eq!(meant("letsencrypt").as_deref(), Some(LETSENCRYPT_STAGING));
        assert_eq!(meant("letsencrypt-staging").as_deref(), Some(LETSENCRYPT_STAGING));
        assert_eq!(meant("zerossl"), None);
        assert_eq!(meant("https://ca.example/dir"), None);
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert!(duration("m").is_err() && duration("5 m").is_err() && duration("").is_err());
    }
}
