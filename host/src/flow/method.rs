//! Which name is proven how; decided before a CA is contacted.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::acme::ChallengeKind;
use crate::name::{CertName, Host};

/// A way to prove a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// A TXT record, published by a provider and removed again.
    Dns01,
    /// The same at the account's own name.
    DnsAccount01,
    /// A TXT record that is there already.
    DnsPersist01,
    /// A web server of acmite's own.
    Standalone,
    /// A file below the folder that a web server shows.
    Webroot(PathBuf),
    /// A TLS server of acmite's own.
    TlsAlpn01,
}

impl Method {
    /// The challenge it answers.
    pub fn kind(&self) -> ChallengeKind {
        match self {
            Self::Dns01 => ChallengeKind::Dns01,
            Self::DnsAccount01 => ChallengeKind::DnsAccount01,
            Self::DnsPersist01 => ChallengeKind::DnsPersist01,
            Self::Standalone | Self::Webroot(_) => ChallengeKind::Http01,
            Self::TlsAlpn01 => ChallengeKind::TlsAlpn01,
        }
    }

    /// Whether records are published for it.
    pub fn publishes(&self) -> bool {
        matches!(self, Self::Dns01 | Self::DnsAccount01)
    }

    /// A wildcard is proven in DNS alone (RFC 8555 section 7.1.3 leaves it to CAs, the Baseline Requirements section
    /// 3.2.2.4 do not), an address never there (RFC 8738 section 7).
    fn can_prove(&self, name: &CertName) -> bool {
        match name.base() {
            Host::Ip(_) => !self.kind().is_dns(),
            Host::Dns(_) => !name.is_wildcard() || self.kind().is_dns(),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns01 => f.write_str("dns-01"),
            Self::DnsAccount01 => f.write_str("dns-account-01"),
            Self::DnsPersist01 => f.write_str("dns-persist-01"),
            Self::Standalone => f.write_str("standalone"),
            Self::Webroot(folder) => write!(f, "webroot:{}", folder.display()),
            Self::TlsAlpn01 => f.write_str("tls-alpn-01"),
        }
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(folder) = text.strip_prefix("webroot:") {
            return Ok(Self::Webroot(PathBuf::from(folder)));
        }
        let plain = [Self::Dns01, Self::DnsAccount01, Self::DnsPersist01, Self::Standalone, Self::TlsAlpn01];
        let found = plain.into_iter().find(|method| method.to_string() == text);
        found.ok_or_else(|| {
            format!(
                "{text:?} is no method; use dns-01, dns-account-01, dns-persist-01, standalone, webroot:FOLDER or \
                 tls-alpn-01"
            )
        })
    }
}

/// The ways the user allows: some for certain names, others for the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Methods {
    /// For these names alone.
    pub by_name: Vec<(CertName, Method)>,
    /// For all others; the first that can prove a name is taken.
    pub general: Vec<Method>,
}

impl Methods {
    /// How a name is to be proven.
    pub fn of(&self, name: &CertName) -> Result<&Method, MethodError> {
        if let Some((_, method)) = self.by_name.iter().find(|(named, _)| named == name) {
            let can = method.can_prove(name);
            return can.then_some(method).ok_or_else(|| unable(name, method.kind()));
        }
        let able = self.general.iter().find(|method| method.can_prove(name));
        able.ok_or_else(|| match self.general.first() {
            None => MethodError::None { name: name.clone() },
            Some(method) => unable(name, method.kind()),
        })
    }

    /// The method of each name; an error if one has none, or one is named that is not in the certificate.
    pub fn check(&self, names: &[CertName]) -> Result<Vec<&Method>, MethodError> {
        if let Some((stray, _)) = self.by_name.iter().find(|(named, _)| !names.contains(named)) {
            return Err(MethodError::Stray { name: stray.clone() });
        }
        names.iter().map(|name| self.of(name)).collect()
    }
}

fn unable(name: &CertName, kind: ChallengeKind) -> MethodError {
    let name = name.clone();
    match name.base() {
        Host::Ip(_) => MethodError::Address { name, kind },
        Host::Dns(_) => MethodError::Wildcard { name, kind },
    }
}

/// Why a name has no way to be proven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MethodError {
    /// Nothing was chosen.
    #[error("it is not said how to prove {name}; give --dns-plugin, --standalone, --webroot or --tls-alpn")]
    None {
        /// The name.
        name: CertName,
    },
    /// A wildcard by something else than DNS.
    #[error(
        "{name} cannot be proven by {kind}: CAs issue for wildcards by DNS-01 alone; give --dns-plugin for it (and --challenge for the other names), or leave it out"
    )]
    Wildcard {
        /// The name.
        name: CertName,
        /// What was chosen.
        kind: ChallengeKind,
    },
    /// An address by DNS.
    #[error(
        "{name} cannot be proven by {kind}, as it is an address; give --standalone, --webroot or --tls-alpn for it"
    )]
    Address {
        /// The address.
        name: CertName,
        /// What was chosen.
        kind: ChallengeKind,
    },
    /// A challenge is chosen for a name that is not in the certificate.
    #[error("a challenge is chosen for {name}, which is none of the certificate's names; add -d {name} or correct it")]
    Stray {
        /// The name.
        name: CertName,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> CertName {
        CertName::parse(text).expect("a name")
    }

    #[test]
    fn a_method_is_written_as_it_is_read() {
        for text in ["dns-01", "dns-account-01", "dns-persist-01", "standalone", "webroot:/srv/a b", "tls-alpn-01"] {
            assert_eq!(text.parse::<Method>().map(|method| method.to_string()), Ok(text.to_owned()));
        }
        assert!("http-01".parse::<Method>().is_err());
    }

    #[test]
    fn of_the_general_methods_the_first_that_can_is_taken() {
        let methods = Methods { by_name: Vec::new(), general: vec![Method::Dns01, Method::Standalone] };
        assert_eq!(methods.of(&name("example.com")), Ok(&Method::Dns01));
        assert_eq!(methods.of(&name("192.0.2.1")), Ok(&Method::Standalone));
        let turned = Methods { by_name: Vec::new(), general: vec![Method::Standalone, Method::Dns01] };
        assert_eq!(turned.of(&name("example.com")), Ok(&Method::Standalone));
        assert_eq!(turned.of(&name("*.example.com")), Ok(&Method::Dns01));
    }

    #[test]
    fn a_wildcard_without_dns_and_an_address_with_it_are_refused() {
        let webroot = Method::Webroot("/srv".into());
        let methods = Methods { by_name: Vec::new(), general: vec![webroot.clone(), Method::TlsAlpn01] };
        let wildcard = name("*.example.com");
        let kind = ChallengeKind::Http01;
        assert_eq!(methods.of(&wildcard), Err(MethodError::Wildcard { name: wildcard.clone(), kind }));
        let named = Methods { by_name: vec![(wildcard.clone(), webroot)], general: vec![Method::Dns01] };
        assert!(matches!(named.of(&wildcard), Err(MethodError::Wildcard { .. })));
        let dns = Methods { by_name: Vec::new(), general: vec![Method::DnsPersist01] };
        assert!(matches!(dns.of(&name("::1")), Err(MethodError::Address { .. })));
        assert!(matches!(Methods::default().of(&wildcard), Err(MethodError::None { .. })));
    }

    #[test]
    fn a_choice_for_another_name_is_a_mistake() {
        let methods = Methods { by_name: vec![(name("a.example"), Method::TlsAlpn01)], general: vec![Method::Dns01] };
        assert_eq!(methods.check(&[name("a.example"), name("b.example")]).map(|found| found.len()), Ok(2));
        assert!(matches!(methods.check(&[name("b.example")]), Err(MethodError::Stray { .. })));
    }
}
