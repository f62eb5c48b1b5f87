//! What a server said, read for one purpose at a time.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData};
use serde::Serialize;

use super::resolver::{DNS_PORT, Resolver};
use super::transport::AskError;
use crate::name::DnsName;
use crate::words::one_line;

/// An address of an authoritative server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NameServer {
    /// Its name in the NS record.
    pub host: DnsName,
    /// One of its addresses.
    pub address: SocketAddr,
}

/// Anyone who is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Server {
    /// Asked for what it knows itself.
    Authoritative(NameServer),
    /// Asked to find out.
    Resolver(Resolver),
}

/// What a server answered, as far as it is told to users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The TXT values at the name, if any.
    Values {
        /// As DNS tools write it: NOERROR or NXDOMAIN.
        rcode: String,
        /// What stands there.
        values: BTreeSet<String>,
        /// The seconds for which a resolver may say so again without asking anyone.
        cached: Option<u32>,
    },
    /// It does not serve the zone: an answer without the AA bit.
    NotAuthoritative {
        /// As DNS tools write it.
        rcode: String,
    },
    /// REFUSED, SERVFAIL and the like.
    Failed {
        /// As DNS tools write it.
        rcode: String,
    },
    /// A resolver has the values and withholds them, as their DNSSEC signatures do not hold.
    Bogus {
        /// As DNS tools write it.
        rcode: String,
    },
    /// None came.
    NoAnswer(AskError),
}

impl Answer {
    /// Reads an authoritative server's reply to a TXT question.
    pub(super) fn of_authority(reply: &Result<Message, AskError>, name: &DnsName) -> Self {
        match reply {
            Ok(message) if is_answer(message) && !message.metadata.authoritative => {
                Self::NotAuthoritative { rcode: rcode(message.metadata.response_code) }
            }
            _ => Self::read(reply, name, None),
        }
    }

    /// Reads a resolver's reply to a TXT question.
    pub(super) fn of_recursion(reply: &Result<Message, AskError>, name: &DnsName) -> Self {
        let cached = reply.as_ref().ok().and_then(negative_ttl);
        Self::read(reply, name, cached)
    }

    fn read(reply: &Result<Message, AskError>, name: &DnsName, cached: Option<u32>) -> Self {
        let message = match reply {
            Ok(message) => message,
            Err(error) => return Self::NoAnswer(error.clone()),
        };
        let rcode = rcode(message.metadata.response_code);
        if !is_answer(message) {
            return Self::Failed { rcode };
        }
        Self::Values { rcode, values: texts(message, name), cached }
    }

    /// Whether a resolver on its way would ask the next server instead of believing this.
    pub(super) fn is_passed_over(&self) -> bool {
        !matches!(self, Self::Values { .. })
    }

    pub(super) fn shows(&self, wanted: &BTreeSet<String>) -> bool {
        matches!(self, Self::Values { values, .. } if wanted.is_subset(values))
    }
}

/// Whether something is known of the name, be it that it does not exist.
pub(super) fn is_answer(message: &Message) -> bool {
    matches!(message.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain)
}

fn texts(message: &Message, name: &DnsName) -> BTreeSet<String> {
    let owned = message.answers.iter().filter(|record| is_name(&record.name, name));
    let joined = owned.filter_map(|record| match &record.data {
        RData::TXT(txt) => Some(one_line(&String::from_utf8_lossy(&txt.txt_data.concat()))),
        _ => None,
    });
    joined.collect()
}

/// For how long an answer without records may be kept (RFC 2308 section 5).
fn negative_ttl(message: &Message) -> Option<u32> {
    if !message.answers.is_empty() {
        return None;
    }
    message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
        _ => None,
    })
}

/// For how long a resolver may give the same answer again, in seconds.
pub(super) fn kept_for(message: &Message) -> u32 {
    negative_ttl(message).or_else(|| message.answers.iter().map(|record| record.ttl).min()).unwrap_or_default()
}

/// The address that a record holds.
pub(super) fn ip(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(a.0.into()),
        RData::AAAA(a) => Some(a.0.into()),
        _ => None,
    }
}

/// The serial number of an SOA answer.
pub(super) fn serial(message: &Message) -> Option<u32> {
    message.answers.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    })
}

/// Where a CNAME that stands at `name`, or that a DNAME above it gives, leads.
pub(super) fn cname(message: &Message, name: &DnsName) -> Option<DnsName> {
    message.answers.iter().find_map(|record| match &record.data {
        RData::CNAME(target) if is_name(&record.name, name) => read_name(&target.0),
        _ => None,
    })
}

/// The zone that an answer to an SOA question shows to hold `name`: by the record, or by the one that a "no" carries.
pub(super) fn apex_above(message: &Message, name: &DnsName) -> Option<DnsName> {
    let soa = |record: &&hickory_proto::rr::Record| matches!(record.data, RData::SOA(_));
    let mut owners = message.answers.iter().chain(&message.authorities).filter(soa).map(|record| &record.name);
    owners.find_map(|owner| read_name(owner).filter(|apex| name.is_within(apex)))
}

/// The zone cut below `apex` that an answer shows: the NS of a referral, or the SOA of a child zone that stands on the
/// same server or that a resolver found.
pub(super) fn cut_below(message: &Message, apex: &DnsName, name: &DnsName) -> Option<DnsName> {
    if !message.answers.is_empty() {
        return None;
    }
    let finished = message.metadata.authoritative || message.metadata.recursion_available;
    let owners = message.authorities.iter().filter(|record| match record.data {
        RData::NS(_) => !finished,
        RData::SOA(_) => finished,
        _ => false,
    });
    let mut cuts = owners.filter_map(|record| read_name(&record.name));
    cuts.find(|cut| cut != apex && cut.is_within(apex) && name.is_within(cut))
}

pub(super) fn read_name(name: &Name) -> Option<DnsName> {
    DnsName::parse(&name.to_ascii()).ok()
}

fn is_name(found: &Name, name: &DnsName) -> bool {
    read_name(found).as_ref() == Some(name)
}

pub(super) fn rcode(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".into(),
        ResponseCode::FormErr => "FORMERR".into(),
        ResponseCode::ServFail => "SERVFAIL".into(),
        ResponseCode::NXDomain => "NXDOMAIN".into(),
        ResponseCode::NotImp => "NOTIMP".into(),
        ResponseCode::Refused => "REFUSED".into(),
        ResponseCode::NotAuth => "NOTAUTH".into(),
        other => format!("RCODE {}", u16::from(other)),
    }
}

impl fmt::Display for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, address } = self;
        match address.port() {
            DNS_PORT => write!(f, "{host} ({})", address.ip()),
            _ => write!(f, "{host} ({address})"),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authoritative(server) => server.fmt(f),
            Self::Resolver(resolver) => write!(f, "resolver {resolver}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Values { rcode, values, cached } if values.is_empty() => {
                write!(f, "{rcode}, no TXT value")?;
                cached.map_or(Ok(()), |seconds| write!(f, ", kept for {seconds} s"))
            }
            Self::Values { rcode, values, .. } => write!(f, "{rcode}, {}", shortened(values)),
            Self::NotAuthoritative { rcode } => write!(f, "{rcode}, but not authoritative for the zone"),
            Self::Failed { rcode } => f.write_str(rcode),
            Self::Bogus { rcode } => write!(f, "{rcode}, but the values when told not to check signatures"),
            Self::NoAnswer(error) => error.fmt(f),
        }
    }
}

fn shortened(values: &BTreeSet<String>) -> String {
    let cut = |value: &String| match value.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{:?}...", &value[..end]),
        None => format!("{value:?}"),
    };
    let mut shown: Vec<String> = values.iter().take(SHOWN_VALUES).map(cut).collect();
    if values.len() > SHOWN_VALUES {
        shown.push(format!("and {} more", values.len() - SHOWN_VALUES));
    }
    format!("only {}", shown.join(", "))
}

const SHOWN_VALUES: usize = 3;
const SHOWN_CHARS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_and_long_values_are_shortened() {
        let values = ["a".repeat(43), "b".into(), "c".into(), "d".into(), "e".into()].into();
        let shown = Answer::Values { rcode: "NOERROR".into(), values, cached: None }.to_string();
        assert_eq!(shown, r#"NOERROR, only "aaaaaaaaaaaaaaaa"..., "b", "c", and 2 more"#);
    }
}
