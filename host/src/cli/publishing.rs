//! How records are published and waited for.

use std::time::Duration;

use clap::Args;

use super::setup::duration;
use crate::dns::{PropagationCheck, PropagationOptions};
use crate::flow::Dns01Options;

/// How to publish, and how to wait.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "DNS")]
pub struct PublishArgs {
    /// How long to wait until the name servers show the records, as 90, 90s or 5m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub propagation_timeout: Duration,
    /// Who must show the records before the CA is told to look: all authoritative servers, the resolvers, or none
    #[arg(long, value_name = "all|resolver|none", default_value = "all")]
    pub propagation_check: PropagationCheck,
    /// TTL of the records in seconds; a provider may need more
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub dns_ttl: u32,
}

impl PublishArgs {
    /// The same for the flow.
    pub fn options(&self) -> Dns01Options {
        let propagation = PropagationOptions { check: self.propagation_check, timeout: self.propagation_timeout };
        Dns01Options { propagation, ttl: self.dns_ttl }
    }
}
