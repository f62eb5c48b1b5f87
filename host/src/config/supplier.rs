//! Keys and tokens that somebody gives to this machine, container or role: fetched when they are needed and kept until
//! shortly before they end.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Mutex;

use crate::identity::aws::AwsSource;
use crate::identity::aws_role::ACCESS_KEY_ID;
use crate::identity::fetch::{FetchError, Fetcher};
use crate::identity::grant::Grant;
use crate::name::DnsName;
use crate::plugin::supply::{Supplied, Supply, SupplyError, Supplying};

/// Who gives a credential.
#[derive(Debug)]
pub enum Giver {
    /// A key for AWS.
    Aws(AwsSource),
}

impl Giver {
    async fn fetch(&self, fetcher: &Fetcher, now: u64) -> Result<Grant, FetchError> {
        match self {
            Self::Aws(source) => source.fetch(fetcher, now).await,
        }
    }

    /// The fields for which there is a value at each call.
    fn gives(&self) -> &'static [&'static str] {
        match self {
            Self::Aws(_) => &["access_key_id", "secret_access_key", "session_token"],
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::Aws(_) => {
                "put a key into the file of --credentials or into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give \
                 this machine a role"
            }
        }
    }
}

/// What a giver gave last, for one provider.
pub struct Supplier {
    giver: Giver,
    tried: Vec<String>,
    held: Mutex<Held>,
    refused: AtomicBool,
}

#[derive(Default)]
struct Held {
    fetcher: Option<Fetcher>,
    grant: Option<Grant>,
}

impl fmt::Debug for Supplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supplier").field("giver", &self.giver).finish_non_exhaustive()
    }
}

impl Supplier {
    /// Nobody is asked yet; `tried` says why what comes before this giver was passed over.
    pub fn new(giver: Giver, tried: Vec<String>) -> Self {
        Self { giver, tried, held: Mutex::default(), refused: AtomicBool::default() }
    }

    /// Whether there is a value for this field at each call.
    pub fn gives(&self, field: &str) -> bool {
        self.giver.gives().contains(&field)
    }

    async fn grant(&self, now: u64) -> Result<Grant, SupplyError> {
        let mut held = self.held.lock().await;
        if self.refused.swap(false, Ordering::SeqCst) {
            held.grant = None;
        }
        if let Some(grant) = held.grant.as_ref().filter(|grant| grant.serves(now)) {
            return Ok(grant.clone());
        }
        match self.fetched(&mut held, now).await {
            Ok(grant) => {
                held.grant = Some(grant.clone());
                Ok(grant)
            }
            // It may still hold for this call.
            Err(error) => match held.grant.clone().filter(|grant| grant.expires.is_some_and(|end| end > now)) {
                Some(grant) => {
                    tracing::warn!(%error, "the credential could not be renewed; the last one is used until it ends");
                    Ok(grant)
                }
                None => Err(self.nothing(&error)),
            },
        }
    }

    async fn fetched(&self, held: &mut Held, now: u64) -> Result<Grant, FetchError> {
        let fetcher = match &held.fetcher {
            Some(fetcher) => fetcher.clone(),
            None => held.fetcher.insert(Fetcher::new()?).clone(),
        };
        self.giver.fetch(&fetcher, now).await
    }

    fn nothing(&self, error: &FetchError) -> SupplyError {
        SupplyError(no_credential(&self.tried, Some(&error.to_string()), self.giver.remedy()))
    }
}

/// "no credential could be had: A; B; to do".
pub fn no_credential(tried: &[String], last: Option<&str>, remedy: &str) -> String {
    let reasons: Vec<&str> = tried.iter().map(String::as_str).chain(last).collect();
    format!("no credential could be had ({}); {remedy}", reasons.join("; "))
}

impl Supply for Supplier {
    fn supplied<'a>(&'a self, _zone: Option<&'a DnsName>, now: u64) -> Supplying<'a> {
        Box::pin(async move { self.grant(now).await.map(|grant| supplied(&grant)) })
    }

    fn refused(&self) {
        self.refused.store(true, Ordering::SeqCst);
    }
}

/// A name with a dot is that of a capture.
fn supplied(grant: &Grant) -> Supplied {
    let mut supplied = Supplied::default();
    for (name, value) in &grant.values {
        let (field, bytes) = ((*name).to_owned(), value.as_bytes().to_vec().into());
        match *name {
            ACCESS_KEY_ID => supplied.settings.push((field, value.to_string())),
            name if name.contains('.') => supplied.captures.push((field, bytes)),
            _ => supplied.secrets.push((field, bytes)),
        }
    }
    supplied
}
