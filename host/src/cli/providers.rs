//! From what the user wrote after `--dns-plugin` to a provider that can be called.

mod open_error;

mod rule;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;

use super::exit::{Exit, Failure};
use super::setup::absolute;
use crate::config::credentials::{CredentialSources, resolve};
use crate::flow::{Instance, ProviderMaker, ProviderSource, SourceError};
use crate::name::DnsName;
use crate::plugin::bundled;
use crate::plugin::cache::CompiledCache;
use crate::plugin::compile::Compiler;
use crate::plugin::engine::new_engine;
use crate::plugin::loader::{Loaded, Loader};
use crate::plugin::overrides::OriginOverrides;
use crate::plugin::provider::Provider;
use crate::plugin::supply::Supply;
use crate::store::StateDir;
use crate::store::journal::{Entry, PluginRef};
use crate::store::plugin_pins::{PinError, PluginPins};
use crate::store::renewal::DnsRecord;

pub use open_error::OpenError;
pub use rule::{Rule, Spec};

/// Which provider publishes the records, and with which credential.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "DNS")]
pub struct ProviderArgs {
    /// Publish DNS-01 records by this provider: ID, ID:INSTANCE or PATH.wasm; ZONE=ID for one zone and those below it;
    /// may be repeated
    #[arg(long = "dns-plugin", value_name = "[ZONE=]PLUGIN")]
    pub plugins: Vec<Rule>,
    /// File of the provider's settings and secrets: TOML, certbot's INI or lego's variables; must be the owner's alone
    #[arg(long, value_name = "FILE")]
    pub credentials: Option<PathBuf>,
}

/// Where tests lead origins; [`MOCKS`] is for them and for the lab only.
fn mocks() -> Result<OriginOverrides, Failure> {
    let text = std::env::var(MOCKS).unwrap_or_default();
    OriginOverrides::parse(&text).map_err(|error| Failure::new(Exit::Configuration, format!("{MOCKS}: {error}")))
}

const MOCKS: &str = "ACMITE_LAB_ORIGINS";

/// Loads the providers of one run, each once; copies share what is loaded.
#[derive(Clone)]
pub struct Providers {
    loader: Arc<Loader>,
    /// For components that do not come with acmite: compiling them is bounded.
    outsiders: Arc<Loader>,
    installed: PluginPins,
    rules: Vec<Rule>,
    credentials: Option<PathBuf>,
    /// For a rule, as it is written.
    own_credentials: BTreeMap<String, PathBuf>,
    environment: Arc<Vec<(OsString, OsString)>>,
    mocks: OriginOverrides,
    opened: Arc<Mutex<Opened>>,
}

/// By what the user wrote and the file of the credentials.
type Opened = BTreeMap<(String, Option<PathBuf>), Arc<Instance>>;

impl Providers {
    /// The providers that the user named.
    pub fn new(state: &StateDir, args: &ProviderArgs) -> Result<Self, Failure> {
        let engine = new_engine().map_err(|error| Failure::of(Exit::Failed, &error))?;
        let compiler = Compiler::child()
            .map_err(|error| Failure::new(Exit::Failed, format!("could not find acmite's own executable: {error}")))?;
        let cache = CompiledCache::open(&state.cache_dir()).map_err(|error| Failure::of(Exit::State, &error))?;
        Ok(Self {
            outsiders: Arc::new(Loader::new(engine.clone(), Some(cache.clone())).with_compiler(compiler)),
            loader: Arc::new(Loader::new(engine, Some(cache))),
            installed: PluginPins::new(state),
            rules: args.plugins.clone(),
            credentials: args.credentials.as_deref().map(absolute),
            own_credentials: BTreeMap::new(),
            environment: Arc::new(std::env::vars_os().collect()),
            mocks: mocks()?,
            opened: Arc::default(),
        })
    }

    /// Loads every provider that was named and fetches its credential if somebody gives it, so that a mistake is seen
    /// before a CA is contacted.
    pub async fn open_all(&self) -> Result<(), Failure> {
        for rule in &self.rules {
            let opened = self.open(&rule.spec, self.credentials.as_deref());
            opened.map_err(|error| Failure::of(Exit::Configuration, &error))?.provider.ready().await?;
        }
        Ok(())
    }

    /// The provider of that name with its settings and credential.
    pub fn open(&self, spec: &Spec, credentials: Option<&Path>) -> Result<Arc<Instance>, OpenError> {
        let key = (spec.to_string(), credentials.map(Path::to_owned));
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(instance) = opened.get(&key) {
            return Ok(instance.clone());
        }
        let loaded = self.load(spec)?;
        let manifest = &loaded.inspected.manifest;
        let sources = self.sources(spec, &manifest.id, credentials);
        let found = resolve(&manifest.fields, &sources)
            .map_err(|source| OpenError::Credentials { plugin: spec.to_string(), source: Box::new(source) })?;
        let reference = PluginRef { spec: spec.to_string(), sha256: loaded.inspected.sha256.clone() };
        let provider = Provider::new(loaded, found.settings, found.secrets, None, &self.mocks)
            .map_err(|source| OpenError::Unusable { plugin: spec.to_string(), source })?
            .with_supply(found.supplier.map(|supplier| supplier as Arc<dyn Supply>));
        let instance = Arc::new(Instance { provider, reference, credentials: credentials.map(Path::to_owned) });
        opened.insert(key, instance.clone());
        Ok(instance)
    }

    /// The component of that name, checked and compiled.
    pub fn load(&self, spec: &Spec) -> Result<Loaded, OpenError> {
        let failed = |source| OpenError::NotLoaded { plugin: spec.to_string(), source };
        match spec {
            Spec::File(path) => held(spec, self.outsiders.load_file(path).map_err(failed)?),
            Spec::Id { id, .. } => {
                if let Some(component) = bundled::component(id) {
                    return self.loader.load(component, id).map_err(failed);
                }
                let installed = self.installed.component(id).map_err(|source| OpenError::Pin { source })?;
                let component = installed.ok_or_else(|| OpenError::Unknown { id: id.clone() })?;
                held(spec, self.outsiders.load(&component, id).map_err(failed)?)
            }
        }
    }

    /// A component that is not installed yet; `path` names it in errors.
    pub fn load_bytes(&self, component: &[u8], path: &Path) -> Result<Loaded, Failure> {
        let loaded = self.outsiders.load(component, &path.display().to_string())?;
        held(&Spec::File(path.to_owned()), loaded).map_err(|error| Failure::of(Exit::Configuration, &error))
    }

    fn sources(&self, spec: &Spec, plugin_id: &str, file: Option<&Path>) -> CredentialSources {
        let variable = |name: &str| self.environment.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let instance = match spec {
            Spec::Id { instance, .. } => instance.clone(),
            Spec::File(_) => None,
        };
        CredentialSources {
            file: file.map(Path::to_owned),
            environment: self.environment.to_vec(),
            credentials_directory: variable("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            instance,
            plugin_id: plugin_id.to_owned(),
        }
    }

    fn rule_for(&self, zone: &DnsName) -> Option<&Rule> {
        let fits = |rule: &&Rule| rule.zone.as_ref().is_none_or(|above| zone.is_within(above));
        self.rules.iter().filter(fits).max_by_key(|rule| rule.zone.as_ref().map(|zone| zone.as_str().len()))
    }
}

impl ProviderSource for Providers {
    fn for_zone(&self, zone: &DnsName) -> Result<Arc<Instance>, SourceError> {
        let rule = self.rule_for(zone).ok_or_else(|| OpenError::NoRule { zone: zone.clone() })?;
        let own = self.own_credentials.get(&rule.to_string()).or(self.credentials.as_ref());
        Ok(self.open(&rule.spec, own.map(PathBuf::as_path))?)
    }

    fn for_entry(&self, entry: &Entry) -> Result<Arc<Instance>, SourceError> {
        let spec: Spec = entry.plugin.spec.parse().map_err(|_| OpenError::Unknown { id: entry.plugin.spec.clone() })?;
        // What is named now wins: the file may have moved since.
        let credentials = self.credentials.as_deref().or(entry.credentials.as_deref());
        Ok(self.open(&spec, credentials)?)
    }
}

/// The providers of many certificates; nothing is loaded before one is asked for.
pub struct ProviderPool<'a> {
    state: &'a StateDir,
    shared: Mutex<Option<Providers>>,
}

impl<'a> ProviderPool<'a> {
    /// An empty pool.
    pub fn new(state: &'a StateDir) -> Self {
        Self { state, shared: Mutex::default() }
    }

    fn shared(&self) -> Result<Providers, SourceError> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let providers = match shared.as_ref() {
            Some(providers) => providers.clone(),
            None => Providers::new(self.state, &ProviderArgs::default()).map_err(|failure| failure.message)?,
        };
        *shared = Some(providers.clone());
        Ok(providers)
    }
}

impl ProviderMaker for ProviderPool<'_> {
    fn providers(&self, record: &DnsRecord) -> Result<Arc<dyn ProviderSource>, SourceError> {
        let rules = record.plugins.iter().map(|text| text.parse::<Rule>()).collect::<Result<Vec<_>, _>>()?;
        let (credentials, own_credentials) = (record.credentials.clone(), record.credentials_by_plugin.clone());
        Ok(Arc::new(Providers { rules, credentials, own_credentials, ..self.shared()? }))
    }

    fn journalled(&self) -> Result<Arc<dyn ProviderSource>, SourceError> {
        Ok(Arc::new(self.shared()?))
    }
}

/// A component from outside, if it claims nothing of a bundled provider.
fn held(spec: &Spec, outsider: Loaded) -> Result<Loaded, OpenError> {
    bundled::check_outsider(&outsider.inspected)
        .map_err(|source| OpenError::Reserved { plugin: spec.to_string(), source })?;
    Ok(outsider)
}

/// Id and place of every provider that can be named, by id.
pub fn available(state: &StateDir) -> Result<BTreeMap<String, Place>, PinError> {
    let bundled = bundled::BUNDLED.iter().map(|(id, _)| ((*id).to_owned(), Place::Bundled));
    let installed = PluginPins::new(state).all()?.into_keys().map(|id| (id, Place::Installed));
    Ok(installed.chain(bundled).collect())
}

/// The component of a provider that can be named.
pub fn component(state: &StateDir, id: &str) -> Result<Vec<u8>, OpenError> {
    if let Some(component) = bundled::component(id) {
        return Ok(component.to_vec());
    }
    let installed = PluginPins::new(state).component(id).map_err(|source| OpenError::Pin { source })?;
    installed.ok_or_else(|| OpenError::Unknown { id: id.to_owned() })
}

/// Where a provider is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In acmite itself.
    Bundled,
    /// In the state folder.
    Installed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_zone_wins_and_a_rule_without_one_is_for_the_rest() {
        let rules = ["rest", "example.com=a", "sub.example.com=b"].map(|text| text.parse::<Rule>().expect(text));
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(&folder.path().join("state")).expect("opened");
        let args = ProviderArgs { plugins: rules.to_vec(), credentials: None };
        let providers = Providers::new(&state, &args).expect("an engine");
        for (zone, spec) in [("example.com", "a"), ("x.sub.example.com", "b"), ("example.org", "rest")] {
            let zone = DnsName::parse(zone).expect("a name");
            assert_eq!(providers.rule_for(&zone).map(|rule| rule.spec.to_string()), Some(spec.to_owned()));
        }
    }
}
