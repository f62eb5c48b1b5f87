//! `acmite.toml` as it is meant: every value checked, every error with its place.

mod dns;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::csr;
use super::registration::{account_name, contacts, mac_key};
use super::setup::{ca_names, certificate_name, server};
use crate::config::file::{RawCa, RawCertificate, RawConfig, RawHooks};
use crate::config::text::Keys;
use crate::config::{ConfigError, ConfigText};
use crate::flow::{AccountSetup, KEY_OF_REQUEST, Method, Methods, Wanted, hooks};
use crate::name::CertName;
use crate::pki::{CertificateRequest, KeyType};
use crate::store::renewal::{ChallengeRecord, FormatVersion, Hooks, Renewal};

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Described {
    /// Where everything is kept.
    pub(super) state_dir: Option<PathBuf>,
    /// How many certificates at once.
    pub(super) at_once: Option<u8>,
    /// Where the log is kept.
    pub(super) log_file: Option<PathBuf>,
    /// The certificates.
    pub(super) certificates: Vec<Wanted>,
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Described, ConfigError> {
    let text = ConfigText::read(path)?;
    let raw = text.parse()?;
    let reader = Reader { text: &text, raw: &raw };
    if let Some(at_once) = raw.at_once.filter(|at_once| !(1..=64).contains(at_once)) {
        return Err(text.refused(&["at_once"], format!("{at_once} is not between 1 and 64")));
    }
    reader.check_providers()?;
    let certificates = raw.certificate.iter().map(|(name, one)| reader.certificate(name, one));
    Ok(Described {
        certificates: certificates.collect::<Result<_, _>>()?,
        state_dir: raw.state_dir.as_ref().map(|path| text.resolve(path)),
        at_once: raw.at_once,
        log_file: raw.log_file.as_ref().map(|path| text.resolve(path)),
    })
}

struct Reader<'a> {
    text: &'a ConfigText,
    raw: &'a RawConfig,
}

impl Reader<'_> {
    fn certificate(&self, name: &str, raw: &RawCertificate) -> Result<Wanted, ConfigError> {
        let here = |key: &'static str| vec!["certificate", name, key];
        certificate_name(name).map_err(|why| self.text.refused(&["certificate", name], why))?;
        let request = self.request(name, raw)?;
        let names = self.names(name, raw, request.as_ref())?;
        let (server, ca_bundle, setup) = self.ca(name, raw)?;
        let key_type = self.chosen(&here("key_type"), raw.key_type.as_ref(), self.raw.defaults.key_type.as_ref());
        let key_type = key_type.map(|(keys, text)| self.parsed::<KeyType>(&keys, text)).transpose()?;
        let hooks = self.hooks(name, &raw.hooks)?;
        if request.is_some() {
            csr::check_hooks(&hooks).map_err(|why| self.text.refused(&here("csr"), why))?;
        }
        let renewal = Renewal {
            version: FormatVersion,
            server,
            account: setup.name.clone(),
            ca_bundle,
            key_type: match request {
                Some(_) => KEY_OF_REQUEST.to_owned(),
                None => key_type.unwrap_or(KeyType::P256).to_string(),
            },
            csr: request.map(|request| request.to_pem()),
            reuse_key: raw.reuse_key,
            profile: raw.profile.clone().or_else(|| self.raw.defaults.profile.clone()),
            preferred_chain: raw.preferred_chain.clone(),
            challenge: self.challenge(name, raw, &names)?,
            hooks,
            names,
        };
        Ok(Wanted { name: name.to_owned(), renewal, setup })
    }

    fn request(&self, name: &str, raw: &RawCertificate) -> Result<Option<CertificateRequest>, ConfigError> {
        let Some(path) = &raw.csr else { return Ok(None) };
        let refused = |key: &str, why: String| self.text.refused(&["certificate", name, key], why);
        let why = "the key is that of the request; leave it out";
        if raw.key_type.is_some() {
            return Err(refused("key_type", why.to_owned()));
        }
        if raw.reuse_key {
            return Err(refused("reuse_key", why.to_owned()));
        }
        csr::read(&self.text.resolve(path)).map(Some).map_err(|why| refused("csr", why))
    }

    fn names(
        &self,
        name: &str,
        raw: &RawCertificate,
        request: Option<&CertificateRequest>,
    ) -> Result<Vec<CertName>, ConfigError> {
        let mut names: Vec<CertName> = Vec::new();
        for (at, text) in raw.names.iter().enumerate() {
            let parsed = self.parsed(&["certificate", name, "names", &at.to_string()], text)?;
            if !names.contains(&parsed) {
                names.push(parsed);
            }
        }
        let keys = ["certificate", name, "names"];
        match request {
            Some(request) if names.is_empty() => Ok(request.names().to_vec()),
            Some(request) => csr::agree(&names, request).map_err(|why| self.text.refused(&keys, why)),
            None if names.is_empty() => Err(self.text.refused(&keys, "there are none; give at least one name, or csr")),
            None => Ok(names),
        }
    }

    /// Directory, roots, and what the account is made with.
    fn ca(&self, name: &str, raw: &RawCertificate) -> Result<(url::Url, Option<PathBuf>, AccountSetup), ConfigError> {
        let keys = ["certificate", name, "ca"];
        let (keys, ca) = match self.chosen(&keys, raw.ca.as_ref(), self.raw.defaults.ca.as_ref()) {
            Some((keys, ca)) => (keys, ca.as_str()),
            None => (keys.to_vec(), self.only_ca(&keys)?),
        };
        if let Some(described) = self.raw.ca.get(ca) {
            return self.described_ca(ca, described);
        }
        match server(ca) {
            Ok(directory) => Ok((directory, None, AccountSetup::default())),
            Err(_) => {
                let built_in = ca_names();
                let known = self.raw.ca.keys().map(String::as_str).chain(built_in.split(", "));
                Err(self.text.unknown(&keys, ca, known))
            }
        }
    }

    fn only_ca(&self, keys: Keys<'_>) -> Result<&str, ConfigError> {
        let mut all = self.raw.ca.keys();
        match (all.next(), all.next()) {
            (None, _) => Ok(USUAL_CA),
            (Some(only), None) => Ok(only),
            _ => Err(self.text.refused(keys, "there are several CAs; say which, here or as defaults.ca")),
        }
    }

    fn described_ca(&self, ca: &str, raw: &RawCa) -> Result<(url::Url, Option<PathBuf>, AccountSetup), ConfigError> {
        let refused = |key: &str, why: String| self.text.refused(&["ca", ca, key], why);
        let directory = server(raw.directory.as_deref().unwrap_or(ca)).map_err(|why| refused("directory", why))?;
        let name = raw.account.as_deref().map(account_name).transpose().map_err(|why| refused("account", why))?;
        let contacts = contacts(&raw.contact).map_err(|failure| refused("contact", failure.message))?;
        let key = |eab: &crate::config::file::RawEab| {
            let key = mac_key(&self.text.resolve(&eab.hmac_key_file));
            let keys = ["ca", ca, "eab", "hmac_key_file"];
            key.map(|key| (eab.kid.clone(), key)).map_err(|failure| self.text.refused(&keys, failure.message))
        };
        let eab = raw.eab.as_ref().map(key).transpose()?;
        let ca_bundle = raw.ca_bundle.as_ref().map(|path| self.text.resolve(path));
        Ok((directory, ca_bundle, AccountSetup { name, contacts, agree_tos: raw.agree_tos, eab }))
    }

    fn challenge(&self, name: &str, raw: &RawCertificate, names: &[CertName]) -> Result<ChallengeRecord, ConfigError> {
        let dns = self.dns(name, raw)?;
        let methods = self.methods(name, raw, !dns.plugins.is_empty())?;
        let keys = ["certificate", name, "challenges"];
        let chosen = methods.check(names).map_err(|error| self.text.refused(&keys, error))?;
        if dns.plugins.is_empty() && chosen.iter().any(|method| method.publishes()) {
            let why = "records are to be published, and no provider is described; add a table [provider.NAME]";
            return Err(self.text.refused(&keys, why));
        }
        Ok(ChallengeRecord {
            methods: methods.general.iter().map(ToString::to_string).collect(),
            by_name: methods.by_name.iter().map(|(name, method)| (name.clone(), method.to_string())).collect(),
            http_port: raw.http_port.unwrap_or(80),
            tls_port: raw.tls_port.unwrap_or(443),
            dns,
        })
    }

    fn methods(&self, name: &str, raw: &RawCertificate, has_provider: bool) -> Result<Methods, ConfigError> {
        let keys = ["certificate", name, "challenges"];
        let chosen = self.chosen(&keys, raw.challenges.as_ref(), self.raw.defaults.challenges.as_ref());
        let general = match chosen {
            Some((keys, texts)) => texts.iter().map(|text| self.method(&keys, text)).collect::<Result<_, _>>()?,
            None => has_provider.then_some(Method::Dns01).into_iter().collect(),
        };
        let by_name = raw.challenge_by_name.iter().map(|(text, method)| {
            let keys = ["certificate", name, "challenge_by_name", text];
            Ok((self.parsed(&keys, text)?, self.method(&keys, method)?))
        });
        Ok(Methods { general, by_name: by_name.collect::<Result<_, _>>()? })
    }

    fn method(&self, keys: Keys<'_>, text: &str) -> Result<Method, ConfigError> {
        Ok(match self.parsed(keys, text)? {
            Method::Webroot(folder) => Method::Webroot(self.text.resolve(&folder)),
            method => method,
        })
    }
}

const USUAL_CA: &str = "letsencrypt";

impl Reader<'_> {
    /// Its own, then those for every certificate.
    fn hooks(&self, name: &str, own: &RawHooks) -> Result<Hooks, ConfigError> {
        let checked = |kind: &'static str, own: &[String], general: &[String]| {
            let own = own.iter().map(|entry| (vec!["certificate", name, "hooks", kind], entry));
            let all = own.chain(general.iter().map(|entry| (vec!["hooks", kind], entry)));
            let check = |(keys, entry): (Vec<&str>, &String)| {
                hooks::check(entry).map_err(|error| self.text.refused(&keys, crate::causes::chain(&error)))?;
                Ok(entry.clone())
            };
            all.map(check).collect::<Result<Vec<_>, ConfigError>>()
        };
        let general = &self.raw.hooks;
        Ok(Hooks {
            pre: checked("pre", &own.pre, &general.pre)?,
            deploy: checked("deploy", &own.deploy, &general.deploy)?,
            post: checked("post", &own.post, &general.post)?,
        })
    }

    /// The certificate's own value or the general one, with its place; `keys` lead to the own one.
    fn chosen<'v, T>(
        &self,
        keys: &[&'v str],
        own: Option<&'v T>,
        general: Option<&'v T>,
    ) -> Option<(Vec<&'v str>, &'v T)> {
        let above = || std::iter::once("defaults").chain(keys.iter().skip(2).copied()).collect();
        own.map(|own| (keys.to_vec(), own)).or_else(|| general.map(|general| (above(), general)))
    }

    fn parsed<T: FromStr<Err: fmt::Display>>(&self, keys: Keys<'_>, text: &str) -> Result<T, ConfigError> {
        text.parse().map_err(|error| self.text.refused(keys, error))
    }

    /// Parsed, and as it is written elsewhere.
    fn written<T: FromStr<Err: fmt::Display> + ToString>(
        &self,
        keys: Keys<'_>,
        text: &str,
    ) -> Result<String, ConfigError> {
        Ok(self.parsed::<T>(keys, text)?.to_string())
    }
}
