//! A provider that attacks, and all that its tests look at: what the peer saw, what was logged, how much memory it took.

pub mod bench;
pub mod ca;
mod captured;
pub mod counter_runs;
mod figures;
mod peer;
mod phase;
mod wat_guest;

use std::sync::{Mutex, OnceLock, PoisonError};

use acmite::plugin::engine::new_engine;
use acmite::plugin::limits::Limits;
use acmite::plugin::loader::{Loaded, Loader};
use acmite::plugin::manifest::Manifest;
use acmite::plugin::overrides::OriginOverrides;
use acmite::plugin::provider::{CallError, Provider, Published};
use acmite::plugin::wire::TxtRecord;
use serde_json::Value;

pub use captured::Captured;
pub use figures::{alone, figure, keep, measured, turn};
pub use peer::{Answer, Peer};
pub use phase::{Phase, call, given};
pub use wat_guest::{component, core_guest, with_empty_instances};

use crate::plugins::repository;

/// The name and value of the order in hand.
pub const NAME: &str = "_acme-challenge.example.test";
/// The value of the order in hand.
pub const VALUE: &str = "ours";
/// Nobody but the host may see these two.
pub const TOKEN: &str = "canary-t0ken/with+odd=bytes~9f86d081";
/// The second of them.
pub const SECRET: &str = "canary-s3cret/with+odd=bytes~884c7d65";

/// What an attacking provider is run with.
#[derive(Clone, Debug)]
pub struct Attack {
    manifest: String,
    overrides: String,
    settings: Vec<(String, String)>,
    secrets: Vec<(String, String)>,
    limits: Limits,
}

impl Attack {
    /// The attack of this name from `tests/guests/src/table.rs`, under the honest manifest.
    pub fn new(name: &str) -> Self {
        let secrets = [("api_token", TOKEN), ("api_secret", SECRET)];
        Self {
            manifest: manifest("plugin.toml"),
            overrides: String::new(),
            settings: vec![("attack".into(), name.into())],
            secrets: secrets.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            limits: Limits::default(),
        }
    }

    /// Steps of `tests/guests/src/script.rs`.
    pub fn script(steps: &Value) -> Self {
        Self::new("script").arg(&steps.to_string())
    }

    /// What the attack is made with.
    pub fn arg(self, value: &str) -> Self {
        self.setting("arg", value)
    }

    /// A plain setting.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A secret field.
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.retain(|(known, _)| known != name);
        self.secrets.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Under the manifest that the attacker wrote.
    pub fn wild(self) -> Self {
        self.under(&manifest("wild.toml"))
    }

    /// Under another manifest.
    pub fn under(mut self, manifest: &str) -> Self {
        manifest.clone_into(&mut self.manifest);
        self
    }

    /// Under the manifest of a provider that comes with acmite, with the two fields that tell the guest what to do.
    ///
    /// # Panics
    /// If there is none.
    pub fn under_bundled(self, id: &str) -> Self {
        let path = repository().join("plugins").join(id).join("plugin.toml");
        let own = std::fs::read_to_string(path).expect("a manifest");
        let fields = "\n[field.attack]\nhelp = \"which\"\n\n[field.arg]\nrequired = false\nhelp = \"with what\"\n";
        self.under(&(own + fields))
    }

    /// Under the same manifest with one text replaced.
    ///
    /// # Panics
    /// If the text is not there.
    pub fn replacing(mut self, from: &str, to: &str) -> Self {
        assert!(self.manifest.contains(from), "the manifest lacks {from:?}");
        self.manifest = self.manifest.replace(from, to);
        self
    }

    /// Its origin `api` leads to this peer.
    pub fn against(self, url: &str) -> Self {
        self.against_origin("api", url)
    }

    /// One of its origins leads to this peer.
    ///
    /// # Panics
    /// If the manifest has no id.
    pub fn against_origin(mut self, origin: &str, url: &str) -> Self {
        let id = self.parsed().expect("a manifest").id;
        self.overrides = format!("{},{id}.{origin}={url}", self.overrides);
        self
    }

    /// Other limits than acmite's own.
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    fn parsed(&self) -> Result<Manifest, acmite::plugin::manifest::ManifestError> {
        Manifest::parse(&self.manifest)
    }

    /// The provider, or in words why there is none.
    ///
    /// # Errors
    /// If manifest, settings or origins are refused.
    pub fn provider(&self) -> Result<Provider, String> {
        self.provider_of(guest())
    }

    /// The same around another component than the guest.
    ///
    /// # Errors
    /// If manifest, settings or origins are refused.
    pub fn provider_of(&self, mut loaded: Loaded) -> Result<Provider, String> {
        loaded.inspected.manifest = self.parsed().map_err(|error| chain(&error))?;
        let overrides = OriginOverrides::parse(&self.overrides).map_err(|error| chain(&error))?;
        let secrets = self.secrets.iter().map(|(name, value)| (name.clone(), value.as_bytes().to_vec().into()));
        Provider::new(loaded, self.settings.clone(), secrets.collect(), None, &overrides)
            .map(|provider| provider.with_limits(self.limits.clone()))
            .map_err(|error| chain(&error))
    }

    /// One `present` of the order in hand.
    ///
    /// # Errors
    /// If the call fails.
    ///
    /// # Panics
    /// If there is no provider.
    pub async fn present(&self) -> Result<Published, CallError> {
        present(&self.provider().expect("a provider")).await
    }

    /// One `cleanup` of the order in hand.
    ///
    /// # Errors
    /// If the call fails.
    ///
    /// # Panics
    /// If there is no provider.
    pub async fn cleanup(&self, published: &Published) -> Result<(), CallError> {
        self.provider().expect("a provider").cleanup(&zone(), &[ours()], published).await
    }

    /// What each step of a script gave in `present`.
    ///
    /// # Panics
    /// If the guest did not run to its end.
    pub async fn given(&self) -> Vec<Value> {
        let roomy = self.clone().limits(|limits| limits.state_bytes = 1 << 20);
        let published = roomy.present().await.unwrap_or_else(|error| panic!("{error}"));
        serde_json::from_slice(&published.state).expect("what the steps gave")
    }

    /// The rule by which the last step of a script was refused.
    ///
    /// # Panics
    /// If it was not.
    #[track_caller]
    pub fn rule(given: &[Value]) -> &str {
        let last = given.last().expect("a step");
        last["refused"].as_str().unwrap_or_else(|| panic!("it was not refused: {last}"))
    }
}

/// One `present` of the order in hand.
///
/// # Errors
/// If the call fails.
pub async fn present(provider: &Provider) -> Result<Published, CallError> {
    provider.present(&zone(), &[ours()], 60).await
}

/// The zone of the order in hand.
///
/// # Panics
/// Never.
pub fn zone() -> acmite::name::DnsName {
    "example.test".parse().expect("a name")
}

/// The record of the order in hand.
///
/// # Panics
/// Never.
pub fn ours() -> TxtRecord {
    TxtRecord { name: NAME.parse().expect("a name"), value: VALUE.into() }
}

/// A manifest of `tests/guests`.
///
/// # Panics
/// If it cannot be read.
pub fn manifest(file: &str) -> String {
    std::fs::read_to_string(repository().join("tests/guests").join(file)).expect("a manifest")
}

/// The component of `tests/guests`, built once in a process.
///
/// # Panics
/// If it cannot be built.
pub fn guest_component() -> &'static [u8] {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| {
        acmite_build::build_plugin(&repository().join("tests/guests")).expect("a guest that builds").component
    })
}

/// The guest, compiled once in a process.
///
/// # Panics
/// If it does not load.
pub fn guest() -> Loaded {
    static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let Loaded { engine, component, inspected } =
        loaded.get_or_insert_with(|| load(guest_component()).expect("a guest"));
    Loaded { engine: engine.clone(), component: component.clone(), inspected: inspected.clone() }
}

/// Loads a component in this process without a cache.
///
/// # Errors
/// If it is refused.
///
/// # Panics
/// If there is no engine.
pub fn load(component: &[u8]) -> Result<Loaded, String> {
    let engine = new_engine().expect("an engine");
    Loader::new(engine, None).load(component, "hostile.wasm").map_err(|error| chain(&error))
}

/// An error with its causes, as the user reads it.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
