//! By which challenges names are proven.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use super::exit::{Exit, Failure};
use super::setup::absolute;
use crate::acme::ChallengeKind;
use crate::flow::{Method, Methods};
use crate::name::CertName;

/// Which challenge proves which name.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Challenges")]
pub struct ChallengeArgs {
    /// Prove names by this challenge: dns-01, dns-account-01, dns-persist-01, http-01 or tls-alpn-01; NAME=KIND for one
    /// name; may be repeated [default: what the other options provide for, dns-01 first]
    #[arg(long = "challenge", value_name = "[NAME=]KIND")]
    pub challenges: Vec<Choice<ChallengeKind>>,
    /// Prove names by http-01 from a web server of acmite's own
    #[arg(long)]
    pub standalone: bool,
    /// Port of that web server; the CA comes to 80, so anything else must be forwarded to
    #[arg(long, value_name = "PORT", default_value_t = 80, value_parser = clap::value_parser!(u16).range(1..))]
    pub http_port: u16,
    /// Prove names by http-01 with files below this folder, which a web server shows; NAME=DIR for one name; may be
    /// repeated
    #[arg(long = "webroot", value_name = "[NAME=]DIR")]
    pub webroots: Vec<Choice<Webroot>>,
    /// Prove names by tls-alpn-01 from a TLS server of acmite's own
    #[arg(long)]
    pub tls_alpn: bool,
    /// Port of that TLS server; the CA comes to 443, so anything else must be forwarded to
    #[arg(long, value_name = "PORT", default_value_t = 443, value_parser = clap::value_parser!(u16).range(1..))]
    pub tls_port: u16,
}

impl ChallengeArgs {
    /// The methods that the options allow; `has_provider` tells whether records can be published.
    pub fn methods(&self, has_provider: bool) -> Result<Methods, Failure> {
        if self.webroots.iter().filter(|webroot| webroot.name.is_none()).count() > 1 {
            let say = "several webroots are given for the same names; give them as --webroot NAME=DIR, but one";
            return Err(Failure::new(Exit::Usage, say));
        }
        let mut methods = Methods::default();
        for Choice { name, value } in &self.challenges {
            match name {
                Some(name) => methods.by_name.push((name.clone(), self.method(*value, Some(name))?)),
                None => methods.general.push(self.method(*value, None)?),
            }
        }
        let webroots = self.webroots.iter().filter_map(|one| Some((one.name.clone()?, one.value.method())));
        methods.by_name.extend(webroots);
        methods.general.extend(has_provider.then_some(Method::Dns01));
        methods.general.extend(self.webroot(None));
        methods.general.extend(self.standalone.then_some(Method::Standalone));
        methods.general.extend(self.tls_alpn.then_some(Method::TlsAlpn01));
        Ok(methods)
    }

    fn method(&self, kind: ChallengeKind, name: Option<&CertName>) -> Result<Method, Failure> {
        Ok(match kind {
            ChallengeKind::Dns01 => Method::Dns01,
            ChallengeKind::DnsAccount01 => Method::DnsAccount01,
            ChallengeKind::DnsPersist01 => Method::DnsPersist01,
            ChallengeKind::TlsAlpn01 => Method::TlsAlpn01,
            ChallengeKind::Http01 => {
                let webroot = self.webroot(name).or_else(|| self.webroot(None));
                let own = self.standalone.then_some(Method::Standalone);
                webroot.or(own).ok_or_else(|| {
                    Failure::new(Exit::Usage, "http-01 needs a web server; give --standalone or --webroot DIR")
                })?
            }
        })
    }

    fn webroot(&self, name: Option<&CertName>) -> Option<Method> {
        self.webroots.iter().find(|webroot| webroot.name.as_ref() == name).map(|webroot| webroot.value.method())
    }
}

/// Something chosen for one name, or for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<T> {
    /// The name.
    pub name: Option<CertName>,
    /// What is chosen.
    pub value: T,
}

impl<T: FromStr<Err = String>> FromStr for Choice<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            // A path may hold one too.
            Some((name, value)) if !name.contains('/') => {
                let name = name.parse::<CertName>().map_err(|error| error.to_string())?;
                Ok(Self { name: Some(name), value: value.parse()? })
            }
            _ => Ok(Self { name: None, value: text.parse()? }),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}={}", self.value),
            None => self.value.fmt(f),
        }
    }
}

/// A folder that a web server shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webroot(PathBuf);

impl Webroot {
    fn method(&self) -> Method {
        Method::Webroot(self.0.clone())
    }
}

impl FromStr for Webroot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("give a folder".to_owned()) } else { Ok(Self(absolute(Path::new(text)))) }
    }
}

impl fmt::Display for Webroot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        challenges: ChallengeArgs,
    }

    fn methods(line: &str, has_provider: bool) -> Result<Methods, Failure> {
        let words = std::iter::once("acmite").chain(line.split_whitespace());
        Line::try_parse_from(words).expect(line).challenges.methods(has_provider)
    }

    fn name(text: &str) -> CertName {
        CertName::parse(text).expect("a name")
    }

    #[test]
    fn dns_comes_first_where_there_is_a_provider_and_one_name_can_go_its_own_way() {
        let found = methods("--standalone --challenge a.example=tls-alpn-01", true).expect("methods");
        assert_eq!(found.general, [Method::Dns01, Method::Standalone]);
        assert_eq!(found.by_name, [(name("a.example"), Method::TlsAlpn01)]);
        assert_eq!(methods("--tls-alpn", false).expect("methods").general, [Method::TlsAlpn01]);
    }

    #[test]
    fn every_name_has_its_webroot_and_the_rest_the_one_without_a_name() {
        let line =
            "--webroot /srv/a=b --webroot b.example=/srv/b --challenge c.example=http-01 --challenge b.example=http-01";
        let found = methods(line, true).expect("methods");
        let webroot = |path: &str| Method::Webroot(path.into());
        for (text, path) in [("b.example", "/srv/b"), ("c.example", "/srv/a=b")] {
            assert_eq!(found.of(&name(text)), Ok(&webroot(path)));
        }
        assert_eq!(found.of(&name("192.0.2.1")), Ok(&webroot("/srv/a=b")));
        assert!(methods("--webroot /a --webroot /b", false).is_err());
    }

    #[test]
    fn http_01_without_a_web_server_is_a_mistake() {
        assert!(methods("--challenge http-01", true).is_err());
        assert_eq!(methods("--challenge http-01 --standalone", true).expect("ok").general[0], Method::Standalone);
    }
}
