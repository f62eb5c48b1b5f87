//! From a certificate that the CA handed out to one that is live; nobody stops half-way.

use std::path::PathBuf;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::event::Event;
use super::finish::{FinishError, Obtained};
use super::hooks;
use super::material::Material;
use super::request::{IssueRequest, Keep};
use super::session::Session;
use crate::causes::chain;
use crate::pki::Leaf;
use crate::store::StateDir;
use crate::store::certificate::CertificateStore;
use crate::store::renewal::{Renewal, RenewalStore};
use crate::store::renewal_state::RenewalState;

/// A certificate that the CA handed out.
#[derive(Clone, Debug)]
pub struct Issued {
    /// `live/NAME`; where it was a trial, what is live there is another one.
    pub live: PathBuf,
    /// The certificate.
    pub leaf: Leaf,
}

/// Stores what the request is to keep.
pub(super) async fn keep(
    session: &Session<'_>,
    request: &IssueRequest,
    obtained: Obtained,
) -> Result<Issued, FinishError> {
    let Obtained { chain_pem, leaf, material } = obtained;
    let name = request.certificate.clone();
    let Keep::Live(renewal) = &request.keep else {
        return Ok(Issued { live: session.state.live(&name), leaf });
    };
    let (state, renewal) = (session.state.clone(), renewal.clone());
    let storing = move || store(&state, &name, &renewal, &chain_pem, &material);
    let live = if session.has_others {
        // The disk is waited for a dozen times: certificates that are got beside this one go on meanwhile.
        match tokio::task::spawn_blocking(storing).await {
            Ok(stored) => stored?,
            Err(died) => std::panic::resume_unwind(died.into_panic()),
        }
    } else {
        storing()?
    };
    let not_after = leaf.not_after.format(&Rfc3339).unwrap_or_default();
    session.tell(Event::Stored { path: live.clone(), not_after });
    Ok(Issued { live, leaf })
}

/// What is owed to the new certificate is written down before it is live, so that a crash in between loses no hook.
fn store(
    state_dir: &StateDir,
    name: &str,
    renewal: &Renewal,
    chain_pem: &str,
    material: &Material,
) -> Result<PathBuf, FinishError> {
    let before = RenewalState::load(state_dir, name);
    let owed_hooks = hooks::deploy_hooks(state_dir, &renewal.hooks);
    let state = RenewalState { owed_hooks, ..before.clone() };
    if state != before {
        state.save(state_dir, name)?;
    }
    RenewalStore::new(state_dir, name).save(renewal)?;
    let (leaf_pem, rest_pem) = split(chain_pem);
    let live = material.store(&CertificateStore::new(state_dir, name), leaf_pem, rest_pem)?;
    let now = Some(OffsetDateTime::now_utc());
    let owed_hooks = state.owed_hooks;
    let state = RenewalState { last_attempt: now, last_success: now, owed_hooks, ..RenewalState::default() };
    state.save(state_dir, name)?;
    thin_out(&CertificateStore::new(state_dir, name));
    Ok(live)
}

/// Removes old versions that have expired: their keys are of use to thieves alone.
fn thin_out(store: &CertificateStore) {
    let now = OffsetDateTime::now_utc();
    let has_expired = |pem: &str| Leaf::from_pem(pem).is_ok_and(|leaf| leaf.not_after < now);
    match store.remove_over(KEPT_VERSIONS, has_expired) {
        Ok(0) => {}
        Ok(versions) => tracing::info!(versions, "expired certificates and their keys were removed"),
        Err(error) => tracing::warn!(error = chain(&error), "an expired certificate could not be removed"),
    }
}

/// How many versions stay, the live one among them, however old they are.
const KEPT_VERSIONS: usize = 5;

/// The first certificate of a PEM text, and the others.
fn split(pem: &str) -> (&str, &str) {
    let end = pem.find(PEM_END).map_or(pem.len(), |at| at + PEM_END.len());
    pem.split_at(end)
}

const PEM_END: &str = "-----END CERTIFICATE-----";

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(days: i64) -> String {
        let mut params = rcgen::CertificateParams::new(["a.example.test".to_owned()]).expect("parameters");
        params.not_before = OffsetDateTime::now_utc() - time::Duration::days(100);
        params.not_after = OffsetDateTime::now_utc() + time::Duration::days(days);
        params.self_signed(&rcgen::KeyPair::generate().expect("a key")).expect("a certificate").pem()
    }

    #[test]
    fn old_versions_go_once_they_have_expired() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(&folder.path().join("state")).expect("opened");
        let store = CertificateStore::new(&state, "a");
        let versions = || std::fs::read_dir(state.archive("a")).expect("a folder").count();
        for days in [-1, 1, -1, -1, -1, -1, -1] {
            store.store(&leaf(days), "", "key").expect("stored");
        }
        thin_out(&store);
        assert_eq!(versions(), 6, "the newest five and one that is valid");
        store.store(&leaf(1), "", "key").expect("stored");
        thin_out(&store);
        assert_eq!(versions(), 6);
    }

    #[test]
    fn a_chain_is_cut_after_its_first_certificate() {
        let one = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";
        let two = "\n-----BEGIN CERTIFICATE-----\nBB==\n-----END CERTIFICATE-----\n";
        assert_eq!(split(&format!("{one}{two}")), (one, two));
        assert_eq!(split(one), (one, ""));
    }
}
