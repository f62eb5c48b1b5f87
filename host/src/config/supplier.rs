//! Keys and tokens that somebody gives to this machine, container or role: fetched when they are needed and kept until
//! shortly before they end.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Mutex;

use crate::config::azure_zones::AzureZone;
use crate::identity::aws::AwsSource;
use crate::identity::aws_role::ACCESS_KEY_ID;
use crate::identity::entra::EntraSource;
use crate::identity::fetch::{FetchError, Fetcher};
use crate::identity::google::{GoogleSource, PROJECT};
use crate::identity::grant::Grant;
use crate::name::DnsName;
use crate::plugin::supply::{Supplied, Supply, SupplyError, Supplying};

/// Who gives a credential.
#[derive(Debug)]
pub enum Giver {
    /// A key for AWS.
    Aws(AwsSource),
    /// A token for Azure.
    Entra(EntraSource),
    /// A token for Google's APIs.
    Google(GoogleSource),
}

impl Giver {
    async fn fetch(&self, fetcher: &Fetcher, now: u64) -> Result<Grant, FetchError> {
        match self {
            Self::Aws(source) => source.fetch(fetcher, now).await,
            Self::Entra(source) => source.fetch(fetcher, now).await,
            Self::Google(source) => source.fetch(fetcher, now).await,
        }
    }

    /// The fields for which there is a value at each call.
    fn gives(&self) -> &'static [&'static str] {
        match self {
            Self::Aws(_) => &["access_key_id", "secret_access_key", "session_token"],
            Self::Entra(_) => &["tenant_id", "client_id", "client_secret"],
            Self::Google(GoogleSource::Machine { .. }) => &["service_account", "private_key", "client_email", PROJECT],
            Self::Google(GoogleSource::External(_)) => &["private_key", "client_email"],
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::Aws(_) => {
                "put a key into the file of --credentials or into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give \
                 this machine a role"
            }
            Self::Entra(_) => {
                "give tenant_id, client_id and client_secret, or client_certificate_path, in the file of --credentials, \
                 or give this machine a managed identity"
            }
            Self::Google(_) => {
                "give a service account's key as service_account, name a file in GOOGLE_APPLICATION_CREDENTIALS, or give \
                 this machine a service account with the scope for Cloud DNS"
            }
        }
    }
}

/// What a giver gave last, for one provider, and what differs from zone to zone.
pub struct Supplier {
    giver: Option<Giver>,
    zones: Vec<AzureZone>,
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
        Self { giver: Some(giver), zones: Vec::new(), tried, held: Mutex::default(), refused: AtomicBool::default() }
    }

    /// Where each zone is, with a giver or without.
    pub fn with_zones(giver: Option<(Giver, Vec<String>)>, zones: Vec<AzureZone>) -> Self {
        let (giver, tried) = giver.map_or_else(Default::default, |(giver, tried)| (Some(giver), tried));
        Self { giver, zones, tried, held: Mutex::default(), refused: AtomicBool::default() }
    }

    /// Whether there is a value for this field at each call.
    pub fn gives(&self, field: &str) -> bool {
        let of_zone = !self.zones.is_empty() && [SUBSCRIPTION, GROUP].contains(&field);
        of_zone || self.giver.as_ref().is_some_and(|giver| giver.gives().contains(&field))
    }

    /// The settings that a zone's line gives.
    fn of_zone(&self, zone: Option<&DnsName>) -> Result<Vec<(String, String)>, SupplyError> {
        if self.zones.is_empty() {
            return Ok(Vec::new());
        }
        let line = AzureZone::of(&self.zones, zone).ok_or_else(|| {
            let zone = zone.map(ToString::to_string).unwrap_or_default();
            SupplyError(format!("zones has no line for {zone}; add \"{zone}:/subscriptions/ID/resourceGroups/NAME\""))
        })?;
        Ok(vec![(SUBSCRIPTION.to_owned(), line.subscription.clone()), (GROUP.to_owned(), line.group.clone())])
    }

    async fn grant(&self, giver: &Giver, now: u64) -> Result<Grant, SupplyError> {
        let mut held = self.held.lock().await;
        if self.refused.swap(false, Ordering::SeqCst) {
            held.grant = None;
        }
        if let Some(grant) = held.grant.as_ref().filter(|grant| grant.serves(now)) {
            return Ok(grant.clone());
        }
        match fetched(giver, &mut held, now).await {
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
                None => Err(SupplyError(no_credential(&self.tried, Some(&error.to_string()), giver.remedy()))),
            },
        }
    }
}

async fn fetched(giver: &Giver, held: &mut Held, now: u64) -> Result<Grant, FetchError> {
    let fetcher = match &held.fetcher {
        Some(fetcher) => fetcher.clone(),
        None => held.fetcher.insert(Fetcher::new()?).clone(),
    };
    giver.fetch(&fetcher, now).await
}

const SUBSCRIPTION: &str = "subscription_id";
const GROUP: &str = "resource_group";

/// "no credential could be had: A; B; to do".
pub fn no_credential(tried: &[String], last: Option<&str>, remedy: &str) -> String {
    let reasons: Vec<&str> = tried.iter().map(String::as_str).chain(last).collect();
    format!("no credential could be had ({}); {remedy}", reasons.join("; "))
}

impl Supply for Supplier {
    fn supplied<'a>(&'a self, zone: Option<&'a DnsName>, now: u64) -> Supplying<'a> {
        Box::pin(async move {
            let settings = self.of_zone(zone)?;
            let mut all = match &self.giver {
                Some(giver) => supplied(&self.grant(giver, now).await?),
                None => Supplied::default(),
            };
            all.settings.extend(settings);
            Ok(all)
        })
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
            ACCESS_KEY_ID | PROJECT => supplied.settings.push((field, value.to_string())),
            name if name.contains('.') => supplied.captures.push((field, bytes)),
            _ => supplied.secrets.push((field, bytes)),
        }
    }
    supplied
}
