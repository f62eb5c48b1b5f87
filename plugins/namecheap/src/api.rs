//! The two commands there are.

use acmite_sdk::http::{self, Reply};
use acmite_sdk::xml::{self, Element};
use acmite_sdk::{Context, Error, ErrorKind, error, setting};

/// All of a zone that a write must give back.
pub(crate) struct Zone {
    pub(crate) hosts: Vec<Host>,
    email_type: Option<String>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) address: String,
    pub(crate) preference: Option<String>,
    pub(crate) ttl: Option<String>,
}

pub(crate) fn zone(context: &Context) -> Result<Zone, Error> {
    let (sld, tld) = split(context)?;
    let root = checked(http::request("get").query("SLD", sld).query("TLD", tld).send()?)?;
    let result = result(&root, "DomainDNSGetHostsResult")?;
    if result.attribute("IsUsingOurDNS") == Some("false") {
        return Err(error(ErrorKind::ZoneNotFound, format!("{} is served by other name servers", context.zone))
            .with_hint("take the provider of the name servers that the domain is delegated to"));
    }
    let hosts = result.all("host").map(host).collect::<Option<_>>().ok_or_else(undocumented)?;
    Ok(Zone { hosts, email_type: result.attribute("EmailType").map(str::to_owned) })
}

fn host(element: &Element) -> Option<Host> {
    let attribute = |name: &str| element.attribute(name).map(str::to_owned);
    Some(Host {
        name: attribute("Name")?,
        kind: attribute("Type")?,
        address: attribute("Address")?,
        preference: attribute("MXPref"),
        ttl: attribute("TTL"),
    })
}

/// Writes the whole zone.
pub(crate) fn set(context: &Context, zone: &Zone) -> Result<(), Error> {
    let (sld, tld) = split(context)?;
    let user = setting(context, "api_user").unwrap_or_default();
    let mut pairs = vec![
        ("Command".to_owned(), "namecheap.domains.dns.setHosts"),
        ("ApiUser".to_owned(), user),
        ("UserName".to_owned(), user),
        ("ClientIp".to_owned(), setting(context, "client_ip").unwrap_or_default()),
        ("SLD".to_owned(), sld),
        ("TLD".to_owned(), tld),
    ];
    pairs.extend(zone.email_type.iter().map(|kind| ("EmailType".to_owned(), kind.as_str())));
    for (number, host) in (1..).zip(&zone.hosts) {
        pairs.push((format!("HostName{number}"), &host.name));
        pairs.push((format!("RecordType{number}"), &host.kind));
        pairs.push((format!("Address{number}"), &host.address));
        pairs.extend(host.preference.iter().map(|text| (format!("MXPref{number}"), text.as_str())));
        pairs.extend(host.ttl.iter().map(|text| (format!("TTL{number}"), text.as_str())));
    }
    let form: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let root = checked(http::request("set").form(&form).send()?)?;
    match result(&root, "DomainDNSSetHostsResult")?.attribute("IsSuccess") {
        Some("true") => Ok(()),
        _ => Err(error(ErrorKind::Upstream, "set: the API did not take the zone and does not say why")),
    }
}

/// The first label and the rest, as a registered domain is split: example.co.uk is "example" under "co.uk".
fn split(context: &Context) -> Result<(&str, &str), Error> {
    let zone = context.zone.as_str();
    zone.split_once('.').ok_or_else(|| error(ErrorKind::ZoneNotFound, format!("{zone} is no registered domain")))
}

fn result<'a>(root: &'a Element, name: &str) -> Result<&'a Element, Error> {
    root.at(&["CommandResponse", name]).ok_or_else(undocumented)
}

fn undocumented() -> Error {
    error(ErrorKind::Upstream, "the reply is not as documented")
}

/// The reply's root; an error of the API comes with status 200.
fn checked(reply: Reply) -> Result<Element, Error> {
    let reply = reply.ok()?;
    let text = reply.text();
    let root = xml::parse(&text).filter(|root| root.name == "ApiResponse").ok_or_else(undocumented)?;
    match root.at(&["Errors", "Error"]) {
        Some(fault) => Err(told(fault)),
        None if root.attribute("Status") == Some("OK") => Ok(root),
        None => Err(undocumented()),
    }
}

fn told(fault: &Element) -> Error {
    let number = fault.attribute("Number").unwrap_or_default();
    let told = error(ErrorKind::Upstream, fault.text.clone()).with_code(number);
    match number {
        _ if BAD_CREDENTIAL.contains(&number) => told
            .of_kind(ErrorKind::Denied)
            .with_hint("check user name and key, and that the API is switched on for the account"),
        _ if BAD_ADDRESS.contains(&number) => told
            .of_kind(ErrorKind::Forbidden)
            .with_hint("allow this machine's IPv4 address in the account's API settings, and set client_ip to it"),
        _ if NO_ZONE.contains(&number) => told.of_kind(ErrorKind::ZoneNotFound),
        TOO_MANY_LOGINS => told.of_kind(ErrorKind::RateLimited),
        _ => told,
    }
}

// <https://www.namecheap.com/support/api/global-parameters/> (seen 2026-11-24).
/// Key, user or API user missing, unauthorised, disabled.
const BAD_CREDENTIAL: [&str; 9] =
    ["1010101", "1010102", "1011102", "1016103", "1017101", "1017103", "1019103", "1030408", "1050900"];
/// The client's address missing, invalid, disabled.
const BAD_ADDRESS: [&str; 5] = ["1010105", "1011105", "1011150", "1017105", "1017150"];
const TOO_MANY_LOGINS: &str = "1017411";
// <https://www.namecheap.com/support/api/methods/domains-dns/get-hosts/> (seen 2026-11-24).
/// Domain not found, not of this account, not to be edited, with other name servers.
const NO_ZONE: [&str; 4] = ["2019166", "2016166", "2030166", "2030288"];
