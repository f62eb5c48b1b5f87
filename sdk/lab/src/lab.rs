//! The whole lab: zones, name servers, APIs and a CA, started together and stopped on drop.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::rr::RecordType;
use serde::Serialize;

use crate::api::{self, CloudflareToken, MockApi};
use crate::ca::{Ca, CaError, CaOptions, ExternalAccount};
use crate::dns::{Dns, StartError, Store, StoreError, TsigAlgorithm, TsigKey};

/// A running lab. It may be started by `Runtime::block_on` and dropped outside of the runtime; all of it stops then.
pub struct Lab {
    /// The name servers and their zones.
    pub dns: Dns,
    /// The CA; it validates by asking [`Lab::dns`], unless told otherwise.
    pub ca: Ca,
    /// The mock of Cloudflare's API.
    pub cloudflare: MockApi,
    /// The mock of PowerDNS's API.
    pub powerdns: MockApi,
    /// The mock of the invented API that a provider begun with `acmite plugin new` is written for.
    pub template: MockApi,
    cloudflare_token: String,
    powerdns_key: String,
    template_token: String,
    tsig: TsigKey,
    external_accounts: Vec<ExternalAccount>,
}

/// Where everything is, for `acmite lab --json`. It holds the lab's keys, which open nothing else.
#[derive(Clone, Serialize)]
pub struct LabDescription {
    /// Zones without final dot.
    pub zones: Vec<String>,
    /// For `--dns-resolver`.
    pub resolver: SocketAddr,
    /// All name servers, ns1 first. Each takes DNS UPDATE (RFC 2136) with the key below.
    pub nameservers: Vec<SocketAddr>,
    /// The key for updates (RFC 8945).
    pub tsig: TsigKey,
    /// The CA's directory (RFC 8555 section 7.1.1).
    pub directory_url: String,
    /// The root to reach the CA with: the client's CA bundle.
    pub tls_root_pem: String,
    /// The root of the certificates issued.
    pub ca_root_pem: String,
    /// The root of their alternate chain.
    pub ca_alternate_root_pem: String,
    /// Keys to open accounts with; empty where none is needed.
    pub external_accounts: Vec<ExternalAccountDescription>,
    /// Without final slash; the API is below `/client/v4/`.
    pub cloudflare_url: String,
    /// Bearer token.
    pub cloudflare_token: String,
    /// Without final slash; the API is below `/api/v1/`.
    pub powerdns_url: String,
    /// For the header X-API-Key.
    pub powerdns_key: String,
    /// Without final slash; the invented API of the provider template is below `/v1/`.
    pub template_url: String,
    /// Its bearer token.
    pub template_token: String,
}

/// What a client needs for external account binding (RFC 8555 section 7.3.4).
#[derive(Clone, Serialize)]
pub struct ExternalAccountDescription {
    /// The `kid`.
    pub key_id: String,
    /// The HS256 key, base64url without padding.
    pub mac_key: String,
}

/// Why the lab did not start.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A zone was not accepted.
    #[error("could not set up the zones")]
    Zones(#[from] StoreError),
    /// The name servers did not start.
    #[error("could not start the name servers")]
    Dns(#[from] StartError),
    /// The CA did not start.
    #[error("could not start the CA")]
    Ca(#[from] CaError),
    /// No loopback port for an API.
    #[error("could not listen on 127.0.0.1 for a mock API; allow loopback sockets")]
    Listen(#[source] std::io::Error),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for a token; try again")]
    NoRandomness,
}

/// What the lab shall hold.
#[derive(Clone, Debug)]
pub struct Builder {
    zones: Vec<String>,
    nameservers: u8,
    ca: CaOptions,
    validate_at: Option<Vec<SocketAddr>>,
    tsig_algorithm: TsigAlgorithm,
    cloudflare_token: Option<Secret>,
    cloudflare_zones: Option<Vec<String>>,
    powerdns_key: Option<Secret>,
}

#[derive(Clone)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[not shown]")
    }
}

impl Lab {
    /// A lab without zones and with one name server, until told otherwise.
    pub fn builder() -> Builder {
        Builder {
            zones: Vec::new(),
            nameservers: 1,
            ca: CaOptions::default(),
            validate_at: None,
            tsig_algorithm: TsigAlgorithm::default(),
            cloudflare_token: None,
            cloudflare_zones: None,
            powerdns_key: None,
        }
    }

    /// The token the Cloudflare mock takes; random in every lab unless given.
    pub fn cloudflare_token(&self) -> &str {
        &self.cloudflare_token
    }

    /// The key the name servers take updates with; random in every lab.
    pub fn tsig(&self) -> &TsigKey {
        &self.tsig
    }

    /// Where everything is.
    pub fn description(&self) -> LabDescription {
        let external_accounts = self.external_accounts.iter().map(|account| ExternalAccountDescription {
            key_id: account.key_id.clone(),
            mac_key: data_encoding::BASE64URL_NOPAD.encode(&account.mac_key),
        });
        LabDescription {
            zones: self.dns.store().zones(),
            resolver: self.dns.resolver_addr(),
            nameservers: self.dns.addresses(),
            tsig: self.tsig.clone(),
            directory_url: self.ca.directory_url(),
            tls_root_pem: self.ca.tls_root_pem().to_owned(),
            ca_root_pem: self.ca.root_pem().to_owned(),
            ca_alternate_root_pem: self.ca.alternate_root_pem().to_owned(),
            external_accounts: external_accounts.collect(),
            cloudflare_url: self.cloudflare.base_url(),
            cloudflare_token: self.cloudflare_token.clone(),
            powerdns_url: self.powerdns.base_url(),
            powerdns_key: self.powerdns_key.clone(),
            template_url: self.template.base_url(),
            template_token: self.template_token.clone(),
        }
    }
}

impl Builder {
    /// Adds a zone.
    pub fn zone(mut self, name: &str) -> Self {
        self.zones.push(name.to_owned());
        self
    }

    /// How many name servers serve every zone; at least one.
    pub fn nameservers(mut self, count: u8) -> Self {
        self.nameservers = count.max(1);
        self
    }

    /// All of the CA's settings at once; those below change single ones.
    pub fn ca(mut self, options: CaOptions) -> Self {
        self.ca = options;
        self
    }

    /// Share of good nonces the CA refuses at random, 0 to 100.
    pub fn refused_nonces_percent(mut self, percent: u8) -> Self {
        self.ca.refused_nonces_percent = percent;
        self
    }

    /// From notBefore to notAfter of certificates; 90 days otherwise.
    pub fn certificate_lifetime(mut self, lifetime: Duration) -> Self {
        self.ca.certificate_lifetime = lifetime;
        self
    }

    /// Makes the CA open accounts only for holders of such a key; may be repeated.
    pub fn external_account(mut self, key_id: &str, mac_key: &[u8]) -> Self {
        let account = ExternalAccount { key_id: key_id.to_owned(), mac_key: mac_key.to_vec() };
        self.ca.external_accounts.push(account);
        self
    }

    /// The servers the CA asks for TXT records, in place of the lab's own.
    pub fn validate_at(mut self, servers: Vec<SocketAddr>) -> Self {
        self.validate_at = Some(servers);
        self
    }

    /// The algorithm of the key for updates; HMAC-SHA256 otherwise.
    pub fn tsig_algorithm(mut self, algorithm: TsigAlgorithm) -> Self {
        self.tsig_algorithm = algorithm;
        self
    }

    /// The credentials of the mock APIs, for tests that look for them where they must not be.
    pub fn tokens(mut self, cloudflare: &str, powerdns: &str) -> Self {
        self.cloudflare_token = Some(Secret(cloudflare.to_owned()));
        self.powerdns_key = Some(Secret(powerdns.to_owned()));
        self
    }

    /// The zones the Cloudflare token sees; all otherwise.
    pub fn cloudflare_zones(mut self, zones: &[&str]) -> Self {
        self.cloudflare_zones = Some(zones.iter().map(|zone| (*zone).to_owned()).collect());
        self
    }

    /// Starts everything; needs a tokio runtime.
    pub async fn start(self) -> Result<Lab, LabError> {
        let store = self.store()?;
        let tsig = TsigKey::generate(self.tsig_algorithm).ok_or(LabError::NoRandomness)?;
        let dns = Dns::start(store.clone(), self.nameservers, &tsig).await?;
        let external_accounts = self.ca.external_accounts.clone();
        let ca = Ca::start(self.ca, self.validate_at.unwrap_or_else(|| dns.addresses())).await?;
        let cloudflare_token = given_or_random(self.cloudflare_token)?;
        let token = CloudflareToken { value: cloudflare_token.clone(), zones: self.cloudflare_zones };
        let cloudflare = MockApi::start(api::cloudflare(store.clone(), token)).await.map_err(LabError::Listen)?;
        let powerdns_key = given_or_random(self.powerdns_key)?;
        let rules = api::powerdns(store.clone(), powerdns_key.clone());
        let powerdns = MockApi::start(rules).await.map_err(LabError::Listen)?;
        let template_token = given_or_random(None)?;
        let template = MockApi::start(api::quillzone(store, template_token.clone())).await.map_err(LabError::Listen)?;
        Ok(Lab {
            dns,
            ca,
            cloudflare,
            powerdns,
            template,
            cloudflare_token,
            powerdns_key,
            template_token,
            tsig,
            external_accounts,
        })
    }

    /// Every zone with its SOA, NS and the name servers' addresses.
    fn store(&self) -> Result<Store, StoreError> {
        let store = Store::default();
        for zone in &self.zones {
            store.add_zone(zone)?;
            for number in 1..=self.nameservers {
                let server = format!("ns{number}.{}.", zone.trim_end_matches('.'));
                store.add(zone, zone, RecordType::NS, 60, &server)?;
                store.add(zone, &server, RecordType::A, 60, &format!("127.0.0.{number}"))?;
            }
        }
        Ok(store)
    }
}

fn given_or_random(given: Option<Secret>) -> Result<String, LabError> {
    if let Some(Secret(given)) = given {
        return Ok(given);
    }
    let mut bytes = [0; TOKEN_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| LabError::NoRandomness)?;
    Ok(data_encoding::BASE64URL_NOPAD.encode(&bytes))
}

const TOKEN_BYTES: usize = 30;
