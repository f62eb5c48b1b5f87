//! The account at the CA: whether it is known there and may still ask.

use std::sync::Arc;

use url::Url;

use super::condition::Condition;
use crate::acme::{AccountHandle, AccountKey, AcmeClient, AcmeError};
use crate::causes::chain;
use crate::store::StateDir;
use crate::store::account::AccountStore;

/// The account that is kept, if there is one that can be read; what cannot is told of with the state folder.
pub(super) fn kept(state: &StateDir, client: &AcmeClient, server: &Url, name: Option<&str>) -> Option<AccountHandle> {
    let stored = AccountStore::new(state, server, name).load().ok()??;
    let key = AccountKey::from_pem(&stored.key_pem).ok()?;
    Some(client.with_account(Arc::new(key), stored.url?.into()))
}

/// Whether the CA knows it and lets it ask.
pub(super) async fn check(server: &Url, account: &AccountHandle) -> Option<Condition> {
    let refused = |why: String| {
        let (server, account) = (server.clone(), account.url().to_owned());
        Some(Condition::AccountRefused { server, account, why })
    };
    match account.account().await {
        Ok(found) if found.status == VALID => None,
        Ok(found) => refused(format!("it is {}", found.status)),
        Err(error @ AcmeError::Refused { status: 400..=403, .. }) => refused(chain(&error)),
        Err(error) => Some(Condition::CaUnusable { server: server.clone(), why: chain(&error) }),
    }
}

/// RFC 8555 section 7.1.2.
const VALID: &str = "valid";
