//! What a provider says of itself and asks for: `plugin.toml`, checked.

mod checked;
mod checked_endpoint;
mod endpoint;
mod guide;
mod origin;
mod permissions;
mod raw;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;

pub use crate::plugin::manifest::endpoint::{
    Capture, CapturePlace, Covers, Effect, Endpoint, Fill, Leaf, Op, OpRule, Rows, Segment, Shown, Sink, SinkPlace,
    WholeIf, ZoneFacts,
};
pub use crate::plugin::manifest::guide::{Guide, Source};
pub use crate::plugin::manifest::origin::{FillError, OriginSpec};
pub use crate::plugin::manifest::permissions::Permissions;

use crate::plugin::field::FieldSpec;
use crate::plugin::manifest::raw::RawManifest;
use crate::plugin::template::TemplateError;

/// A checked manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Short name, [a-z][a-z0-9-]*.
    pub id: String,
    /// Name as people know it.
    pub name: String,
    /// Semantic version of the provider.
    pub version: String,
    /// Where it comes from.
    pub homepage: String,
    /// SPDX expression.
    pub license: String,
    /// The API's documentation.
    pub docs: String,
    /// The least privilege the credential needs at the provider.
    pub privilege: String,
    /// What one record of the API holds.
    pub semantics: Semantics,
    /// Settings and credentials.
    pub fields: Vec<FieldSpec>,
    /// Where requests go, by id.
    pub origins: BTreeMap<String, OriginSpec>,
    /// What may be asked, by id.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// The server of DNS UPDATE, for providers that use it.
    pub dns_update: Option<DnsUpdateSpec>,
    /// How long an anycast provider needs after its servers agree.
    pub settle: Duration,
    /// The least TTL the API takes, in seconds.
    pub min_ttl: u32,
    /// What a person needs to know before using it.
    pub guide: Guide,
}

/// What one record of the API holds, which decides how values are published and removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Semantics {
    /// One value.
    Record,
    /// All values of a name and type.
    Rrset,
    /// All records of the zone.
    Zone,
    /// A fixed number of values at a name, written blindly; more values need rounds.
    Slots(u8),
}

impl Semantics {
    /// One word for it: "record", "set", "zone" or "slot".
    pub fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Rrset => "set",
            Self::Zone => "zone",
            Self::Slots(_) => "slot",
        }
    }
}

/// DNS UPDATE, as templates over plain settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the manifest's own keys")]
pub struct DnsUpdateSpec {
    pub server: String,
    /// Where the server names none; 53 unless given.
    pub port: Option<String>,
    pub key_name: String,
    pub algorithm: String,
    /// Name of the secret field.
    pub secret: String,
}

impl Manifest {
    /// Reads and checks a manifest.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let raw: RawManifest =
            toml::from_str(text).map_err(|source| ManifestError::Syntax { message: source.to_string() })?;
        raw.checked()
    }

    /// A sink whose fields may all be unset is left out where they are; so is one of captures that are made of such alone.
    /// One that a guest fills is left out only where another field may be given in the place of each of its own.
    fn mark_optional_sinks(&mut self) {
        let secret = |may_lack: fn(&FieldSpec) -> bool| -> BTreeSet<String> {
            let fields = self.fields.iter().filter(|field| field.secret && may_lack(field));
            fields.map(|field| field.name.clone()).collect()
        };
        let replaced = secret(|field| field.unless.is_some());
        let mut optional = secret(|field| !field.required || field.unless.is_some());
        let all_in = |names: Vec<&str>, known: &BTreeSet<String>| {
            !names.is_empty() && names.into_iter().all(|name| known.contains(name))
        };
        let is_made_of_such = |endpoint: &&Endpoint| {
            all_in(endpoint.sinks.iter().flat_map(|sink| sink.fill.names()).collect(), &optional)
        };
        let logins = self.endpoints.values().filter(is_made_of_such).flat_map(|endpoint| &endpoint.captures);
        let captures: Vec<String> = logins.map(|capture| capture.name.clone()).collect();
        optional.extend(captures);
        let origins = self.origins.values_mut().map(|origin| &mut origin.sinks);
        for sink in origins.chain(self.endpoints.values_mut().map(|endpoint| &mut endpoint.sinks)).flatten() {
            let may_lack = if matches!(sink.fill, Fill::Template(_)) { &optional } else { &replaced };
            sink.optional = all_in(sink.fill.names(), may_lack);
        }
    }

    /// The captures that are kept for the run, of logins for which `has` tells that a field has a value.
    pub fn run_captures(&self, has: &dyn Fn(&str) -> bool) -> Vec<&str> {
        let can_be_made = |endpoint: &&Endpoint| {
            let lacks = |sink: &Sink| sink.optional && !sink.fill.names().into_iter().any(has);
            endpoint.sinks.is_empty() || !endpoint.sinks.iter().all(lacks)
        };
        let all = self.endpoints.values().filter(can_be_made).flat_map(|endpoint| &endpoint.captures);
        all.filter(|capture| capture.for_run).map(|capture| capture.name.as_str()).collect()
    }

    /// What other endpoints must write as this one's replies show it.
    pub fn shown_by<'a>(&'a self, endpoint: &'a str) -> impl Iterator<Item = &'a Shown> {
        self.endpoints.values().flat_map(|other| other.same.values()).filter(move |shown| shown.endpoint == endpoint)
    }

    /// What it may do, as shown before it is used.
    pub fn permissions(&self) -> Permissions {
        Permissions::of(self)
    }
}

const CONTRACT: &str = "0.1";

/// Why a manifest is not accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML, or a key that is not known.
    #[error("plugin.toml cannot be read: {message}")]
    Syntax {
        /// Line, column and what is wrong.
        message: String,
    },
    /// For another version of the contract.
    #[error("plugin.toml is for contract {found:?}, this host speaks {CONTRACT:?}; rebuild the plugin")]
    OtherContract {
        /// What it says.
        found: String,
    },
    /// A key breaks a rule.
    #[error("plugin.toml, {key}: {message}")]
    Rule {
        /// The key.
        key: String,
        /// The rule.
        message: String,
    },
    /// A template cannot be read.
    #[error("plugin.toml, {key}: {source}")]
    Template {
        /// The key.
        key: String,
        /// What is wrong.
        source: TemplateError,
    },
}
