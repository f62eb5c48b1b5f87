//! The whole lab: zones, name servers and APIs, started together and stopped on drop.

use std::net::SocketAddr;

use hickory_proto::rr::RecordType;
use serde::Serialize;

use crate::api::{self, MockApi};
use crate::dns::{Dns, StartError, Store, StoreError};

/// A running lab.
pub struct Lab {
    /// The name servers and their zones.
    pub dns: Dns,
    /// The mock of Cloudflare's API.
    pub cloudflare: MockApi,
    /// The mock of PowerDNS's API.
    pub powerdns: MockApi,
    cloudflare_token: String,
    powerdns_key: String,
}

/// Where everything is, for `acmite lab --json`. It holds the lab's tokens, which open nothing else.
#[derive(Clone, Serialize)]
pub struct LabDescription {
    /// Zones without final dot.
    pub zones: Vec<String>,
    /// For `--dns-resolver`.
    pub resolver: SocketAddr,
    /// All name servers, ns1 first.
    pub nameservers: Vec<SocketAddr>,
    /// Without final slash; the API is below `/client/v4/`.
    pub cloudflare_url: String,
    /// Bearer token.
    pub cloudflare_token: String,
    /// Without final slash; the API is below `/api/v1/`.
    pub powerdns_url: String,
    /// For the header X-API-Key.
    pub powerdns_key: String,
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
}

impl Lab {
    /// A lab without zones and with one name server, until told otherwise.
    pub fn builder() -> Builder {
        Builder { zones: Vec::new(), nameservers: 1 }
    }

    /// The token the Cloudflare mock takes; random in every lab.
    pub fn cloudflare_token(&self) -> &str {
        &self.cloudflare_token
    }

    /// Where everything is.
    pub fn description(&self) -> LabDescription {
        LabDescription {
            zones: self.dns.store().zones(),
            resolver: self.dns.resolver_addr(),
            nameservers: self.dns.addresses(),
            cloudflare_url: self.cloudflare.base_url(),
            cloudflare_token: self.cloudflare_token.clone(),
            powerdns_url: self.powerdns.base_url(),
            powerdns_key: self.powerdns_key.clone(),
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

    /// Starts everything.
    pub async fn start(self) -> Result<Lab, LabError> {
        let store = Store::default();
        for zone in &self.zones {
            store.add_zone(zone)?;
            for number in 1..=self.nameservers {
                let server = format!("ns{number}.{}.", zone.trim_end_matches('.'));
                store.add(zone, zone, RecordType::NS, 60, &server)?;
                store.add(zone, &server, RecordType::A, 60, &format!("127.0.0.{number}"))?;
            }
        }
        let cloudflare_token = token()?;
        let rules = api::cloudflare(store.clone(), cloudflare_token.clone());
        let cloudflare = MockApi::start(rules).await.map_err(LabError::Listen)?;
        let powerdns_key = token()?;
        let rules = api::powerdns(store.clone(), powerdns_key.clone());
        let powerdns = MockApi::start(rules).await.map_err(LabError::Listen)?;
        let dns = Dns::start(store, self.nameservers).await?;
        Ok(Lab { dns, cloudflare, powerdns, cloudflare_token, powerdns_key })
    }
}

fn token() -> Result<String, LabError> {
    let mut bytes = [0; TOKEN_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| LabError::NoRandomness)?;
    Ok(data_encoding::BASE64URL_NOPAD.encode(&bytes))
}

const TOKEN_BYTES: usize = 30;
