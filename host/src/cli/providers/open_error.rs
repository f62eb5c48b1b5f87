//! Why a provider cannot be used.

use crate::causes::chain;
use crate::config::credentials::CredentialsError;
use crate::config::text::nearest;
use crate::name::DnsName;
use crate::plugin::bundled;
use crate::plugin::loader::LoadError;
use crate::plugin::provider::ProviderError;
use crate::plugin::reserved::ReservedError;
use crate::store::plugin_pins::PinError;

/// Why a provider cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No provider of this name.
    #[error(
        "there is no plugin {id:?}; `acmite plugin list` shows those there are, and a path may be given too{}",
        did_you_mean(id)
    )]
    Unknown {
        /// As it was named.
        id: String,
    },
    /// The installed ones cannot be used.
    #[error("{}", chain(source))]
    Pin {
        /// Why not.
        source: PinError,
    },
    /// No provider was named for this zone.
    #[error("no provider was named for {zone}; give --dns-plugin, or --dns-plugin {zone}=PLUGIN")]
    NoRule {
        /// The zone's apex.
        zone: DnsName,
    },
    /// The component cannot run.
    #[error("could not load the plugin {plugin}: {}", chain(source))]
    NotLoaded {
        /// As it was named.
        plugin: String,
        /// Why not.
        source: LoadError,
    },
    /// It claims what belongs to a bundled provider.
    #[error("will not run the plugin {plugin}: {source}")]
    Reserved {
        /// As it was named.
        plugin: String,
        /// What it claims.
        source: ReservedError,
    },
    /// It has no usable credential or settings.
    #[error("could not use the credentials for {plugin}: {}", chain(source.as_ref()))]
    Credentials {
        /// As it was named.
        plugin: String,
        /// Why not.
        source: Box<CredentialsError>,
    },
    /// Its settings make no sense.
    #[error("could not use the plugin {plugin}: {}", chain(source))]
    Unusable {
        /// As it was named.
        plugin: String,
        /// Why not.
        source: ProviderError,
    },
}

fn did_you_mean(id: &str) -> String {
    let begins_alike = |known: &&str| known.starts_with(id) || id.starts_with(known);
    let bundled = || bundled::BUNDLED.iter().map(|(known, _)| *known);
    let mut known: Vec<&str> = bundled().filter(begins_alike).collect();
    let misspelt = nearest(id, bundled());
    if known.is_empty() {
        known.extend(misspelt.as_deref());
    }
    if known.is_empty() { String::new() } else { format!("; did you mean {}?", known.join(" or ")) }
}
