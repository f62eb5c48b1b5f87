//! One provider with its settings and credential, ready to be called.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Engine, Store, UpdateDeadline};
use zeroize::Zeroizing;

use crate::name::DnsName;
use crate::plugin::bindings::{self, acmite::provider as wit};
use crate::plugin::call::CallState;
use crate::plugin::dns_update::{DnsUpdater, UpdateError, with_port};
use crate::plugin::fuel::FuelMeter;
use crate::plugin::guard::Guard;
use crate::plugin::http::{Wire, WireError, fill_settings};
use crate::plugin::inspect::Inspected;
use crate::plugin::limits::Limits;
use crate::plugin::loader::Loaded;
use crate::plugin::manifest::Manifest;
use crate::plugin::overrides::OriginOverrides;
use crate::plugin::secret::{CredentialSet, RunCaptures, Secrets};
use crate::plugin::supply::{Supplied, Supply, SupplyError};
use crate::plugin::told::{ErrorKind, Told};
use crate::plugin::wire::{Phase, Scope, TxtRecord};

/// A loaded provider with one user's settings and credential.
pub struct Provider {
    engine: Engine,
    instance: bindings::ProviderPre<CallState>,
    inspected: Inspected,
    manifest: Arc<Manifest>,
    settings: Vec<(String, String)>,
    credentials: Arc<CredentialSet>,
    supply: Option<Arc<dyn Supply>>,
    captures: RunCaptures,
    wire: Arc<Wire>,
    updater: Option<Arc<DnsUpdater>>,
    limits: Limits,
    meter: Option<FuelMeter>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("id", &self.manifest.id).field("sha256", &self.inspected.sha256).finish()
    }
}

/// What a provider published, as `cleanup` wants it back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The provider's own bytes.
    pub state: Vec<u8>,
    /// What the host saw of zones and records.
    pub memory: Vec<u8>,
}

/// How far a provider is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Its name servers have it.
    Done,
    /// Ask again after this time.
    Pending(std::time::Duration),
}

impl Provider {
    /// Joins a component with the user's settings and credential; `overrides` is empty but in tests and the lab.
    pub fn new(
        loaded: Loaded,
        settings: Vec<(String, String)>,
        secrets: Vec<(String, Zeroizing<Vec<u8>>)>,
        roots_pem: Option<&[u8]>,
        overrides: &OriginOverrides,
    ) -> Result<Self, ProviderError> {
        let id = loaded.inspected.manifest.id.clone();
        let mut linker = Linker::new(&loaded.engine);
        let link = |source| ProviderError::Link { plugin: id.clone(), source };
        bindings::Provider::add_to_linker::<CallState, HasSelf<CallState>>(&mut linker, |state| state).map_err(link)?;
        let instance = linker.instantiate_pre(&loaded.component).map_err(link)?;
        let instance = bindings::ProviderPre::new(instance).map_err(link)?;
        let manifest = Arc::new(loaded.inspected.manifest.clone());
        let wire = Wire::new(&manifest, &settings, roots_pem, overrides)
            .map_err(|source| ProviderError::Wire { plugin: id.clone(), source })?;
        let updater = updater(&manifest, &settings, &secrets)
            .map_err(|source| ProviderError::Updater { plugin: id.clone(), source })?;
        Ok(Self {
            engine: loaded.engine,
            instance,
            inspected: loaded.inspected,
            manifest,
            credentials: Arc::new(CredentialSet::new(secrets).with_settings(&settings)),
            settings,
            supply: None,
            captures: RunCaptures::default(),
            wire: Arc::new(wire),
            updater: updater.map(Arc::new),
            limits: Limits::default(),
            meter: None,
        })
    }

    /// Calls it under other limits than acmite's own.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Counts what its calls execute.
    pub fn counted_by(self, meter: &FuelMeter) -> Self {
        Self { meter: Some(meter.clone()), ..self }
    }

    /// Takes at each call what `supply` gives for it.
    pub fn with_supply(self, supply: Option<Arc<dyn Supply>>) -> Self {
        Self { supply, ..self }
    }

    /// Whether its credential can be had, before anything else is asked.
    pub async fn ready(&self) -> Result<(), CallError> {
        self.supplied(Phase::Check, None).await.map(|_| ())
    }

    async fn supplied(&self, phase: Phase, zone: Option<&DnsName>) -> Result<Supplied, CallError> {
        let Some(supply) = &self.supply else { return Ok(Supplied::default()) };
        supply.supplied(zone, unix_now()).await.map_err(|source| self.error(phase, CallFault::Supply(source)))
    }

    /// What the provider says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of the component in lower case hex.
    pub fn sha256(&self) -> &str {
        &self.inspected.sha256
    }

    /// Where its requests go, by origin id.
    pub fn origins(&self) -> Vec<(String, String)> {
        self.wire.origins()
    }

    /// How many requests it has sent so far, HTTP or DNS UPDATE.
    pub fn requests(&self) -> u64 {
        self.wire.sent() + self.updater.as_ref().map_or(0, |updater| updater.sent())
    }

    /// Makes every record exist.
    pub async fn present(&self, zone: &DnsName, records: &[TxtRecord], ttl: u32) -> Result<Published, CallError> {
        let mut call = self.begin(Phase::Present, Some(zone), records, ttl, &[]).await?;
        let provider = self.instantiate(&mut call).await?;
        let (context, txts) = (call.context.clone(), call.records.clone());
        let result = provider.acmite_provider_plugin().call_present(&mut call.store, &context, &txts).await;
        let state = self.finish(&call, result)?;
        let (bytes, limit) = (state.len(), self.limits.state_bytes);
        if bytes > limit {
            return Err(self.failed(&call, CallFault::StateTooLarge { bytes, limit }));
        }
        let memory = call.store.data().memory();
        Ok(Published { state, memory })
    }

    /// Whether the provider's name servers have what was published.
    pub async fn settled(
        &self,
        zone: &DnsName,
        records: &[TxtRecord],
        published: &Published,
    ) -> Result<Settlement, CallError> {
        let mut call = self.begin(Phase::Settled, Some(zone), records, 0, &published.memory).await?;
        let provider = self.instantiate(&mut call).await?;
        let (context, txts) = (call.context.clone(), call.records.clone());
        let plugin = provider.acmite_provider_plugin();
        let result = plugin.call_settled(&mut call.store, &context, &txts, &published.state).await;
        Ok(match self.finish(&call, result)? {
            wit::types::Settlement::Done => Settlement::Done,
            wit::types::Settlement::Pending(milliseconds) => {
                Settlement::Pending(std::time::Duration::from_millis(milliseconds.into()))
            }
        })
    }

    /// Removes exactly these values.
    pub async fn cleanup(&self, zone: &DnsName, records: &[TxtRecord], published: &Published) -> Result<(), CallError> {
        let mut call = self.begin(Phase::Cleanup, Some(zone), records, 0, &published.memory).await?;
        let provider = self.instantiate(&mut call).await?;
        let (context, txts) = (call.context.clone(), call.records.clone());
        let plugin = provider.acmite_provider_plugin();
        let result = plugin.call_cleanup(&mut call.store, &context, &txts, &published.state).await;
        self.finish(&call, result)
    }

    /// Tells whether settings and credential work, for one zone or as far as can be told without.
    pub async fn check(&self, zone: Option<&DnsName>) -> Result<(), CallError> {
        let mut call = self.begin(Phase::Check, zone, &[], 0, &[]).await?;
        let provider = self.instantiate(&mut call).await?;
        let context = call.context.clone();
        let result = provider.acmite_provider_plugin().call_check(&mut call.store, &context).await;
        self.finish(&call, result)
    }

    /// The first call of a run is alone until it has ended, if it has to log in.
    async fn begin(
        &self,
        phase: Phase,
        zone: Option<&DnsName>,
        records: &[TxtRecord],
        ttl: u32,
        memory: &[u8],
    ) -> Result<Call, CallError> {
        let Supplied { settings: own, secrets: own_secrets, captures } = self.supplied(phase, zone).await?;
        let given = |name: &&str| captures.iter().any(|(known, _)| known == name);
        let wanted: Vec<&str> = self
            .manifest
            .run_captures(&|name| self.credentials.has(name))
            .into_iter()
            .filter(|name| !given(name))
            .collect();
        let turn = self.captures.turn(&wanted).await;
        let settings = joined(&self.settings, own);
        let ttl = ttl.max(self.manifest.min_ttl);
        let scope = Scope { phase, zone: zone.cloned(), records: records.to_vec(), max_ttl: ttl.max(MAX_TTL) };
        let guard = Guard::new(self.manifest.clone(), &settings, scope.clone(), memory)
            .map_err(|error| self.error(phase, CallFault::Memory { message: error.to_string() }))?;
        let now = unix_now();
        let credentials = match own_secrets.is_empty() && settings == self.settings {
            true => self.credentials.clone(),
            false => Arc::new(self.credentials.with(own_secrets).with_settings(&settings)),
        };
        let mut secrets = Secrets::new(credentials, self.captures.clone(), now);
        captures.into_iter().for_each(|(name, value)| secrets.capture(&name, value, false));
        let state = CallState::new(
            self.manifest.id.clone(),
            scope,
            guard,
            secrets,
            self.wire.clone(),
            self.updater.clone(),
            self.limits.clone(),
        );
        let deadline = state.deadline();
        let mut random = [0u8; 32];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| self.error(phase, CallFault::NoRandom))?;
        let context = wit::types::Context {
            zone: zone.map_or_else(String::new, DnsName::to_string),
            settings: pairs(&settings),
            origins: pairs(&self.wire.origins()),
            ttl,
            now,
            random: random.to_vec(),
        };
        let records = records
            .iter()
            .map(|record| wit::types::Txt { name: record.name.to_string(), value: record.value.clone() })
            .collect();
        Ok(Call { phase, store: self.store(state, deadline), context, records, deadline, _turn: turn })
    }

    fn store(&self, state: CallState, deadline: Instant) -> Store<CallState> {
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.budget);
        store.set_hostcall_fuel(self.limits.hostcall_fuel);
        store.set_max_component_handles(self.limits.handles);
        if self.meter.is_some() {
            FuelMeter::fill(&mut store);
        }
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            Ok(if Instant::now() < deadline { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
        });
        store
    }

    async fn instantiate(&self, call: &mut Call) -> Result<bindings::Provider, CallError> {
        let instantiated =
            tokio::time::timeout_at(call.deadline, self.instance.instantiate_async(&mut call.store)).await;
        match instantiated {
            Ok(Ok(provider)) => Ok(provider),
            Ok(Err(trap)) => Err(self.trap(call, &trap)),
            Err(_) => Err(self.error(call.phase, self.out_of_time())),
        }
    }

    fn finish<T>(&self, call: &Call, result: wasmtime::Result<Result<T, wit::types::Error>>) -> Result<T, CallError> {
        if let Some(meter) = &self.meter {
            meter.read(&call.store);
        }
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(told)) => {
                let told = call.store.data().clean_error(told);
                if let (ErrorKind::Denied, Some(supply)) = (told.kind, &self.supply) {
                    supply.refused();
                }
                Err(self.failed(call, CallFault::Told(Box::new(told))))
            }
            Err(trap) => Err(self.trap(call, &trap)),
        }
    }

    fn trap(&self, call: &Call, trap: &wasmtime::Error) -> CallError {
        let state = call.store.data();
        let fault = match trap.downcast_ref::<wasmtime::Trap>() {
            Some(wasmtime::Trap::Interrupt) => self.out_of_time(),
            _ if state.budget.exceeded.is_some() => {
                CallFault::OverLimit { limit: state.budget.exceeded.clone().unwrap_or_default() }
            }
            Some(code) => CallFault::Trapped { code: code.to_string(), last_words: state.last_words() },
            None => {
                CallFault::Trapped { code: first_line(&trap.root_cause().to_string()), last_words: state.last_words() }
            }
        };
        self.failed(call, fault)
    }

    fn out_of_time(&self) -> CallFault {
        CallFault::OutOfTime { limit: self.limits.call_time }
    }

    fn error(&self, phase: Phase, fault: CallFault) -> CallError {
        CallError { plugin: self.manifest.id.clone(), phase, fault, has_written: false }
    }

    fn failed(&self, call: &Call, fault: CallFault) -> CallError {
        CallError { has_written: call.store.data().has_written(), ..self.error(call.phase, fault) }
    }
}

struct Call {
    phase: Phase,
    store: Store<CallState>,
    context: wit::types::Context,
    records: Vec<wit::types::Txt>,
    deadline: Instant,
    _turn: Option<OwnedMutexGuard<()>>,
}

fn pairs(values: &[(String, String)]) -> Vec<wit::types::Pair> {
    values.iter().map(|(name, value)| wit::types::Pair { name: name.clone(), value: value.clone() }).collect()
}

/// Settings with those of one call in the place of their like.
fn joined(always: &[(String, String)], own: Vec<(String, String)>) -> Vec<(String, String)> {
    let kept = always.iter().filter(|(name, _)| !own.iter().any(|(other, _)| other == name));
    kept.cloned().collect::<Vec<_>>().into_iter().chain(own).collect()
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}

fn updater(
    manifest: &Manifest,
    settings: &[(String, String)],
    secrets: &[(String, Zeroizing<Vec<u8>>)],
) -> Result<Option<DnsUpdater>, UpdateError> {
    let Some(spec) = &manifest.dns_update else { return Ok(None) };
    let secret = secrets.iter().find(|(name, _)| *name == spec.secret).map(|(_, value)| value.clone());
    let filled = |template: &str| fill_settings(template, settings);
    // What is still a template names a setting that was not given.
    let port = spec.port.as_ref().map(|port| filled(port)).filter(|port| !port.contains('{'));
    DnsUpdater::new(
        &with_port(&filled(&spec.server), port.as_deref())?,
        &filled(&spec.key_name),
        &filled(&spec.algorithm),
        secret.unwrap_or_default(),
    )
    .map(|updater| Some(updater.user_typed(spec.server.starts_with('{'))))
}

const MAX_TTL: u32 = 3600;

/// Why a provider could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The component does not fit the host's functions.
    #[error("plugin {plugin} does not fit this host; rebuild it with the matching acmite-sdk")]
    Link {
        /// The provider.
        plugin: String,
        /// What wasmtime said.
        source: wasmtime::Error,
    },
    /// One of its origins may not be asked.
    #[error("plugin {plugin} cannot be connected")]
    Wire {
        /// The provider.
        plugin: String,
        /// Why not.
        source: WireError,
    },
    /// The settings for DNS UPDATE make no sense.
    #[error("plugin {plugin} cannot send DNS updates")]
    Updater {
        /// The provider.
        plugin: String,
        /// Why not.
        source: UpdateError,
    },
}

/// A call of a provider that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("plugin {plugin} failed in {}: {fault}", phase.as_str())]
pub struct CallError {
    /// The provider.
    pub plugin: String,
    /// The call.
    pub phase: Phase,
    /// What happened.
    pub fault: CallFault,
    /// Whether the call may have changed a record before.
    pub has_written: bool,
}

/// What can happen in a call.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallFault {
    /// The provider reported an error.
    #[error("{0}")]
    Told(Box<Told>),
    /// It ended by a trap.
    #[error("it crashed ({code}){}", last_words.as_ref().map(|words| format!("; its last words: {words}")).unwrap_or_default())]
    Trapped {
        /// What kind of trap.
        code: String,
        /// Its last log line.
        last_words: Option<String>,
    },
    /// It did not end in time.
    #[error("it did not end within {limit:?}")]
    OutOfTime {
        /// The limit.
        limit: std::time::Duration,
    },
    /// It asked for more than it may have.
    #[error("it asked for more than {limit}")]
    OverLimit {
        /// The limit.
        limit: String,
    },
    /// Its state is too large.
    #[error("it returned {bytes} bytes of state, at most {limit} may be kept")]
    StateTooLarge {
        /// The size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// What the host kept of the records cannot be read.
    #[error("what was kept of the published records cannot be read: {message}")]
    Memory {
        /// Why.
        message: String,
    },
    /// There is no credential for it.
    #[error("{0}")]
    Supply(SupplyError),
    /// The system gave no random bytes.
    #[error("the system's random generator failed")]
    NoRandom,
}
