//! What can be wrong, each with its facts.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Serialize;
use time::OffsetDateTime;
use url::Url;

use crate::dns::{CaaRecord, NameServer, Resolver};
use crate::name::DnsName;

/// Something that makes issuance or renewal fail, or will. What each is called and what to do about it is in
/// [`super::code::Code`].
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Condition {
    #[error("the state folder cannot be used: {why}")]
    StateFolder { path: PathBuf, why: String },
    #[error("{} cannot be written to: {why}", path.display())]
    StateUnwritable { path: PathBuf, why: String },
    #[error("the key of {owner} is not protected: {why}")]
    KeyUnprotected { owner: String, why: String },
    #[error("an account cannot be read: {why}")]
    AccountUnreadable { server: Option<Url>, why: String },
    #[error("what is kept of the certificate cannot be read: {why}")]
    CertificateUnreadable { why: String },
    #[error("it is not remembered how the certificate was made, so that it is never renewed")]
    RenewalUnknown,
    #[error("there is no certificate yet")]
    CertificateMissing,
    #[error("the certificate was revoked")]
    CertificateRevoked,
    #[error("the certificate has expired at {}", moment(.expired))]
    CertificateExpired {
        #[serde(with = "time::serde::rfc3339")]
        expired: OffsetDateTime,
    },
    #[error("the certificate should have been renewed by {} and expires at {}", moment(.due), moment(.expires))]
    CertificateOverdue {
        #[serde(with = "time::serde::rfc3339")]
        due: OffsetDateTime,
        #[serde(with = "time::serde::rfc3339")]
        expires: OffsetDateTime,
    },
    #[error("the CA limits requests and asks to wait until {}{}", moment(.until), trials(.staging.as_ref()))]
    RateLimited {
        #[serde(with = "time::serde::rfc3339")]
        until: OffsetDateTime,
        staging: Option<Url>,
        last_error: Option<String>,
    },
    #[error("the last {failures} attempts failed: {last_error}")]
    AttemptsFailed {
        failures: u32,
        last_error: String,
        #[serde(with = "time::serde::rfc3339::option")]
        next_attempt: Option<OffsetDateTime>,
    },
    #[error("a hook fails since the certificate was stored: {}", hooks.join("; "))]
    HookFailing { hooks: Vec<String> },

    #[error("{} records of an earlier run are still in {zone}: {}", names.len(), joined(names))]
    LeftoverRecords { zone: DnsName, plugin: String, certificate: String, names: Vec<DnsName> },
    #[error("files of an earlier run are still in a webroot: {}", paths(files))]
    LeftoverFiles { certificate: String, files: Vec<PathBuf> },
    #[error("the journal entry {} cannot be read, so what it names may still be published: {why}", path.display())]
    JournalDamaged { path: PathBuf, why: String },
    #[error("nothing renews the certificates in {} by itself", state_dir.display())]
    TimerMissing { state_dir: PathBuf, looked_in: Vec<PathBuf> },
    #[error("the timer {} is there and not enabled", unit.display())]
    TimerNotEnabled { unit: PathBuf },

    #[error("the installed plugin {plugin} cannot be used: {why}")]
    PluginChanged { plugin: String, why: String },
    #[error("there is no plugin {plugin}, neither bundled nor installed")]
    PluginMissing { plugin: String },
    #[error("the plugin {plugin} cannot be used: {why}")]
    PluginUnusable { plugin: String, why: String },
    #[error("no provider is named for the zone {zone}")]
    ProviderNotNamed { zone: DnsName },
    #[error("the credentials for {plugin} are open to others: {why}")]
    CredentialsUnprotected { plugin: String, why: String },
    #[error("the credentials for {plugin} cannot be used: {why}")]
    CredentialsUnusable { plugin: String, why: String },
    #[error("{plugin} does not accept the credential: {why}")]
    CredentialRefused { plugin: String, zone: DnsName, why: String },
    #[error("the credential for {plugin} may not change {zone}: {why}")]
    CredentialLacksRights { plugin: String, zone: DnsName, why: String },
    #[error("{name} is in the zone {zone}, which the account at {plugin} does not hold: {why}")]
    WrongZone { name: DnsName, zone: DnsName, plugin: String, why: String },
    #[error("{plugin} cannot be asked about {zone}: {why}")]
    ProviderFailing { plugin: String, zone: DnsName, why: String },

    #[error("{server} cannot be reached: {why}")]
    CaUnreachable { server: Url, why: String },
    #[error("the TLS certificate of {server} is not trusted: {why}")]
    CaUntrusted { server: Url, why: String },
    #[error("{server} does not answer as an ACME CA: {why}")]
    CaUnusable { server: Url, why: String },
    #[error("the CA bundle {} cannot be used: {why}", path.display())]
    CaBundle { path: PathBuf, why: String },
    #[error("the clock of this machine is {seconds} s {} that of {server}", if *.behind { "behind" } else { "ahead of" })]
    ClockOff { server: Url, seconds: u64, behind: bool },
    #[error("{server} does not let the account {account} ask: {why}")]
    AccountRefused { server: Url, account: String, why: String },
    #[error("{why}")]
    ChallengeUnsuited { why: String },

    #[error("{why}")]
    ZoneNotFound { name: String, why: String },
    #[error("DNS does not answer for {name}: {why}")]
    DnsUnanswered { name: String, why: String },
    #[error("the CNAME chain {} leads astray: {why}", joined(chain))]
    CnameAstray { chain: Vec<DnsName>, why: String },
    #[error("the name server {server} of {zone} is of no use: {answer}")]
    NameServerFailing { zone: DnsName, server: NameServer, answer: String },
    #[error(
        "{} do not show all values at {name}; the zone's secondaries fetch it within {wait_seconds} s",
        listed(lacking)
    )]
    NotPropagated { name: DnsName, lacking: Vec<Lacking>, wait_seconds: u32 },
    #[error("the resolver {resolver} has kept that {name} has no value, for {wait_seconds} s more")]
    CachedNegatively { name: DnsName, resolver: Resolver, wait_seconds: u32 },
    #[error("the resolver {resolver} has kept older values of {name}, for {wait_seconds} s more")]
    CachedOld { name: DnsName, resolver: Resolver, values: Vec<String>, wait_seconds: u32 },
    #[error("the record at {name} is not as it must be ({mistake}): {value:?}")]
    WrongRecord { name: DnsName, value: String, mistake: Mistake },
    #[error("{} values that no run of this acmite published stand at {name}", values.len())]
    StaleValue { name: DnsName, values: Vec<String> },
    #[error("{name} does not let {} have certificates", account.as_deref().unwrap_or("any account (there is none here yet)"))]
    LastingRecordMissing { name: DnsName, lacking: Vec<NameServer>, account: Option<String> },
    #[error("the CAA records at {at} forbid {name}: {refusal}")]
    CaaForbids { name: String, at: DnsName, refusal: super::caa::Refusal, records: Vec<CaaRecord> },
    #[error("the CAA records for {name} cannot be read, at {at}: {answer}")]
    CaaUnanswered { name: String, at: DnsName, answer: String },
    #[error("DNSSEC is broken for {name}: {resolver} fails when it validates, and answers when it does not")]
    DnssecBroken { name: DnsName, resolver: Resolver },

    #[error("{name} has no address")]
    NoAddress { name: String },
    #[error("port {port} is taken{}", by(.holder.as_deref()))]
    PortTaken { port: u16, holder: Option<String> },
    #[error("this user may not listen on port {port}")]
    PortForbidden { port: u16 },
    #[error("port {port} cannot be listened on: {why}")]
    PortUnusable { port: u16, why: String },
    #[error("{name} at {address} does not answer on port {port}: {why}")]
    PortUnreachable { name: String, address: IpAddr, port: u16, why: String },
    #[error("{name} at {address}, port {port}, is answered by someone else: {said}")]
    AnsweredByOther { name: String, address: IpAddr, port: u16, said: String },
    #[error("the webroot {} cannot be used: {why}", path.display())]
    WebrootUnusable { path: PathBuf, why: String },
}

/// A server that is behind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lacking {
    /// The server.
    pub server: NameServer,
    /// What others show and it does not.
    pub values: Vec<String>,
    /// Its serial number of the zone, and the newest.
    pub behind: Option<(u32, u32)>,
}

/// What is wrong with a record that someone made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Mistake {
    /// Quotation marks belong to the presentation of a record.
    #[error("the quotation marks are part of the value")]
    Quoted,
    /// `token.thumbprint` in place of its digest.
    #[error("it holds the key authorization in place of its digest")]
    KeyAuthorization,
    /// `_acme-challenge.example.com.example.com`.
    #[error("the name of the zone is in the record's name twice")]
    ZoneTwice,
}

fn moment(at: &OffsetDateTime) -> String {
    let whole = at.replace_nanosecond(0).unwrap_or(*at);
    whole.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}

fn trials(staging: Option<&Url>) -> String {
    staging.map_or_else(String::new, |url| format!("; its directory for trials is {url}"))
}

fn by(holder: Option<&str>) -> String {
    holder.map_or_else(String::new, |holder| format!(" by {holder}"))
}

fn joined(names: &[DnsName]) -> String {
    names.iter().map(DnsName::as_str).collect::<Vec<_>>().join(", ")
}

fn paths(files: &[PathBuf]) -> String {
    files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn listed(lacking: &[Lacking]) -> String {
    let one = |one: &Lacking| match one.behind {
        Some((own, newest)) => format!("{} (serial {own}, the newest is {newest})", one.server),
        None => one.server.to_string(),
    };
    lacking.iter().map(one).collect::<Vec<_>>().join(", ")
}
