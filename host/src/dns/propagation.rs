//! What waiting for the values is told to do, and what it tells.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::answer::{Answer, NameServer, Server};
use super::resolver::Resolver;
use crate::name::DnsName;

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
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum PropagationEvent {
    /// A server shows all values.
    Complete {
        /// Which.
        server: Server,
        /// Since the waiting began; shown in seconds.
        #[serde(serialize_with = "as_seconds")]
        waited: Duration,
    },
    /// A server lacks a value; said once of each.
    Lacking {
        /// Which.
        server: Server,
        /// The name that was asked for.
        name: DnsName,
        /// What stands there.
        answer: Answer,
    },
    /// A server is of no use to anyone who asks it, and is not waited for.
    PassedOver {
        /// Which.
        server: Server,
        /// The name that was asked for.
        name: DnsName,
        /// What came.
        answer: Answer,
    },
    /// Some servers have addresses of a family that this machine has no route for; said once of each family.
    Unroutable {
        /// Which.
        servers: Vec<NameServer>,
    },
    /// A resolver found the DNSSEC signatures of all values to hold.
    Validated {
        /// Which.
        server: Server,
    },
    /// A resolver finds DNSSEC signatures that do not hold; said once of each.
    Bogus {
        /// Which.
        server: Server,
        /// The name that was asked for.
        name: DnsName,
        /// What came.
        answer: Answer,
    },
    /// No name server can be asked from here, so resolvers are.
    Fallback {
        /// The zone.
        apex: DnsName,
        /// Who is asked now.
        resolvers: Vec<Resolver>,
    },
}

/// A server that does not show a value.
#[derive(Clone, Debug, Serialize)]
pub struct Laggard {
    /// Which.
    pub server: Server,
    /// The name that was asked for.
    pub name: DnsName,
    /// What came last.
    pub answer: Answer,
    /// Its serial number of the zone and the newest one of all servers, if it is behind.
    pub behind: Option<(u32, u32)>,
}

/// Why the waiting was in vain.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PropagationError {
    /// These answer and lack values.
    #[error(
        "not every value was seen within {}: {}; wait longer or look at these servers",
        seconds(.waited),
        listed(.laggards)
    )]
    Lagging {
        /// How long.
        waited: Duration,
        /// One for each server.
        laggards: Vec<Laggard>,
    },
    /// The name servers show the values, and their signatures do not hold.
    #[error(
        "the name servers of {apex} show every value, but after {} their DNSSEC signatures still do not hold: {}; a CA \
         that validates would refuse them: sign the zone anew, or look at the DS records in its parent zone",
        seconds(.waited),
        listed(.laggards)
    )]
    Bogus {
        /// The zone.
        apex: DnsName,
        /// How long.
        waited: Duration,
        /// One for each resolver that finds it so.
        laggards: Vec<Laggard>,
    },
    /// Nobody who was asked is of use.
    #[error(
        "nobody can say whether the values are there: {}; name another resolver with --dns-resolver",
        listed(.laggards)
    )]
    Unanswered {
        /// How long.
        waited: Duration,
        /// One for each server.
        laggards: Vec<Laggard>,
    },
}

impl PropagationError {
    /// With servers that were asked earlier.
    pub(super) fn with(mut self, earlier: Vec<Laggard>) -> Self {
        let (Self::Lagging { laggards, .. } | Self::Bogus { laggards, .. } | Self::Unanswered { laggards, .. }) =
            &mut self;
        laggards.extend(earlier);
        self
    }
}

fn as_seconds<S: Serializer>(waited: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(waited.as_secs_f64())
}

impl fmt::Display for PropagationEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete { server, waited } => write!(f, "{server} shows all values after {}", seconds(waited)),
            Self::Lacking { server, name, answer } => write!(f, "{server} does not show {name} yet: {answer}"),
            Self::PassedOver { server, name, answer } => {
                write!(f, "{server} is not waited for; asked for {name}: {answer}; repair it or take it off the zone")
            }
            Self::Unroutable { servers } => {
                write!(f, "not asked, as this machine has no route to them: {}", joined(servers))
            }
            Self::Validated { server } => write!(f, "{server} finds the DNSSEC signatures of all values to hold"),
            Self::Bogus { server, name, answer } => {
                write!(f, "{server} finds DNSSEC signatures that do not hold at {name}: {answer}")
            }
            Self::Fallback { apex, resolvers } => {
                let resolvers = joined(resolvers);
                write!(f, "no name server of {apex} can be asked (is port 53 blocked?); asking {resolvers} instead")
            }
        }
    }
}

impl fmt::Display for Laggard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, asked for {}: {}", self.server, self.name, self.answer)?;
        match self.behind {
            Some((own, newest)) => write!(f, " (it has serial {own}, the newest is {newest})"),
            None => Ok(()),
        }
    }
}

fn listed(laggards: &[Laggard]) -> String {
    laggards.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn joined(all: &[impl fmt::Display]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn seconds(waited: &Duration) -> String {
    format!("{:.1} s", waited.as_secs_f64())
}
