//! Whether the provider takes the credential and holds the zone.

use super::condition::Condition;
use crate::dns::Target;
use crate::flow::session::Instance;
use crate::plugin::provider::CallFault;
use crate::plugin::told::ErrorKind;

/// Asks the provider about the zone of a challenge; nothing is changed.
pub(super) async fn check(instance: &Instance, target: &Target) -> Option<Condition> {
    let error = instance.provider.check(Some(&target.zone.apex)).await.err()?;
    let (plugin, zone, why) = (instance.reference.spec.clone(), target.zone.apex.clone(), error.fault.to_string());
    let told = match &error.fault {
        CallFault::Told(told) => told,
        CallFault::Supply(_) => return Some(Condition::CredentialsUnusable { plugin, why }),
        _ => return Some(Condition::ProviderFailing { plugin, zone, why }),
    };
    Some(match told.kind {
        ErrorKind::Denied => Condition::CredentialRefused { plugin, zone, why },
        ErrorKind::Forbidden => Condition::CredentialLacksRights { plugin, zone, why },
        ErrorKind::ZoneNotFound if !target.chain.is_empty() => {
            let chain = target.chain.iter().chain([&target.name]).cloned().collect();
            Condition::CnameAstray { chain, why: format!("{plugin} does not hold {zone}: {why}") }
        }
        ErrorKind::ZoneNotFound => Condition::WrongZone { name: target.name.clone(), zone, plugin, why },
        ErrorKind::Misconfigured => Condition::PluginUnusable { plugin, why },
        _ => Condition::ProviderFailing { plugin, zone, why },
    })
}
