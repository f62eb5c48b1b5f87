//! Origins that lead to a mock on this machine instead of the provider's API: for tests and the lab, never for use.

use std::collections::BTreeMap;
use std::net::IpAddr;

use url::{Host, Url};

/// Plugin and origin id to the mock that stands in for it.
///
/// Only a literal loopback address can be named, so that a credential never leaves the machine by it; the provider's
/// own path stays: `https://api.example.com/v4` becomes `http://127.0.0.1:PORT/v4`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginOverrides(BTreeMap<(String, String), Url>);

impl OriginOverrides {
    /// Reads "cloudflare.api=http://127.0.0.1:8080,azure.login=http://[::1]:8081"; the empty text has none.
    pub fn parse(text: &str) -> Result<Self, OverrideError> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let mut overrides = BTreeMap::new();
        for entry in entries {
            let form = || OverrideError::Form { entry: entry.to_owned() };
            let (place, target) = entry.split_once('=').ok_or_else(form)?;
            let (plugin, origin) = place.split_once('.').ok_or_else(form)?;
            let key = (plugin.trim().to_owned(), origin.trim().to_owned());
            let url =
                loopback_url(target.trim()).ok_or_else(|| OverrideError::NotLoopback { entry: entry.to_owned() })?;
            if overrides.insert(key, url).is_some() {
                return Err(OverrideError::Twice { place: place.to_owned() });
            }
        }
        Ok(Self(overrides))
    }

    /// The origin to ask in place of `url`, if there is one.
    pub(super) fn replaced(&self, plugin: &str, origin: &str, url: &Url) -> Option<Url> {
        let mut mock = self.0.get(&(plugin.to_owned(), origin.to_owned()))?.clone();
        mock.set_path(url.path());
        Some(mock)
    }
}

/// Scheme, literal loopback address and port; a name could be made to lead elsewhere.
fn loopback_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let address = match url.host()? {
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
        Host::Domain(_) => return None,
    };
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.path() == "/";
    let fits = address.is_loopback() && bare && url.fragment().is_none() && ["http", "https"].contains(&url.scheme());
    fits.then_some(url)
}

/// Why a text names no mocks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// Not written as it must be.
    #[error("{entry:?} is no origin of a mock; write plugin.origin=http://127.0.0.1:PORT, several with commas")]
    Form {
        /// As given.
        entry: String,
    },
    /// Leads elsewhere than to this machine.
    #[error(
        "{entry:?} does not lead to a mock on this machine; write http://127.0.0.1:PORT or http://[::1]:PORT, without path"
    )]
    NotLoopback {
        /// As given.
        entry: String,
    },
    /// One origin, two mocks.
    #[error("{place} is given twice; leave one")]
    Twice {
        /// Plugin and origin.
        place: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mock_takes_the_place_of_host_and_port_and_keeps_the_path() {
        let text = "cloudflare.api=http://127.0.0.1:8080, azure.login=https://[::1]:8081";
        let overrides = OriginOverrides::parse(text).expect("overrides");
        let url = Url::parse("https://api.cloudflare.com/client/v4").expect("a URL");
        let replaced = |plugin, origin| overrides.replaced(plugin, origin, &url).map(|url| url.to_string());
        assert_eq!(replaced("cloudflare", "api").as_deref(), Some("http://127.0.0.1:8080/client/v4"));
        assert_eq!(replaced("azure", "login").as_deref(), Some("https://[::1]:8081/client/v4"));
        assert_eq!(replaced("azure", "api"), None);
        assert_eq!(OriginOverrides::parse(" "), Ok(OriginOverrides::default()));
    }

    #[test]
    fn a_target_off_this_machine_is_refused() {
        for target in [
            "http://192.0.2.1:80",
            "http://10.0.0.1",
            "http://localhost:80",
            "http://localtest.me",
            "http://127.0.0.1.example.com",
            "http://0.0.0.0:80",
            "http://[::]:80",
            "http://[::ffff:127.0.0.1]:80",
            "http://user@127.0.0.1:80",
            "http://127.0.0.1:80/path",
            "http://127.0.0.1:80/?query",
            "ftp://127.0.0.1",
            "127.0.0.1:80",
        ] {
            let parsed = OriginOverrides::parse(&format!("cloudflare.api={target}"));
            assert!(matches!(parsed, Err(OverrideError::NotLoopback { .. })), "{target}: {parsed:?}");
        }
    }

    #[test]
    fn what_is_not_plugin_origin_and_target_is_refused() {
        for text in ["cloudflare.api", "cloudflare=http://127.0.0.1:80"] {
            assert!(matches!(OriginOverrides::parse(text), Err(OverrideError::Form { .. })), "{text} was taken");
        }
        let twice = "a.api=http://127.0.0.1:80,a.api=http://127.0.0.1:81";
        assert!(matches!(OriginOverrides::parse(twice), Err(OverrideError::Twice { .. })));
    }
}
