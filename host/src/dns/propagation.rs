//! Waiting until every name server shows the values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use hickory_proto::rr::{RData, RecordType};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use crate::backoff::Backoff;
use crate::dns::transport::ask;
use crate::dns::zone::{Dns, Zone};
use crate::name::DnsName;

/// The values that must be seen at each name.
pub type Expectation = BTreeMap<DnsName, BTreeSet<String>>;

/// Which servers must show the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PropagationCheck {
    /// All authoritative servers.
    All,
    /// The resolvers.
    Resolver,
    /// None.
    None,
}

impl fmt::Display for PropagationCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Resolver => "resolver",
            Self::None => "none",
        })
    }
}

impl FromStr for PropagationCheck {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::All, Self::Resolver, Self::None];
        let found = all.into_iter().find(|check| check.to_string() == text);
        found.ok_or_else(|| format!("{text:?} is not one of all, resolver, none"))
    }
}

/// How to wait.
#[derive(Clone, Copy, Debug)]
pub struct PropagationOptions {
    /// Whom to ask.
    pub check: PropagationCheck,
    /// How long at most.
    pub timeout: Duration,
}

/// What is seen meanwhile.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PropagationEvent {
    /// A server shows all values.
    Complete {
        /// Its address.
        server: SocketAddr,
    },
}

impl fmt::Display for PropagationEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Complete { server } = self;
        write!(f, "{server} shows all values")
    }
}

/// Not every server showed every value in time.
#[derive(Clone, Debug, thiserror::Error)]
#[error("not every value was seen in time: {}; wait longer or look at these servers", .laggards.join("; "))]
pub struct PropagationError {
    /// A line for each server: its address, the name, what it answered.
    pub laggards: Vec<String>,
}

impl Dns {
    /// Asks every server at once and then with pauses until all show the values; more values at a name are fine.
    pub async fn await_propagation(
        &self,
        zone: &Zone,
        expected: &Expectation,
        options: &PropagationOptions,
        observe: &(dyn Fn(PropagationEvent) + Sync),
    ) -> Result<(), PropagationError> {
        let (servers, recursive) = match options.check {
            PropagationCheck::All => (&zone.servers, false),
            PropagationCheck::Resolver => (&*self.resolvers, true),
            PropagationCheck::None => return Ok(()),
        };
        let deadline = Instant::now() + options.timeout;
        let polls = servers.iter().map(|server| async move {
            let seen = poll(*server, expected, recursive, deadline).await;
            if seen.is_ok() {
                observe(PropagationEvent::Complete { server: *server });
            }
            seen
        });
        let laggards: Vec<_> =
            futures_util::future::join_all(polls).await.into_iter().filter_map(Result::err).collect();
        if laggards.is_empty() { Ok(()) } else { Err(PropagationError { laggards }) }
    }
}

async fn poll(server: SocketAddr, expected: &Expectation, recursive: bool, deadline: Instant) -> Result<(), String> {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), deadline);
    for (name, values) in expected {
        let mut why = "no answer".to_owned();
        loop {
            let answer = timeout_at(deadline, check(server, name, values, recursive)).await;
            match answer {
                Ok(Ok(())) => break,
                Ok(Err(now)) => why = now,
                // Cut off by the deadline: what was seen before is what is told.
                Err(_) => {}
            }
            if !backoff.pause(Duration::ZERO).await {
                return Err(format!("{server}, {name}: {why}"));
            }
        }
    }
    Ok(())
}

async fn check(server: SocketAddr, name: &DnsName, values: &BTreeSet<String>, recursive: bool) -> Result<(), String> {
    let answer = ask(server, name, RecordType::TXT, recursive).await.map_err(|error| error.to_string())?;
    if !recursive && !answer.metadata.authoritative {
        return Err(format!("not authoritative ({})", answer.metadata.response_code));
    }
    let seen: BTreeSet<String> = answer.answers.iter().filter_map(|record| text(&record.data)).collect();
    if values.is_subset(&seen) {
        return Ok(());
    }
    Err(format!("{}, values {seen:?}", answer.metadata.response_code))
}

fn text(data: &RData) -> Option<String> {
    let RData::TXT(txt) = data else { return None };
    String::from_utf8(txt.txt_data.concat()).ok()
}
