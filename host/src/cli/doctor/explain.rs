//! Why there is no provider for a zone, as a finding.

use crate::causes::chain;
use crate::cli::providers::OpenError;
use crate::config::credentials::CredentialsError;
use crate::flow::SourceError;
use crate::flow::doctor::Condition;
use crate::name::DnsName;
use crate::secure_file::SecureReadError;
use crate::store::plugin_pins::PinError;

pub(super) fn why(zone: &DnsName, error: &SourceError) -> Condition {
    let Some(known) = error.downcast_ref::<OpenError>() else {
        return Condition::PluginUnusable { plugin: format!("for {zone}"), why: error.to_string() };
    };
    match known {
        OpenError::NoRule { zone } => Condition::ProviderNotNamed { zone: zone.clone() },
        OpenError::Unknown { id } => Condition::PluginMissing { plugin: id.clone() },
        OpenError::Pin { source } => Condition::PluginChanged { plugin: pinned(source), why: chain(source) },
        OpenError::NotLoaded { plugin, source } => unusable(plugin, source),
        OpenError::Reserved { plugin, source } => unusable(plugin, source),
        OpenError::Unusable { plugin, source } => unusable(plugin, source),
        OpenError::Credentials { plugin, source } => credentials(plugin, source),
    }
}

fn unusable(plugin: &str, error: &(dyn std::error::Error + 'static)) -> Condition {
    Condition::PluginUnusable { plugin: plugin.to_owned(), why: chain(error) }
}

fn credentials(plugin: &str, error: &CredentialsError) -> Condition {
    let (plugin, why) = (plugin.to_owned(), chain(error));
    match error {
        CredentialsError::Read(
            SecureReadError::Mode { .. }
            | SecureReadError::Writable { .. }
            | SecureReadError::Owner { .. }
            | SecureReadError::FolderWritable { .. },
        ) => Condition::CredentialsUnprotected { plugin, why },
        _ => Condition::CredentialsUnusable { plugin, why },
    }
}

/// The plugin that a pin is about, or the list of all.
fn pinned(error: &PinError) -> String {
    let path = match error {
        PinError::Gone { path, .. } | PinError::Changed { path, .. } => path.file_stem(),
        PinError::Damaged { path, .. } => path.file_name(),
        PinError::Read(_) | PinError::Write(_) => None,
    };
    path.map_or_else(|| "plugins.lock".to_owned(), |name| name.to_string_lossy().into_owned())
}
