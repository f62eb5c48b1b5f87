//! Which hosts a provider's requests may reach.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Where requests go: scheme, host, port and the path they begin with.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The host as it stands in the URL: lower case, without a final dot.
    pub host: String,
    /// All of it.
    pub url: Url,
}

/// Reads an origin; `user_typed` tells that it is the user's own setting and not the plugin's.
pub fn parse_origin(text: &str, user_typed: bool) -> Result<Origin, OriginError> {
    let mut url = Url::parse(text).map_err(|source| OriginError::NotAUrl { source })?;
    let bare =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if !bare {
        return Err(OriginError::TooMuch);
    }
    let typed = url.host_str().unwrap_or_default().to_owned();
    if let Some(undotted) = typed.strip_suffix('.') {
        url.set_host(Some(undotted)).map_err(|source| OriginError::NotAUrl { source })?;
    }
    if url.domain().is_some_and(|domain| domain.split('.').any(str::is_empty)) {
        return Err(OriginError::NoHost);
    }
    let (address, loopback) = match url.host() {
        Some(Host::Domain(name)) => (None, name == "localhost"),
        Some(Host::Ipv4(address)) => (Some(IpAddr::V4(address)), address.is_loopback()),
        Some(Host::Ipv6(address)) => (Some(IpAddr::V6(address)), address.is_loopback()),
        None => return Err(OriginError::NoHost),
    };
    match url.scheme() {
        "https" => {}
        "http" if user_typed && loopback => {}
        _ => return Err(OriginError::NotHttps { origin: url.origin().ascii_serialization() }),
    }
    if let Some(rule) = address.and_then(|address| forbidden(address, user_typed)) {
        return Err(OriginError::Forbidden { host: url.host_str().unwrap_or_default().to_owned(), rule });
    }
    Ok(Origin { host: url.host_str().unwrap_or_default().to_owned(), url })
}

/// The rule that forbids an address; what the user typed may be private or loopback, never a metadata service.
pub fn forbidden(address: IpAddr, user_typed: bool) -> Option<&'static str> {
    let address = match address {
        IpAddr::V6(v6) => embedded_v4(v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    if is_metadata(address) {
        return Some("a cloud's metadata service");
    }
    let special = match address {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    };
    special.filter(|special| !(user_typed && special.may_be_typed)).map(|special| special.what)
}

struct Special {
    what: &'static str,
    may_be_typed: bool,
}

fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => METADATA_V6.contains(&v6) || v6.segments()[..2] == [0xfd00, 0xec2],
    }
}

/// The IPv4 address that an IPv6 one leads to: mapped (RFC 4291) or NAT64 (RFC 6052), the way out of a host without IPv4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        _ => None,
    }
}

fn special_v4(address: Ipv4Addr) -> Option<Special> {
    let typed = |what| Some(Special { what, may_be_typed: true });
    let never = |what| Some(Special { what, may_be_typed: false });
    match address.octets() {
        [0, ..] => never("this network (0.0.0.0/8)"),
        [127, ..] => typed("loopback"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => typed("a private network"),
        [169, 254, ..] => never("link-local"),
        [100, 64..=127, ..] => typed("carrier-grade NAT (100.64.0.0/10)"),
        [192, 0, 0, _] => never("IETF protocol assignments (192.0.0.0/24)"),
        [192, 88, 99, _] => never("6to4 relays (192.88.99.0/24)"),
        [198, 18..=19, ..] => never("benchmarking (198.18.0.0/15)"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => never("documentation"),
        [224..=239, ..] => never("multicast"),
        [240..=255, ..] => never("reserved or broadcast"),
        _ => None,
    }
}

fn special_v6(address: Ipv6Addr) -> Option<Special> {
    let typed = |what| Some(Special { what, may_be_typed: true });
    let never = |what| Some(Special { what, may_be_typed: false });
    let s = address.segments();
    match s[0] {
        _ if address.is_loopback() => typed("loopback"),
        _ if address.is_unspecified() => never("the unspecified address"),
        0xfc00..=0xfdff => typed("a unique local network"),
        0xfe80..=0xfebf => never("link-local"),
        0xfec0..=0xfeff => never("site-local"),
        0xff00..=0xffff => never("multicast"),
        0x2001 if s[1] == 0 => never("Teredo"),
        0x2001 if s[1] < 0x200 => never("IETF protocol assignments (2001::/23)"),
        0x2001 if s[1] == 0xdb8 => never("documentation"),
        0x2002 => never("6to4 (2002::/16)"),
        0x3fff if s[1] < 0x1000 => never("documentation"),
        0x2000..=0x3fff => None,
        _ => never("no global unicast address (2000::/3)"),
    }
}

/// AWS and most others, Azure's wire server, Alibaba, Oracle.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];
/// Google, Oracle, Scaleway; AWS has all of fd00:ec2::/32.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

/// Resolves a name once, refuses it if any of its addresses is forbidden, and hands over just those addresses, so that
/// what was checked is what is connected to.
#[derive(Clone)]
pub struct FilteredResolver {
    user_typed_hosts: Arc<HashSet<String>>,
    lookup: Option<Lookup>,
}

/// The addresses of a host, in place of the system's resolver.
pub type Lookup = Arc<dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

impl fmt::Debug for FilteredResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilteredResolver").field("user_typed_hosts", &self.user_typed_hosts).finish_non_exhaustive()
    }
}

impl FilteredResolver {
    /// Lets these hosts have private and loopback addresses.
    pub fn new(user_typed_hosts: HashSet<String>) -> Self {
        Self { user_typed_hosts: Arc::new(user_typed_hosts), lookup: None }
    }

    /// Asks this in place of the system: for tests of what a name server may answer.
    pub fn with_lookup(self, lookup: Lookup) -> Self {
        Self { lookup: Some(lookup), ..self }
    }
}

impl Resolve for FilteredResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let user_typed = self.user_typed_hosts.contains(name.as_str());
        let lookup = self.lookup.clone();
        Box::pin(async move {
            let addresses = match lookup {
                Some(lookup) => lookup(name.as_str())?,
                None => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
            };
            check_all(name.as_str(), &addresses, user_typed)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Refuses a host of which one address is forbidden.
pub(super) fn check_all(host: &str, addresses: &[SocketAddr], user_typed: bool) -> Result<(), OriginError> {
    match addresses.iter().find_map(|address| forbidden(address.ip(), user_typed)) {
        Some(rule) => Err(OriginError::Forbidden { host: host.to_owned(), rule }),
        None => Ok(()),
    }
}

/// Why an origin may not be asked.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// It cannot be read.
    ///
    /// It is not shown: a password may stand in it.
    #[error("it is not a URL; write it as https://host[:port]")]
    NotAUrl {
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// It has a user, a query or a fragment.
    #[error("an origin holds scheme, host, port and path only; remove user, query and fragment")]
    TooMuch,
    /// There is no host in it.
    #[error("it names no host; write it as https://host[:port]")]
    NoHost,
    /// Credentials would travel in the clear.
    #[error("{origin} is not https; plain http is only for a loopback address that you typed yourself")]
    NotHttps {
        /// The origin.
        origin: String,
    },
    /// The address is not one of the public Internet.
    #[error("{host} leads to {rule}, where no plugin may go")]
    Forbidden {
        /// The host.
        host: String,
        /// What stands there.
        rule: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(address: &str, user_typed: bool) -> Option<&'static str> {
        forbidden(address.parse().expect("an address"), user_typed)
    }

    #[test]
    fn special_addresses_are_forbidden_in_every_spelling() {
        let addresses = [
            "0.0.0.0",
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "fec0::1",
            "100::1",
            "::5",
            "::8.8.8.8",
            "::ffff:0:7f00:1",
            "2002:808:808::",
            "2001:2::1",
            "3fff::1",
            "5f00::1",
            "4000::1",
            "192.88.99.1",
            "168.63.129.16",
        ];
        for address in addresses {
            assert!(rule(address, false).is_some(), "{address} was allowed");
        }
        for address in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::101:101"] {
            assert_eq!(rule(address, false), None, "{address}");
        }
    }

    #[test]
    fn what_the_user_typed_may_be_private_and_never_metadata() {
        for address in ["127.0.0.1", "10.0.0.1", "::1", "fd12::1", "100.64.0.1"] {
            assert_eq!(rule(address, true), None, "{address}");
        }
        for address in [
            "169.254.169.254",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
        ] {
            assert_eq!(rule(address, true), Some("a cloud's metadata service"), "{address}");
        }
    }

    #[test]
    fn an_origin_is_https_and_a_public_host() {
        for text in [
            "http://api.example.com",
            "https://user@api.example.com",
            "https://api.example.com/?a",
            "ftp://example.com",
            "https://127.1",
            "https://0x7f.1",
            "https://2130706433",
            "https://[::1]",
            "https://169.254.169.254.",
            "https://",
            "https://example.com..",
            "https://a..example.com",
            "https://0300.0250.1.1",
            "https://[::ffff:10.0.0.1]",
        ] {
            assert!(parse_origin(text, false).is_err(), "{text} was taken");
        }
        assert_eq!(parse_origin("https://API.example.com./v4", false).expect("an origin").host, "api.example.com");
    }

    #[test]
    fn plain_http_is_for_a_loopback_address_the_user_typed() {
        assert!(parse_origin("http://127.0.0.1:8081", true).is_ok());
        assert!(parse_origin("http://localhost:8081", true).is_ok());
        assert!(parse_origin("http://api.localhost:8081", true).is_err());
        assert!(parse_origin("http://127.0.0.1:8081", false).is_err());
        assert!(parse_origin("http://10.0.0.1:8081", true).is_err());
        assert!(parse_origin("https://10.0.0.1:8081", true).is_ok());
    }

    #[test]
    fn one_forbidden_address_among_many_refuses_the_host() {
        let addresses = ["1.1.1.1:443", "127.0.0.1:443"].map(|text| text.parse().expect("an address"));
        assert!(check_all("mixed.example", &addresses, false).is_err());
        assert!(check_all("mixed.example", &addresses[..1], false).is_ok());
    }

    #[tokio::test]
    async fn the_resolver_gives_loopback_only_for_a_host_the_user_typed() {
        let name = || "localhost".parse::<Name>().expect("a name");
        let refused = FilteredResolver::new(HashSet::new()).resolve(name()).await.err().expect("a refusal");
        assert_eq!(refused.to_string(), "localhost leads to loopback, where no plugin may go");
        let typed = FilteredResolver::new(HashSet::from(["localhost".to_owned()]));
        let addresses: Vec<_> = typed.resolve(name()).await.expect("addresses").collect();
        assert!(!addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback()), "{addresses:?}");
    }

    #[test]
    fn an_unreadable_origin_is_not_repeated() {
        let error = parse_origin("https://user:hunter2@exa mple.com", true).expect_err("no URL");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
