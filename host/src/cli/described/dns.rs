//! Who publishes records, and how they are waited for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Reader;
use crate::cli::providers::Rule;
use crate::cli::setup::duration;
use crate::config::ConfigError;
use crate::config::file::RawCertificate;
use crate::dns::{PropagationCheck, Resolver};
use crate::name::DnsName;
use crate::store::renewal::DnsRecord;

impl Reader<'_> {
    pub(super) fn dns(&self, name: &str, raw: &RawCertificate) -> Result<DnsRecord, ConfigError> {
        let (own, general) = (&raw.dns, &self.raw.defaults.dns);
        let here = |key: &'static str| ["certificate", name, "dns", key];
        let resolvers = match self.chosen(&here("resolvers"), own.resolvers.as_ref(), general.resolvers.as_ref()) {
            Some((keys, texts)) => texts.iter().map(|text| self.written::<Resolver>(&keys, text)).collect(),
            None => Ok(Vec::new()),
        };
        let zone = self.chosen(&here("zone"), own.zone.as_ref(), general.zone.as_ref());
        let check = own.propagation_check.as_ref();
        let check = self.chosen(&here("propagation_check"), check, general.propagation_check.as_ref());
        let check = check.map(|(keys, text)| self.written::<PropagationCheck>(&keys, text)).transpose()?;
        let timeout = own.propagation_timeout.as_ref();
        let timeout = self.chosen(&here("propagation_timeout"), timeout, general.propagation_timeout.as_ref());
        let seconds = |(keys, text): (Vec<&str>, &String)| {
            duration(text).map(|time| time.as_secs()).map_err(|why| self.text.refused(&keys, why))
        };
        let (plugins, by_plugin) = self.rules(name, raw)?;
        let (credentials, credentials_by_plugin) = shared(&plugins, by_plugin);
        Ok(DnsRecord {
            plugins,
            credentials,
            credentials_by_plugin,
            resolvers: resolvers?,
            zone: zone.map(|(keys, text)| self.parsed::<DnsName>(&keys, text)).transpose()?,
            propagation_check: check.unwrap_or_else(|| "all".to_owned()),
            propagation_timeout_seconds: timeout.map(seconds).transpose()?.unwrap_or(300),
            ttl: own.ttl.or(general.ttl).unwrap_or(60),
        })
    }

    /// The provider that is named, for every zone; else all of them, each for its zones.
    fn rules(&self, name: &str, raw: &RawCertificate) -> Result<Rules, ConfigError> {
        if let Some(named) = &raw.provider {
            if !self.raw.provider.contains_key(named) {
                let known = self.raw.provider.keys().map(String::as_str);
                return Err(self.text.unknown(&["certificate", name, "provider"], named, known));
            }
            let rule = self.rule(named, None)?;
            return Ok((vec![rule.clone()], self.credentials(named).map(|file| (rule, file)).into_iter().collect()));
        }
        let mut rules = Rules::default();
        for (provider, raw) in &self.raw.provider {
            let zones: Vec<Option<&String>> =
                if raw.domains.is_empty() { vec![None] } else { raw.domains.iter().map(Some).collect() };
            for zone in zones {
                let rule = self.rule(provider, zone)?;
                rules.1.extend(self.credentials(provider).map(|file| (rule.clone(), file)));
                rules.0.push(rule);
            }
        }
        Ok(rules)
    }

    fn rule(&self, provider: &str, zone: Option<&String>) -> Result<String, ConfigError> {
        let plugin = &self.raw.provider[provider].plugin;
        let path = Path::new(plugin);
        let is_file = plugin.contains('/') || path.extension().is_some_and(|extension| extension == "wasm");
        let plugin = if is_file { self.text.resolve(path).display().to_string() } else { plugin.clone() };
        let zone = zone.map(|zone| self.parsed::<DnsName>(&["provider", provider, "domains"], zone)).transpose()?;
        let text = zone.map_or_else(|| plugin.clone(), |zone| format!("{zone}={plugin}"));
        self.written::<Rule>(&["provider", provider, "plugin"], &text)
    }

    fn credentials(&self, provider: &str) -> Option<PathBuf> {
        self.raw.provider[provider].credentials.as_ref().map(|path| self.text.resolve(path))
    }

    /// Every zone has one provider, and so have the others together.
    pub(super) fn check_providers(&self) -> Result<(), ConfigError> {
        let mut taken: BTreeMap<Option<DnsName>, &str> = BTreeMap::new();
        for (provider, raw) in &self.raw.provider {
            self.rule(provider, None)?;
            let keys = ["provider", provider.as_str(), "domains"];
            let zones = raw.domains.iter().map(|zone| self.parsed::<DnsName>(&keys, zone).map(Some));
            let zones: Vec<_> = if raw.domains.is_empty() { vec![None] } else { zones.collect::<Result<_, _>>()? };
            for zone in zones {
                let what = zone.as_ref().map_or("all other zones".to_owned(), ToString::to_string);
                if let Some(other) = taken.insert(zone, provider) {
                    let why = format!("{other} is for {what} already; give each its own domains");
                    return Err(self.text.refused(&keys, why));
                }
            }
        }
        Ok(())
    }
}

/// One file for all, as flags name it, where all have the same.
fn shared(plugins: &[String], by_plugin: BTreeMap<String, PathBuf>) -> (Option<PathBuf>, BTreeMap<String, PathBuf>) {
    match by_plugin.first_key_value().map(|(_, first)| first.clone()) {
        Some(first) if by_plugin.len() == plugins.len() && by_plugin.values().all(|file| *file == first) => {
            (Some(first), BTreeMap::new())
        }
        _ => (None, by_plugin),
    }
}

/// Rules as after `--dns-plugin`, and the credentials of those that have their own.
type Rules = (Vec<String>, BTreeMap<String, PathBuf>);
