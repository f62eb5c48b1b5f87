//! What kind of CA it shall be.

use std::time::Duration;

/// Settings of the lab's CA; the defaults make one that issues at once.
#[derive(Clone, Debug)]
pub struct CaOptions {
    /// Share of good nonces refused with badNonce, 0 to 100.
    pub refused_nonces_percent: u8,
    /// From notBefore to notAfter, where the order and its profile ask for nothing else.
    pub certificate_lifetime: Duration,
    /// Whether an account needs `termsOfServiceAgreed`.
    pub terms_of_service: bool,
    /// Who may open accounts (RFC 8555 section 7.3.4); empty for everyone, without binding.
    pub external_accounts: Vec<ExternalAccount>,
    /// Domains not issued for, they and all below: rejectedIdentifier.
    pub rejected_domains: Vec<String>,
    /// Whether a name once validated for an account needs no new challenge.
    pub reuse_authorizations: bool,
    /// `Retry-After` while something is processing, whole seconds; zero leaves the header out.
    pub retry_after: Duration,
    /// `Retry-After` of renewal information (RFC 9773 section 4.3), whole seconds.
    pub renewal_info_retry_after: Duration,
    /// Whether a second chain, below another root, is offered by `Link: rel="alternate"`.
    pub alternate_chain: bool,
    /// Profiles an order may name (draft-ietf-acme-profiles).
    pub profiles: Vec<Profile>,
    /// Names the CA takes for itself in CAA records, for `meta.caaIdentities`; it does not look at the records.
    pub caa_identities: Vec<String>,
    /// By how much its clock is ahead, as the `Date` header tells.
    pub ahead: Duration,
}

/// One certificate profile.
#[derive(Clone, Debug)]
pub struct Profile {
    /// As orders name it.
    pub name: String,
    /// What `meta.profiles` of the directory says of it.
    pub description: String,
    /// From notBefore to notAfter.
    pub lifetime: Duration,
}

/// A key given to a customer, for external account binding.
#[derive(Clone)]
pub struct ExternalAccount {
    /// The `kid`, any ASCII text.
    pub key_id: String,
    /// The HS256 key; clients take it as base64url.
    pub mac_key: Vec<u8>,
}

impl std::fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalAccount").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl Default for CaOptions {
    fn default() -> Self {
        let profile = |name: &str, description: &str, days: u32| Profile {
            name: name.to_owned(),
            description: description.to_owned(),
            lifetime: DAY * days,
        };
        Self {
            refused_nonces_percent: 0,
            certificate_lifetime: DAY * 90,
            terms_of_service: true,
            external_accounts: Vec::new(),
            rejected_domains: Vec::new(),
            reuse_authorizations: false,
            retry_after: Duration::from_secs(1),
            renewal_info_retry_after: Duration::from_secs(6 * 60 * 60),
            alternate_chain: true,
            profiles: vec![
                profile("classic", "the lab's usual certificates", 90),
                profile("shortlived", "certificates for six days", 6),
            ],
            caa_identities: Vec::new(),
            ahead: Duration::ZERO,
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
