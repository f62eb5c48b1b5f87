//! Where a CA may be, and where it may lead: over TLS, or to this machine if it is there itself.

use url::{Host, Url};

/// A CA's directory: https, or plain HTTP on this machine.
pub fn check_directory(url: &Url) -> Result<(), PlaceError> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_here(url) => Ok(()),
        "http" => Err(PlaceError::Plain),
        _ => Err(PlaceError::Scheme),
    }
}

/// A URL that the CA whose directory is `directory` has named, checked before anything is sent there.
///
/// Another host is allowed, as some CAs have several; this machine and what is not routed is not, unless the CA is there.
pub(super) fn check_link(directory: &Url, link: &str) -> Result<(), PlaceError> {
    // What a parser would leave out is signed as it stands.
    if !link.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(PlaceError::NotAUrl);
    }
    let url = Url::parse(link).map_err(|_| PlaceError::NotAUrl)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(PlaceError::NotAUrl);
    }
    check_directory(&url)?;
    if url.scheme() == "http" && directory.scheme() != "http" {
        return Err(PlaceError::Plain);
    }
    let is_at_home = url.host() == directory.host() || is_here(directory) && is_here(&url);
    if is_inside(&url) && !is_at_home { Err(PlaceError::Inside) } else { Ok(()) }
}

/// A loopback address or `localhost`.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => is_localhost(name),
        None => false,
    }
}

/// RFC 6761 section 6.3.
fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// This machine, or an address of its link alone, where clouds have their metadata service.
fn is_inside(url: &Url) -> bool {
    let of_v4 = |ip: std::net::Ipv4Addr| ip.is_loopback() || ip.is_link_local() || ip.is_unspecified();
    match url.host() {
        Some(Host::Ipv4(ip)) => of_v4(ip),
        Some(Host::Ipv6(ip)) => match ip.to_canonical() {
            std::net::IpAddr::V4(ip) => of_v4(ip),
            std::net::IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified(),
        },
        Some(Host::Domain(name)) => is_localhost(name),
        None => true,
    }
}

/// Why nothing is asked there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// No URL, or one with a user's name or with characters that stand in none.
    #[error("it is no URL")]
    NotAUrl,
    /// Neither https nor http.
    #[error("it is not https")]
    Scheme,
    /// http.
    #[error("plain http is taken only for a CA on this machine")]
    Plain,
    /// This machine or its link, and the CA is elsewhere.
    #[error("it is an address of this machine or its link, and the CA is not there")]
    Inside,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(directory: &str, link: &str) -> Result<(), PlaceError> {
        check_link(&Url::parse(directory).expect("a URL"), link)
    }

    #[test]
    fn a_directory_is_at_https_or_on_this_machine() {
        let check = |text: &str| check_directory(&Url::parse(text).expect("a URL"));
        for text in ["https://ca.example/dir", "http://127.0.0.1:1/dir", "http://[::1]/dir", "http://localhost/dir"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in ["http://ca.example/", "http://127.0.0.1.example/", "http://10.0.0.1/"] {
            assert_eq!(check(text), Err(PlaceError::Plain), "{text}");
        }
        assert_eq!(check("ftp://ca.example/"), Err(PlaceError::Scheme));
    }

    #[test]
    fn a_ca_leads_to_https_alone_and_not_into_this_machine() {
        const CA: &str = "https://ca.example/dir";
        for to in ["https://ca.example/new", "https://other.example/new", "https://192.0.2.1/new"] {
            assert_eq!(link(CA, to), Ok(()), "{to}");
        }
        assert_eq!(link(CA, "http://ca.example/new"), Err(PlaceError::Plain));
        assert_eq!(link(CA, "http://127.0.0.1/new"), Err(PlaceError::Plain));
        assert_eq!(link(CA, "file:///etc/passwd"), Err(PlaceError::Scheme));
        let strange =
            ["", "/new", "https://", "https://a@ca.example/", "https://ca.example/\u{1b}[2J", "https://ca.example/ x"];
        for to in strange {
            assert_eq!(link(CA, to), Err(PlaceError::NotAUrl), "{to:?}");
        }
        let inside = ["127.0.0.1", "2130706433", "0x7f.1", "localhost", "a.localhost", "169.254.169.254", "0.0.0.0"];
        for host in inside.into_iter().chain(["[::1]", "[fe80::1]", "[::ffff:169.254.169.254]"]) {
            assert_eq!(link(CA, &format!("https://{host}/new")), Err(PlaceError::Inside), "{host}");
        }
    }

    #[test]
    fn a_ca_on_this_machine_leads_to_it() {
        assert_eq!(link("https://127.0.0.1:1/dir", "https://localhost:2/new"), Ok(()));
        assert_eq!(link("http://127.0.0.1:1/dir", "http://127.0.0.1:1/new"), Ok(()));
        assert_eq!(link("https://127.0.0.1:1/dir", "http://127.0.0.1:1/new"), Err(PlaceError::Plain));
        assert_eq!(link("https://127.0.0.1:1/dir", "https://169.254.169.254/new"), Err(PlaceError::Inside));
    }
}
