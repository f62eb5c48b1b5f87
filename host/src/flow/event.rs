//! What happens meanwhile, for whoever shows it.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::due::Why;
use crate::dns::PropagationEvent;
use crate::name::DnsName;
use crate::words::counted;

/// One thing that happened; in JSON an object with the member `event`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Event {
    /// The account is there.
    Account {
        /// Its URL.
        url: String,
        /// Whether it was made just now.
        created: bool,
    },
    /// The CA took the order.
    Order {
        /// Its URL.
        url: String,
        /// What it is for.
        names: Vec<String>,
    },
    /// The authorizations were read.
    Authorizations {
        /// Names that must be proven.
        pending: usize,
        /// Names the CA still holds for proven.
        valid: usize,
    },
    /// Where the records of some names go was found.
    ZoneFound {
        /// The zone's apex.
        zone: DnsName,
        /// The provider.
        plugin: String,
        /// Names of the records.
        names: Vec<DnsName>,
        /// How many of the names were reached by CNAME.
        delegated: usize,
    },
    /// Another process has the zone.
    WaitingForZone {
        /// The zone's apex.
        zone: DnsName,
    },
    /// The provider is asked to publish.
    Publishing {
        /// The zone's apex.
        zone: DnsName,
        /// The provider.
        plugin: String,
        /// How many values.
        values: usize,
    },
    /// The provider has published.
    Published {
        /// The zone's apex.
        zone: DnsName,
        /// Milliseconds it took.
        took_ms: u64,
    },
    /// A call failed and will be made again.
    Retrying {
        /// The zone's apex.
        zone: DnsName,
        /// What failed.
        error: String,
    },
    /// Something was seen while waiting for the zone's name servers.
    Propagation {
        /// The zone's apex.
        zone: DnsName,
        /// What was seen.
        seen: PropagationEvent,
    },
    /// All servers that count show all values.
    Propagated {
        /// The zone's apex.
        zone: DnsName,
        /// Milliseconds it took since the publishing.
        took_ms: u64,
    },
    /// A port is listened on, for the CA to come.
    Serving {
        /// The port.
        port: u16,
        /// For how many names.
        names: usize,
    },
    /// A token is in a web server's folder.
    TokenWritten {
        /// Its file.
        path: PathBuf,
    },
    /// A token's file could not be removed; it stays in the journal.
    TokenNotRemoved {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// The CA was told to look.
    Answered {
        /// The zone's apex, if it is to look in DNS.
        #[serde(skip_serializing_if = "Option::is_none")]
        zone: Option<DnsName>,
        /// How many challenges.
        challenges: usize,
    },
    /// The CA accepted the proof.
    Proven {
        /// The name, `*.NAME` for all names below it, or address.
        name: String,
    },
    /// The records are removed again.
    CleanedUp {
        /// The zone's apex.
        zone: DnsName,
    },
    /// The records could not be removed; they stay in the journal.
    NotCleanedUp {
        /// The zone's apex.
        zone: DnsName,
        /// Why.
        error: String,
    },
    /// The CA did not see what all servers show; one more order is made.
    OrderingAgain {
        /// The CA's words.
        why: String,
    },
    /// An order that an earlier run handed in is taken up.
    Resuming {
        /// Its URL.
        url: String,
    },
    /// The CSR is handed in.
    Finalizing {
        /// The key's type.
        key_type: String,
    },
    /// The certificate is on disk.
    Stored {
        /// `live/NAME`.
        path: PathBuf,
        /// End of its validity, RFC 3339.
        not_after: String,
    },
    /// A renewal begins.
    Renewing {
        /// Why now.
        why: Why,
    },
    /// Another process is getting the certificate.
    WaitingForCertificate {
        /// Its name.
        name: String,
    },
    /// A hook did its work.
    HookDone {
        /// When it runs.
        kind: String,
        /// As it was written.
        hook: String,
        /// What it printed.
        output: String,
    },
    /// A hook failed.
    HookFailed {
        /// When it runs.
        kind: String,
        /// As it was written.
        hook: String,
        /// Why.
        error: String,
    },
    /// Something the user should know.
    Warning {
        /// What.
        message: String,
    },
}

impl Event {
    /// The zone it belongs to.
    pub fn zone(&self) -> Option<&DnsName> {
        match self {
            Self::ZoneFound { zone, .. }
            | Self::WaitingForZone { zone }
            | Self::Publishing { zone, .. }
            | Self::Published { zone, .. }
            | Self::Retrying { zone, .. }
            | Self::Propagation { zone, .. }
            | Self::Propagated { zone, .. }
            | Self::Answered { zone: Some(zone), .. }
            | Self::CleanedUp { zone }
            | Self::NotCleanedUp { zone, .. } => Some(zone),
            _ => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account { url, created: true } => write!(f, "account made: {url}"),
            Self::Account { url, .. } => write!(f, "account: {url}"),
            Self::Order { names, .. } => write!(f, "ordered a certificate for {}", shortened(names)),
            Self::Authorizations { pending, valid: 0 } => write!(f, "{} to prove", counted(*pending, "name")),
            Self::Authorizations { pending, valid } => {
                write!(f, "{} to prove, {valid} still proven from before", counted(*pending, "name"))
            }
            Self::ZoneFound { zone, plugin, names, delegated } => {
                let via = if *delegated > 0 { format!(", {delegated} by CNAME") } else { String::new() };
                write!(f, "{zone}: {}{via}, provider {plugin}", counted(names.len(), "name"))
            }
            Self::WaitingForZone { zone } => write!(f, "{zone}: another process changes the zone, waiting"),
            Self::Publishing { zone, plugin, values } => {
                write!(f, "{zone}: publishing {} by {plugin}", counted(*values, "value"))
            }
            Self::Published { zone, took_ms } => write!(f, "{zone}: published in {} s", seconds(*took_ms)),
            Self::Retrying { zone, error } => write!(f, "{zone}: trying again after: {error}"),
            Self::Propagation { zone, seen } => write!(f, "{zone}: {seen}"),
            Self::Propagated { zone, took_ms } => {
                write!(f, "{zone}: all servers show all values after {} s", seconds(*took_ms))
            }
            Self::Serving { port, names } => {
                write!(f, "listening on port {port} for the CA ({})", counted(*names, "name"))
            }
            Self::TokenWritten { path } => write!(f, "wrote {}", path.display()),
            Self::TokenNotRemoved { path, error } => {
                let path = path.display();
                write!(f, "{path} could not be removed ({error}); `acmite cleanup` and the next run try again")
            }
            Self::Answered { zone: Some(zone), challenges } => {
                write!(f, "{zone}: {} answered", counted(*challenges, "challenge"))
            }
            Self::Answered { challenges, .. } => write!(f, "{} answered", counted(*challenges, "challenge")),
            Self::Proven { name } => write!(f, "{name}: proven"),
            Self::CleanedUp { zone } => write!(f, "{zone}: records removed"),
            Self::NotCleanedUp { zone, error } => write!(
                f,
                "{zone}: the records could not be removed ({error}); `acmite cleanup` and the next run try again"
            ),
            Self::OrderingAgain { why } => {
                write!(f, "the CA did not see what all servers show ({why}); ordering once more")
            }
            Self::Renewing { why: Why::Missing } => write!(f, "getting it: {}", Why::Missing),
            Self::Renewing { why } => write!(f, "renewing: {why}"),
            Self::Resuming { url } => write!(f, "taking up the order that an earlier run began: {url}"),
            Self::WaitingForCertificate { name } => write!(f, "another process is getting {name}, waiting"),
            Self::HookDone { kind, hook, output } if output.is_empty() => write!(f, "{kind} hook done: {hook}"),
            Self::HookDone { kind, hook, output } => write!(f, "{kind} hook done: {hook}\n{output}"),
            Self::HookFailed { kind, hook, error } => write!(f, "{kind} hook failed: {hook}: {error}"),
            Self::Finalizing { key_type } => write!(f, "handing in the certificate request ({key_type})"),
            Self::Stored { path, not_after } => write!(f, "stored {}, valid until {not_after}", path.display()),
            Self::Warning { message } => write!(f, "warning: {message}"),
        }
    }
}

fn shortened(names: &[String]) -> String {
    match names.len() {
        0..=NAMES_SHOWN => names.join(", "),
        all => format!("{} and {} more", names[..NAMES_SHOWN].join(", "), all - NAMES_SHOWN),
    }
}

const NAMES_SHOWN: usize = 4;

fn seconds(milliseconds: u64) -> String {
    format!("{}.{}", milliseconds / 1000, milliseconds % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_an_object_with_its_name_and_a_line_for_people() {
        let zone = DnsName::parse("example.com").expect("a name");
        let event = Event::Published { zone, took_ms: 1250 };
        let json = serde_json::to_value(&event).expect("JSON");
        assert_eq!(json, serde_json::json!({"event": "published", "zone": "example.com", "took_ms": 1250}));
        assert_eq!(event.to_string(), "example.com: published in 1.2 s");
    }

    #[test]
    fn one_is_not_several() {
        let shown = [1, 2].map(|pending| Event::Authorizations { pending, valid: 0 }.to_string());
        assert_eq!(shown, ["1 name to prove", "2 names to prove"]);
    }

    #[test]
    fn many_names_are_shortened() {
        let names: Vec<String> = (0..9).map(|n| format!("n{n}")).collect();
        assert_eq!(shortened(&names), "n0, n1, n2, n3 and 5 more");
    }
}
