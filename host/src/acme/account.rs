//! Accounts (RFC 8555 section 7.1.2, 7.3).

use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::jws::{AccountKey, KeyError, external_binding};

/// What a new account is made with.
#[derive(Debug, Default)]
pub struct Registration {
    /// `mailto:` URLs; may be empty.
    pub contacts: Vec<String>,
    /// Whether the user agreed to the directory's terms.
    pub agree_tos: bool,
    /// The binding some CAs ask for.
    pub eab: Option<ExternalAccount>,
    /// Look the key's account up and make none.
    pub only_existing: bool,
}

/// A key id and MAC key had from a CA's site.
pub struct ExternalAccount {
    /// The key id.
    pub kid: String,
    /// The MAC key, decoded from the base64url the CA shows.
    pub mac_key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalAccount").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// An account as the CA knows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    /// Its URL, the `kid` of its requests.
    #[serde(skip)]
    pub url: String,
    /// `valid`, `deactivated` or `revoked`.
    pub status: String,
    /// Its contacts, where the CA tells them.
    #[serde(default)]
    pub contact: Vec<String>,
}

impl Registration {
    pub(super) fn payload(&self, key: &AccountKey, new_account: &str) -> Result<Value, KeyError> {
        if self.only_existing {
            return Ok(json!({"onlyReturnExisting": true}));
        }
        let mut payload = json!({"termsOfServiceAgreed": self.agree_tos});
        if !self.contacts.is_empty() {
            payload["contact"] = json!(self.contacts);
        }
        if let Some(eab) = &self.eab {
            payload["externalAccountBinding"] = external_binding(key, &eab.kid, &eab.mac_key, new_account)?;
        }
        Ok(payload)
    }
}
