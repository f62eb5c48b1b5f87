//! What can be asked of a CA; every method may run beside the others.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::time::Instant;
use url::Url;

use super::account::{Account, Registration};
use super::ari::RenewalInfo;
use super::authorization::{Authorization, AuthorizationError, AuthorizationStatus, RawAuthorization};
use super::certificate::{CertificateChain, alternates};
use super::challenge::{Challenge, ChallengeStatus, Token};
use super::directory::Directory;
use super::error::AcmeError;
use super::http::{Http, HttpOptions, Reply};
use super::jws::{AccountKey, Signer, key_change};
use super::order::{Order, OrderOptions, OrderStatus};
use crate::backoff::Backoff;
use crate::name::CertName;

/// A CA whose directory was read. Copies share connections and nonces.
#[derive(Clone, Debug)]
pub struct AcmeClient {
    http: Arc<Http>,
    directory: Arc<Directory>,
    ahead: Option<time::Duration>,
}

impl AcmeClient {
    /// Reads the directory.
    pub async fn connect(directory_url: &Url, options: HttpOptions) -> Result<Self, AcmeError> {
        let http = Http::new(directory_url, &options)?;
        let reply = http.fetch(directory_url.as_str(), Instant::now() + DIRECTORY_PERIOD).await?;
        let ahead = reply.date().map(|date| date - OffsetDateTime::now_utc());
        Ok(Self { http: Arc::new(http), directory: Arc::new(reply.json()?), ahead })
    }

    /// By how much the CA's clock is ahead of this machine's, to a second or two; `None` if it did not tell the time.
    pub fn clock_ahead(&self) -> Option<time::Duration> {
        self.ahead
    }

    /// What the CA offers.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Makes an account, or finds the one the key already has.
    pub async fn register(&self, key: &AccountKey, registration: Registration) -> Result<Account, AcmeError> {
        let url = &self.directory.new_account;
        let payload = registration.payload(key, url).map_err(AcmeError::Key)?;
        // Asked twice, a CA gives the account that it made the first time (RFC 8555 section 7.3.1).
        let reply = again(|| self.post(Signer::Key(key), url, Some(&payload), soon())).await?;
        Ok(Account { url: reply.location()?, ..reply.json()? })
    }

    /// Speaks as an account.
    pub fn with_account(&self, key: Arc<AccountKey>, url: String) -> AccountHandle {
        AccountHandle { client: self.clone(), key, url }
    }

    /// Revokes a certificate with its own key; `reason` is a code of RFC 5280 section 5.3.1.
    pub async fn revoke_with_key(&self, key: &AccountKey, der: &[u8], reason: Option<u8>) -> Result<(), AcmeError> {
        self.post(Signer::Key(key), &self.directory.revoke_cert, Some(&revocation(der, reason)), soon()).await?;
        Ok(())
    }

    /// When the CA suggests to renew the certificate of this id; `None` where it suggests nothing to anyone.
    pub async fn renewal_info(&self, id: &str) -> Result<Option<RenewalInfo>, AcmeError> {
        let Some(base) = &self.directory.renewal_info else { return Ok(None) };
        let url = format!("{}/{id}", base.trim_end_matches('/'));
        RenewalInfo::from_reply(&self.http.fetch(&url, soon()).await?).map(Some)
    }

    async fn post(
        &self,
        signer: Signer<'_>,
        url: &str,
        payload: Option<&Value>,
        deadline: Instant,
    ) -> Result<Reply, AcmeError> {
        self.http.post(&self.directory.new_nonce, signer, url, payload, deadline).await
    }
}

/// An account of a CA, with the key that signs for it.
#[derive(Clone, Debug)]
pub struct AccountHandle {
    client: AcmeClient,
    key: Arc<AccountKey>,
    url: String,
}

impl AccountHandle {
    /// The account's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the account's URL is at the host of the CA's directory.
    pub fn is_at_home(&self) -> bool {
        let of_account = Url::parse(&self.url);
        of_account.is_ok_and(|url| url.host() == self.client.http.directory().host())
    }

    /// By how much the CA's clock is ahead of this machine's, as it told with its directory.
    pub fn clock_ahead(&self) -> Option<time::Duration> {
        self.client.ahead
    }

    /// The account as the CA knows it.
    pub async fn account(&self) -> Result<Account, AcmeError> {
        Ok(Account { url: self.url.clone(), ..self.post(&self.url, None, soon()).await?.json()? })
    }

    /// Replaces the contacts, `mailto:` URLs (RFC 8555 section 7.3.2).
    pub async fn update_contacts(&self, contacts: &[String]) -> Result<Account, AcmeError> {
        let reply = self.post(&self.url, Some(&json!({"contact": contacts})), soon()).await?;
        Ok(Account { url: self.url.clone(), ..reply.json()? })
    }

    /// Ends the account for good (RFC 8555 section 7.3.6).
    pub async fn deactivate(&self) -> Result<(), AcmeError> {
        self.post(&self.url, Some(&json!({"status": "deactivated"})), soon()).await?;
        Ok(())
    }

    /// Changes the account's key (RFC 8555 section 7.3.5); store the new one before.
    pub async fn change_key(&self, new: &AccountKey) -> Result<(), AcmeError> {
        let url = self.client.directory.key_change.as_ref();
        let url = url.ok_or(AcmeError::NotOffered { what: "a change of the account's key" })?;
        let payload = key_change(&self.key, new, &self.url, url).map_err(AcmeError::Key)?;
        self.post(url, Some(&payload), soon()).await?;
        Ok(())
    }

    /// The first label of the account's own challenge records: `_` and base32 of the first 10 bytes of SHA-256 of the
    /// account's URL (draft-ietf-acme-dns-account-label section 3.2, as Pebble 2.10.1 has it).
    pub fn dns_label(&self) -> String {
        dns_label(&self.url)
    }

    /// Orders a certificate.
    pub async fn new_order(&self, names: &[CertName], options: OrderOptions) -> Result<Order, AcmeError> {
        if options.profile.as_ref().is_some_and(|p| !self.client.directory.meta.profiles.contains_key(p)) {
            return Err(AcmeError::NotOffered { what: "this profile" });
        }
        let payload = options.payload(names);
        // An order that nobody finalizes costs nothing and expires.
        let reply = again(|| self.post(&self.client.directory.new_order, Some(&payload), soon())).await?;
        let order = Order { url: reply.location()?, ..reply.json()? };
        order.check(names).map_err(|what| AcmeError::Malformed { url: order.url.clone(), what })?;
        Ok(order)
    }

    /// Reads an order again.
    pub async fn order(&self, url: &str) -> Result<Order, AcmeError> {
        Ok(Order { url: url.to_owned(), ..self.post(url, None, soon()).await?.json()? })
    }

    /// Reads all authorizations of an order side by side.
    pub async fn authorizations(&self, order: &Order) -> Result<Vec<Authorization>, AcmeError> {
        try_join_all(order.authorizations.iter().map(|url| self.authorization(url))).await
    }

    /// Reads an authorization.
    pub async fn authorization(&self, url: &str) -> Result<Authorization, AcmeError> {
        let reply = self.post(url, None, soon()).await?;
        Authorization::from_raw(url, reply.json::<RawAuthorization>()?)
    }

    /// What proves that this account asks (RFC 8555 section 8.1).
    pub fn key_authorization(&self, token: &Token) -> String {
        self.key.key_authorization(token.as_str())
    }

    /// Its digest, which stands in tls-alpn-01's certificate (RFC 8737 section 3).
    pub fn key_authorization_digest(&self, token: &Token) -> [u8; 32] {
        self.key.key_authorization_digest(token.as_str())
    }

    /// The digest as it stands in the `_acme-challenge` TXT record. RFC 8555 section 8.4.
    pub fn dns01_value(&self, token: &Token) -> String {
        self.key.dns01_value(token.as_str())
    }

    /// Tells the CA that the proof is there to be seen.
    pub async fn answer(&self, challenge: &Challenge) -> Result<(), AcmeError> {
        match self.post(&challenge.url, Some(&json!({})), soon()).await {
            Err(error) if error.is_ambiguous() => {
                let now: Challenge = self.post(&challenge.url, None, soon()).await?.json()?;
                if now.status == ChallengeStatus::Pending {
                    self.post(&challenge.url, Some(&json!({})), soon()).await?;
                }
            }
            answered => drop(answered?),
        }
        Ok(())
    }

    /// Asks until the authorization is valid, refused, or `deadline` has come.
    pub async fn await_authorization(
        &self,
        authorization: &Authorization,
        deadline: Instant,
    ) -> Result<(), AuthorizationError> {
        let name = || authorization.name.clone();
        let request = |source| match source {
            AcmeError::Deadline { .. } => AuthorizationError::Undecided { name: name() },
            source => AuthorizationError::Request { name: name(), source },
        };
        let mut backoff = Backoff::new(FIRST_POLL, LONGEST_POLL, deadline);
        first_look(deadline).await;
        loop {
            let reply = self.post(&authorization.url, None, deadline).await.map_err(request)?;
            let raw = reply.json::<RawAuthorization>().map_err(request)?;
            let now = Authorization::from_raw(&authorization.url, raw).map_err(request)?;
            match now.status {
                AuthorizationStatus::Valid => return Ok(()),
                AuthorizationStatus::Pending => {}
                _ => {
                    let (kind, problem) =
                        now.failure().map(|(kind, problem)| (kind.parse().ok(), problem.clone())).unzip();
                    let (kind, problem) = (kind.flatten(), Box::new(problem.unwrap_or_default()));
                    return Err(AuthorizationError::NotProven { name: name(), kind, problem });
                }
            }
            if !backoff.pause(reply.retry_after()).await {
                return Err(AuthorizationError::Undecided { name: name() });
            }
        }
    }

    /// Gives an authorization up, so that an aborted order leaves none pending.
    pub async fn deactivate_authorization(&self, url: &str) -> Result<(), AcmeError> {
        self.post(url, Some(&json!({"status": "deactivated"})), soon()).await?;
        Ok(())
    }

    /// Waits until the order is ready, hands the CSR in, and waits until the certificate is there.
    pub async fn finalize(&self, order: &Order, csr_der: &[u8], deadline: Instant) -> Result<Order, AcmeError> {
        let ready = self.await_order(&order.url, OrderStatus::Pending, deadline).await?;
        if ready.status == OrderStatus::Ready {
            let payload = json!({"csr": BASE64URL_NOPAD.encode(csr_der)});
            match self.post(&ready.finalize, Some(&payload), deadline).await {
                Err(error) if error.is_ambiguous() => {
                    if self.order(&order.url).await?.status == OrderStatus::Ready {
                        self.post(&ready.finalize, Some(&payload), deadline).await?;
                    }
                }
                handed_in => drop(handed_in?),
            }
            first_look(deadline).await;
        }
        self.await_order(&order.url, OrderStatus::Processing, deadline).await
    }

    async fn await_order(&self, url: &str, passing: OrderStatus, deadline: Instant) -> Result<Order, AcmeError> {
        let mut backoff = Backoff::new(FIRST_POLL, LONGEST_POLL, deadline);
        loop {
            let reply = self.post(url, None, deadline).await?;
            let order = Order { url: url.to_owned(), ..reply.json()? };
            if order.status == OrderStatus::Invalid {
                let problem = Box::new(order.error.unwrap_or_default());
                return Err(AcmeError::OrderInvalid { url: url.to_owned(), problem });
            }
            if order.status != passing {
                return Ok(order);
            }
            if !backoff.pause(reply.retry_after()).await {
                return Err(AcmeError::Deadline { url: url.to_owned(), waiting_for: "the order" });
            }
        }
    }

    /// Downloads the chain of a valid order; of several, the first issued below `preferred_chain`, else the CA's own
    /// choice.
    pub async fn certificate(
        &self,
        order: &Order,
        preferred_chain: Option<&str>,
    ) -> Result<CertificateChain, AcmeError> {
        let url = order
            .certificate
            .as_deref()
            .ok_or_else(|| AcmeError::Malformed { url: order.url.clone(), what: "the order names no certificate" })?;
        let reply = self.post(url, None, soon()).await?;
        let chain = CertificateChain::from_reply(&reply)?;
        let Some(wanted) = preferred_chain.filter(|wanted| !chain.has_issuer(wanted)) else { return Ok(chain) };
        for other in alternates(&reply.headers) {
            let other = CertificateChain::from_reply(&self.post(&other, None, soon()).await?)?;
            if other.has_issuer(wanted) {
                return Ok(other);
            }
        }
        Ok(chain)
    }

    /// Revokes a certificate of this account; `reason` is a code of RFC 5280 section 5.3.1.
    pub async fn revoke(&self, der: &[u8], reason: Option<u8>) -> Result<(), AcmeError> {
        self.post(&self.client.directory.revoke_cert, Some(&revocation(der, reason)), soon()).await?;
        Ok(())
    }

    async fn post(&self, url: &str, payload: Option<&Value>, deadline: Instant) -> Result<Reply, AcmeError> {
        self.client.post(Signer::Account(&self.key, &self.url), url, payload, deadline).await
    }
}

/// A quick CA has decided by then. Asked at once it still says "pending", and its Retry-After then costs seconds.
async fn first_look(deadline: Instant) {
    Backoff::new(FIRST_LOOK, FIRST_LOOK, deadline).pause(Duration::ZERO).await;
}

const FIRST_LOOK: Duration = Duration::from_millis(50);
const FIRST_POLL: Duration = Duration::from_millis(150);
const LONGEST_POLL: Duration = Duration::from_secs(10);
/// For the first request: whoever mistyped the URL should not wait long.
const DIRECTORY_PERIOD: Duration = Duration::from_secs(20);
/// For a request and its retries, where the caller names no deadline.
const REQUEST_PERIOD: Duration = Duration::from_secs(90);

fn soon() -> Instant {
    Instant::now() + REQUEST_PERIOD
}

/// Once more, where it is not known whether the CA did it and doing it twice does no harm.
async fn again<F: Future<Output = Result<Reply, AcmeError>>>(ask: impl Fn() -> F) -> Result<Reply, AcmeError> {
    match ask().await {
        Err(error) if error.is_ambiguous() => ask().await,
        done => done,
    }
}

fn dns_label(account_url: &str) -> String {
    let digest = digest::digest(&digest::SHA256, account_url.as_bytes());
    format!("_{}", BASE32_NOPAD.encode(&digest.as_ref()[..10]).to_lowercase())
}

fn revocation(der: &[u8], reason: Option<u8>) -> Value {
    let mut payload = json!({"certificate": BASE64URL_NOPAD.encode(der)});
    if let Some(reason) = reason {
        payload["reason"] = json!(reason);
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_label_is_that_of_the_draft() {
        // The example of draft-ietf-acme-dns-account-label-02 section 3.2.
        assert_eq!(dns_label("https://example.com/acme/acct/ExampleAccount"), "_ujmmovf2vn55tgye");
    }
}
