//! Revoking what is live.

use std::path::PathBuf;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use url::Url;

use super::account::{AccountUseError, existing_account};
use super::clients::{Clients, ConnectError};
use super::standing::{Standing, StandingError};
use crate::acme::{AccountKey, AcmeError, KeyError, Problem, ProblemKind};
use crate::causes::chain;
use crate::pki::Leaf;
use crate::store::StateDir;
use crate::store::account::AccountStore;
use crate::store::certificate::{CertificateStore, StoreError, key_id};
use crate::store::renewal_state::{RenewalState, RenewalStateError};

/// Who signs the revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signatory {
    /// The account at the CA.
    Account,
    /// The certificate's own key, for an account that is lost.
    CertificateKey,
}

/// Why a certificate is revoked: those of RFC 5280 section 5.3.1 that subscribers may give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason(u8);

const REASONS: [(&str, u8); 5] = [
    ("unspecified", 0),
    ("key-compromise", 1),
    ("affiliation-changed", 3),
    ("superseded", 4),
    ("cessation-of-operation", 5),
];

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = REASONS.iter().find(|(name, code)| *name == text || code.to_string() == text);
        let names = || REASONS.map(|(name, _)| name).join(", ");
        found.map(|(_, code)| Self(*code)).ok_or_else(|| format!("give one of: {}", names()))
    }
}

/// Revokes the live certificate called `name`; at `server`, where it is not remembered or another one is meant.
pub async fn revoke(
    state: &StateDir,
    name: &str,
    reason: Option<Reason>,
    signatory: Signatory,
    (server, ca_bundle): (Option<&Url>, Option<PathBuf>),
) -> Result<Leaf, RevokeError> {
    let standing = Standing::read(state, name)?;
    let leaf = standing.leaf.ok_or_else(|| RevokeError::NotThere { name: name.to_owned() })?;
    let server = server.or(standing.renewal.as_ref().map(|renewal| &renewal.server));
    let server = server.ok_or_else(|| RevokeError::NotRemembered { name: name.to_owned() })?;
    let ca_bundle = ca_bundle.or_else(|| standing.renewal.as_ref().and_then(|renewal| renewal.ca_bundle.clone()));
    let key = (signatory == Signatory::CertificateKey).then(|| certificate_key(state, name)).transpose()?;
    let client = Clients::default().connect(server, ca_bundle.as_deref()).await?;
    if reason == Some(KEY_COMPROMISE) || key.is_some() {
        distrust_key(state, name, &leaf)?;
    }
    let reason = reason.map(|reason| reason.0);
    let done = match key {
        Some(key) => client.revoke_with_key(&key, &leaf.der, reason).await,
        None => {
            let named = standing.renewal.as_ref().and_then(|renewal| renewal.account.as_deref());
            let account =
                existing_account(&client, &AccountStore::new(state, server, named)).await.map_err(no_account)?;
            account.revoke(&leaf.der, reason).await
        }
    };
    let is_revoked = |error: &AcmeError| error.problem().map(Problem::kind) == Some(ProblemKind::AlreadyRevoked);
    if done.as_ref().err().is_none_or(is_revoked) {
        note_revoked(state, name, &leaf);
    }
    done.map(|()| leaf).map_err(|error| RevokeError::Ca(Box::new(error)))
}

/// The CA has it done; what is not kept of that is missed in `acmite list` and by the next renewal alone.
fn note_revoked(state: &StateDir, name: &str, leaf: &Leaf) {
    let mut kept = RenewalState::load(state, name);
    kept.revoked = Some(HEXLOWER.encode(&leaf.serial));
    if let Err(error) = kept.save(state, name) {
        tracing::warn!(error = chain(&error), "that {name} is revoked could not be kept");
    }
}

const KEY_COMPROMISE: Reason = Reason(1);

/// Kept before the CA is told: no later certificate may be for this key, whatever the CA answers. A revocation that the
/// key itself signed shows that someone else may sign with it, and CAs may block the key for it.
/// Of a key that is elsewhere the public half is remembered.
fn distrust_key(state: &StateDir, name: &str, leaf: &Leaf) -> Result<(), RevokeError> {
    let Some(stored) = CertificateStore::new(state, name).current()? else { return Ok(()) };
    let mut kept = RenewalState::load(state, name);
    kept.compromised_key = Some(stored.key_pem.map_or_else(|| key_id(leaf.public_key_info()), |pem| key_id(&pem)));
    Ok(kept.save(state, name)?)
}

fn no_account(error: AccountUseError) -> RevokeError {
    match error {
        AccountUseError::NoAccount { server } => RevokeError::NoAccount { server: server.to_string() },
        other => other.into(),
    }
}

fn certificate_key(state: &StateDir, name: &str) -> Result<AccountKey, RevokeError> {
    let stored = CertificateStore::new(state, name).current()?;
    let stored = stored.ok_or_else(|| RevokeError::NotThere { name: name.to_owned() })?;
    let pem = stored.key_pem.ok_or_else(|| RevokeError::KeyElsewhere { name: name.to_owned() })?;
    let pem = std::str::from_utf8(&pem).map_err(|_| KeyError::NotPem)?;
    Ok(AccountKey::from_pem(pem)?)
}

/// Why a certificate is not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// No account.
    #[error("there is no account at {server}; give --with-certificate-key")]
    NoAccount {
        /// The CA's directory.
        server: String,
    },
    /// Nothing is live.
    #[error("there is no certificate {name:?}; `acmite list` shows those there are")]
    NotThere {
        /// Its name.
        name: String,
    },
    /// The key is that of a request of the user's own.
    #[error("the key of {name} is that of your own request, and is not here; leave --with-certificate-key out")]
    KeyElsewhere {
        /// The certificate's name.
        name: String,
    },
    /// Which CA it came from is not known.
    #[error("it is not remembered which CA {name} came from; name it with --server")]
    NotRemembered {
        /// Its name.
        name: String,
    },
    /// It is not known how it stands.
    #[error(transparent)]
    Standing(#[from] StandingError),
    /// The key cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// That the key must not be used again cannot be kept.
    #[error(transparent)]
    State(#[from] RenewalStateError),
    /// The key cannot sign.
    #[error("the certificate's key cannot sign the revocation")]
    Key(#[from] KeyError),
    /// The CA is not connected to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The account cannot be used.
    #[error(transparent)]
    Account(#[from] AccountUseError),
    /// The CA refused.
    #[error("the CA did not revoke the certificate")]
    Ca(#[source] Box<AcmeError>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_names_or_codes_that_a_subscriber_may_give() {
        assert_eq!("key-compromise".parse(), Ok(Reason(1)));
        assert_eq!("4".parse(), Ok(Reason(4)));
        for text in ["2", "6", "9", "keyCompromise", ""] {
            assert!(text.parse::<Reason>().is_err(), "{text:?} was taken");
        }
    }
}
