//! The table of findings: what each is called, how bad it is, and what to do about it.

use serde::Serialize;

use super::condition::Condition;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It makes the next attempt fail, or certificates are not to be had or used.
    Error,
    /// It may make an attempt fail, or something is left to be put in order.
    Warning,
}

macro_rules! codes {
    ($($variant:ident $code:literal $severity:ident $meaning:literal $remedy:literal)*) => {
        /// The kinds of findings; each belongs to the [`Condition`] of the same name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = concat!("`", $code, "`: ", $meaning)] $variant,)*
        }

        impl Code {
            /// All of them, as they are documented.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// For programs.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// In one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What to do about it.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }
        }

        impl Condition {
            /// Which kind of finding it is.
            pub fn code(&self) -> Code {
                match self { $(Self::$variant { .. } => Code::$variant,)* }
            }
        }
    };
}

codes! {
    StateFolder "state-folder" Error
        "The state folder cannot be used, or others may change what is in it."
        "make it your own with mode 0700, or name another with --state-dir"
    StateUnwritable "state-unwritable" Error
        "Nothing can be stored in the state folder: the disk is full or read-only, or this user may not."
        "make room, mount the disk so that it can be written, or make the folder your own"
    KeyUnprotected "key-unprotected" Error
        "Others may read or change a private key of an account or a certificate."
        "run the command that the message names; if others use the machine, get a new key (`acmite renew NAME --force`, `acmite account roll-key`)"
    AccountUnreadable "account-unreadable" Error
        "What is kept of an account cannot be read."
        "restore the folder below accounts/ from a backup, or move it away and register anew"
    CertificateUnreadable "certificate-unreadable" Error
        "What is kept of a certificate cannot be read."
        "restore the file that the message names, or get the certificate once more with `acmite issue`"
    RenewalUnknown "renewal-unknown" Warning
        "It is not remembered how a certificate was made."
        "get it once more with `acmite issue`, or remove it with `acmite delete`"
    CertificateMissing "certificate-missing" Error
        "A certificate is remembered and not there."
        "run `acmite renew NAME`, or forget it with `acmite delete`"
    CertificateRevoked "certificate-revoked" Error
        "A certificate was revoked, so that clients may refuse it."
        "run `acmite renew NAME` for another one, or remove it with `acmite delete`"
    CertificateExpired "certificate-expired" Error
        "A certificate has expired."
        "run `acmite renew NAME`, and see the other findings for why it was not renewed"
    CertificateOverdue "certificate-overdue" Error
        "A certificate is due for longer than the time between two runs of the timer."
        "run `acmite renew NAME`, and see the other findings for why it was not renewed"
    RateLimited "rate-limited" Error
        "The CA limits requests; acmite makes no attempt before the time it named."
        "wait until then; try things out at the CA's staging directory (`acmite renew --dry-run`, or --staging)"
    AttemptsFailed "attempts-failed" Error
        "The last attempts to renew failed."
        "do what the message says, then run `acmite renew NAME --force`"
    HookFailing "hook-failing" Error
        "A deploy hook fails, so that the new certificate may not be in use."
        "run the hook by hand to see why; the next `acmite renew` runs it again"
    LeftoverRecords "leftover-records" Warning
        "Records of a run that was killed are still published."
        "run `acmite cleanup`"
    LeftoverFiles "leftover-files" Warning
        "Files of a run that was killed are still in a webroot."
        "run `acmite cleanup`"
    JournalDamaged "journal-damaged" Warning
        "An entry of the journal cannot be read."
        "look into the file, remove by hand what it names from DNS or the webroot, then remove the file"
    TimerMissing "timer-missing" Warning
        "Nothing renews the certificates by itself."
        "run `acmite timer install`; if something else runs `acmite renew`, give --own-timer"
    TimerNotEnabled "timer-not-enabled" Warning
        "The timer is installed and never runs."
        "run `systemctl enable --now acmite-renew.timer`"
    PluginChanged "plugin-changed" Error
        "An installed plugin is gone, or is not the one that was agreed to."
        "install it again with `acmite plugin install`"
    PluginMissing "plugin-missing" Error
        "A plugin that is named is neither bundled nor installed."
        "see `acmite plugin list`; install it with `acmite plugin install`, or correct the name"
    PluginUnusable "plugin-unusable" Error
        "A plugin cannot be loaded or does not take its settings."
        "do what the message says; `acmite plugin inspect` shows the settings"
    ProviderNotNamed "provider-not-named" Error
        "The zone of a challenge has no provider."
        "name one with --dns-plugin, or --dns-plugin ZONE=PLUGIN"
    CredentialsUnprotected "credentials-unprotected" Error
        "Others may read or change the file of a provider's credentials."
        "run the command that the message names; if others use the machine, replace the credential"
    CredentialsUnusable "credentials-unusable" Error
        "A provider's credentials are missing or cannot be understood."
        "give them with --credentials or by the environment; `acmite plugin inspect` shows what is needed"
    CredentialRefused "credential-refused" Error
        "The provider does not accept the credential."
        "make a new one at the provider; it may be mistyped, expired or revoked"
    CredentialLacksRights "credential-lacks-rights" Error
        "The credential may not do what is needed."
        "give it the rights that `acmite plugin inspect` names"
    WrongZone "wrong-zone" Error
        "The zone of a challenge is not at this provider or account."
        "name the provider and account that hold the zone (--dns-plugin ZONE=PLUGIN:INSTANCE), or let the credential see it"
    ProviderFailing "provider-failing" Warning
        "The provider could not be asked whether the credential works."
        "do what the message says, or try again later"
    CaUnreachable "ca-unreachable" Error
        "The CA cannot be reached."
        "check the directory URL, the network and any proxy"
    CaUntrusted "ca-untrusted" Error
        "The CA's own TLS certificate is not trusted on this machine."
        "for a private CA give its root with --ca-bundle; else update the system's roots (package ca-certificates) and set the clock"
    CaUnusable "ca-unusable" Error
        "What is at the directory URL is no ACME CA, or it refuses."
        "check the directory URL"
    CaBundle "ca-bundle" Error
        "The file of the CA's roots cannot be used."
        "restore it, or name another with --ca-bundle"
    ClockOff "clock-off" Warning
        "The clock of this machine and that of the CA differ."
        "set the clock and keep it by NTP (`timedatectl set-ntp true`)"
    AccountRefused "account-refused" Error
        "The CA does not know the account, or does not let it ask."
        "put it aside with `acmite account deactivate`, and make another with `acmite issue`"
    ChallengeUnsuited "challenge-unsuited" Error
        "A name cannot be proven by the challenge that is chosen for it."
        "choose another one with --challenge, --dns-plugin, --standalone, --webroot or --tls-alpn"
    ZoneNotFound "zone-not-found" Error
        "A name is in no zone."
        "check that it is spelt right, registered and delegated"
    DnsUnanswered "dns-unanswered" Error
        "Neither name servers nor resolvers answer for a name."
        "check the delegation and that port 53 is let through, or name a resolver with --dns-resolver"
    CnameAstray "cname-astray" Error
        "The CNAME of a challenge leads in a circle, to no zone, or to one that the provider does not hold."
        "correct the CNAME, or remove it to use the name's own zone"
    NameServerFailing "name-server-failing" Warning
        "A name server of the zone does not answer for it; a CA may ask just that one."
        "repair it, or take it off the zone's NS records"
    NotPropagated "not-propagated" Warning
        "Some name servers do not show what others show."
        "wait; if it lasts longer than the message says, repair the zone's transfers (NOTIFY, AXFR)"
    CachedNegatively "cached-negatively" Warning
        "A resolver was asked before the record was there, and has kept that."
        "wait for as long as the message says; ask nobody about the name before it is published"
    CachedOld "cached-old" Warning
        "A resolver has kept other values than those that are there now."
        "wait for as long as the message says; publish with a short TTL (--dns-ttl)"
    WrongRecord "wrong-record" Error
        "Someone put the challenge's value into DNS in a way that no CA accepts."
        "remove the record; the value belongs at _acme-challenge.NAME, bare, as acmite publishes it"
    StaleValue "stale-value" Warning
        "Values of another client, or of earlier attempts, stand at a challenge's name."
        "remove them at the provider, unless another client is at work just now"
    LastingRecordMissing "lasting-record-missing" Error
        "The record that proves a name at every renewal (dns-persist-01) is not there, is over, or is for another account."
        "publish it once more with `acmite persist`"
    CaaForbids "caa-forbids" Error
        "CAA records forbid the CA to issue (RFC 8659), or to issue to this account or by this challenge (RFC 8657)."
        "add a CAA record that names this CA, or correct accounturi and validationmethods"
    CaaUnanswered "caa-unanswered" Error
        "CAA records cannot be read; a CA that cannot does not issue."
        "let the zone's servers answer questions for CAA, if only by NOERROR without records"
    DnssecBroken "dnssec-broken" Error
        "The zone's signatures do not hold; CAs validate them."
        "sign the zone anew, or correct the DS record at the registrar (`delv NAME` shows where it breaks)"
    NoAddress "no-address" Error
        "A name that is to be proven by a server of its own has no address."
        "add an A or AAAA record, or prove it by DNS"
    PortTaken "port-taken" Error
        "The port for acmite's own server is taken."
        "if that is a web server, give its folder with --webroot; else stop it for the time"
    PortForbidden "port-forbidden" Error
        "This user may not listen on the port."
        "run as root, allow it (setcap cap_net_bind_service+ep on acmite), or have another port forwarded"
    PortUnusable "port-unusable" Error
        "The port for acmite's own server cannot be had."
        "see what the system says"
    PortUnreachable "port-unreachable" Warning
        "This machine does not reach itself by the name's address; a CA may, if it comes from outside of a NAT."
        "check that the address is this machine's, and that firewall and router let the port through"
    AnsweredByOther "answered-by-other" Error
        "Someone else answers at the name's address: another machine, another web server or a proxy."
        "correct the name's A and AAAA records, or let what answers show the challenge (--webroot with its folder)"
    WebrootUnusable "webroot-unusable" Error
        "A token cannot be put into the webroot."
        "give the folder that the web server shows, and let this user write there"
}
