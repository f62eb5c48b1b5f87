//! certbot's folder, `/etc/letsencrypt`: accounts, live certificates, `renewal/NAME.conf`, `renewal-hooks`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::found::{Found, FoundAccount, FoundCertificate, FoundError, Left, Parts, entries, text};
use super::settings::{Wishes, by_methods};
use crate::acme::AccountKey;
use crate::name::CertName;
use crate::plugin::bundled;
use crate::store::HookKind;
use crate::store::renewal::{ChallengeRecord, Hooks};

/// Reads all of it.
pub fn read(folder: &Path, wishes: &Wishes) -> Result<Found, FoundError> {
    let mut found = Found::default();
    let accounts = folder.join("accounts");
    read_accounts(&accounts, &accounts, &mut found)?;
    for path in entries(&folder.join("renewal"))?.iter().filter(|path| path.extension().is_some_and(|e| e == "conf")) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match certificate(folder, &name, path, wishes) {
            Ok((certificate, left)) => {
                found.certificates.push(certificate);
                found.left.extend(left);
            }
            Err(why) => found.left.push(Left::new(format!("certificate {name}"), why)),
        }
    }
    for kind in HookKind::ALL {
        for path in entries(&folder.join("renewal-hooks").join(kind.to_string()))? {
            let executable = std::fs::metadata(&path).is_ok_and(|f| f.is_file() && f.permissions().mode() & 0o111 != 0);
            match executable {
                true => found.hooks.push((kind, path)),
                false => {
                    found.left.push(Left::new(path.display(), "it is not executable, so that certbot does not run it"))
                }
            }
        }
    }
    Ok(found)
}

/// The CA's directory is in the path, `acme-v02.api.letsencrypt.org/directory/ID`. Links lead to what is found anyhow.
fn read_accounts(root: &Path, folder: &Path, found: &mut Found) -> Result<(), FoundError> {
    for path in entries(folder)?.iter().filter(|path| path.is_dir() && !path.is_symlink()) {
        if !path.join("private_key.json").is_file() {
            read_accounts(root, path, found)?;
            continue;
        }
        let place = folder.strip_prefix(root).unwrap_or(folder).display();
        match account(path, &format!("https://{place}")) {
            Ok(account) => found.accounts.push(account),
            Err(why) => found.left.push(Left::new(path.display(), why)),
        }
    }
    Ok(())
}

fn account(folder: &Path, server: &str) -> Result<FoundAccount, String> {
    let json = |file: &str| {
        let path = folder.join(file);
        serde_json::from_str::<Value>(&text(&path)?).map_err(|_| format!("{} is damaged", path.display()))
    };
    let registration = json("regr.json")?;
    let url = registration["uri"].as_str().and_then(|url| Url::parse(url).ok());
    let contacts = registration["body"]["contact"].as_array().into_iter().flatten();
    Ok(FoundAccount {
        id: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        server: Url::parse(server).map_err(|_| format!("{server} is no URL"))?,
        url: url.ok_or("regr.json does not tell the account's URL")?,
        contacts: contacts.filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        key: AccountKey::from_jwk(&json("private_key.json")?).map_err(|error| error.to_string())?,
    })
}

fn certificate(
    folder: &Path,
    name: &str,
    path: &Path,
    wishes: &Wishes,
) -> Result<(FoundCertificate, Vec<Left>), String> {
    let settings = Settings::parse(&text(path)?);
    let live = folder.join("live").join(name);
    let parts = Parts::read(&live.join("cert.pem"), &live.join("chain.pem"), &live.join("privkey.pem"))?;
    let names = parts.leaf.names.iter().map(|name| name.parse::<CertName>().map_err(|error| error.to_string()));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let server = settings.text("server").ok_or("its renewal settings name no server")?;
    let server = Url::parse(server).map_err(|_| format!("{server} is no URL"))?;
    let Challenge { record, credentials } = settings.challenge(wishes)?;
    let mut renewal = wishes.renewal(names, server, record);
    renewal.key_type = settings.key_type();
    renewal.reuse_key = settings.is_true("reuse_key");
    renewal.preferred_chain = settings.text("preferred_chain").map(str::to_owned);
    renewal.profile = settings.text("required_profile").or(settings.text("preferred_profile")).map(str::to_owned);
    renewal.hooks = settings.hooks();
    let found = FoundCertificate {
        name: name.to_owned(),
        leaf_pem: parts.leaf_pem,
        chain_pem: parts.chain_pem,
        key_pem: parts.key_pem,
        renewal,
        account_id: settings.text("account").map(str::to_owned),
        credentials,
    };
    Ok((found, settings.left(name)))
}

struct Challenge {
    record: ChallengeRecord,
    credentials: Option<Zeroizing<String>>,
}

/// `[renewalparams]` of a renewal's file, and its `[[webroot_map]]`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Settings {
    values: BTreeMap<String, String>,
    webroots: BTreeMap<String, String>,
}

impl Settings {
    fn parse(text: &str) -> Self {
        let (mut settings, mut section) = (Self::default(), String::new());
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with('[') {
                section = line.trim_matches(['[', ']']).trim().to_owned();
            } else if let Some((key, value)) = line.split_once('=') {
                let (key, value) = (key.trim().to_owned(), unquoted(value).to_owned());
                match section.as_str() {
                    "renewalparams" => _ = settings.values.insert(key, value),
                    "webroot_map" => _ = settings.webroots.insert(key, value),
                    _ => {}
                }
            }
        }
        settings
    }

    /// ConfigObj writes `None` for what is not set.
    fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str).filter(|value| !value.is_empty() && *value != "None")
    }

    fn is_true(&self, key: &str) -> bool {
        self.text(key) == Some("True")
    }

    fn key_type(&self) -> String {
        match (self.text("key_type"), self.text("elliptic_curve"), self.text("rsa_key_size")) {
            (Some("ecdsa"), Some("secp384r1"), _) => "p384".to_owned(),
            (Some("ecdsa"), ..) => "p256".to_owned(),
            // Below certbot 2 RSA was what is made when nothing is said.
            (.., size) => format!("rsa{}", size.unwrap_or("2048")),
        }
    }

    fn hooks(&self) -> Hooks {
        let shell = |key| self.text(key).map(|line| format!("shell: {line}")).into_iter().collect();
        Hooks { pre: shell("pre_hook"), deploy: shell("renew_hook"), post: shell("post_hook") }
    }

    fn challenge(&self, wishes: &Wishes) -> Result<Challenge, String> {
        let authenticator = self.text("authenticator").unwrap_or_default();
        let plain = |record| Ok(Challenge { record, credentials: None });
        match (authenticator, authenticator.strip_prefix("dns-"), &wishes.challenge) {
            ("standalone", ..) => {
                let port = self.text("http01_port").and_then(|port| port.parse().ok());
                plain(ChallengeRecord { http_port: port.unwrap_or(80), ..by_methods(vec!["standalone".to_owned()]) })
            }
            ("webroot", ..) => plain(self.webroot()?),
            (_, Some(plugin), wish) => self.provider(plugin).or_else(|why| match wish {
                Some(record) => plain(record.clone()),
                None => Err(why),
            }),
            (_, None, Some(record)) => plain(record.clone()),
            (_, None, None) => Err(replacement(authenticator)),
        }
    }

    fn webroot(&self) -> Result<ChallengeRecord, String> {
        let general =
            self.text("webroot_path").and_then(|list| list.split(',').map(unquoted).find(|one| !one.is_empty()));
        let method = |path: &str| format!("webroot:{path}");
        let mut record = by_methods(general.map(method).into_iter().collect());
        for (name, path) in &self.webroots {
            let name = name.parse::<CertName>().map_err(|error| error.to_string())?;
            record.by_name.insert(name, method(path));
        }
        Ok(record)
    }

    fn provider(&self, plugin: &str) -> Result<Challenge, String> {
        if bundled::component(plugin).is_none() {
            return Err(format!(
                "acmite has no provider for certbot's dns-{plugin}; `acmite plugin list` shows those there are, import \
                 again with --dns-plugin"
            ));
        }
        let mut record = by_methods(vec!["dns-01".to_owned()]);
        record.dns.plugins = vec![plugin.to_owned()];
        let file = self.text(&format!("dns_{plugin}_credentials")).map(PathBuf::from);
        let credentials = match (plugin, &file) {
            ("rfc2136", Some(file)) => Some(rfc2136(&text(file)?)?),
            _ => None,
        };
        record.dns.credentials = file.filter(|_| credentials.is_none());
        Ok(Challenge { record, credentials })
    }

    fn left(&self, name: &str) -> Vec<Left> {
        let left = |key: &str, why: &str| Left::new(format!("{key} of {name}"), why);
        let mut all = Vec::new();
        if let Some(installer) = self.text("installer") {
            let why = format!("acmite changes no web server's settings; lead {installer}'s to acmite's live folder");
            all.push(left("installer", &why));
        }
        for hook in ["manual_auth_hook", "manual_cleanup_hook"] {
            if let Some(command) = self.text(hook) {
                let why = format!("acmite does not run `{command}`; it proves the names as was said of them");
                all.push(left(hook, &why));
            }
        }
        if self.text("autorenew") == Some("False") {
            all.push(left("autorenew", "acmite renews all that it keeps; `acmite delete` what is not to be renewed"));
        }
        if self.is_true("must_staple") {
            all.push(left("must_staple", "acmite does not ask for it, and CAs have ended OCSP"));
        }
        if self.is_true("allow_subset_of_names") {
            all.push(left("allow_subset_of_names", "acmite renews for all names or not at all"));
        }
        all
    }
}

/// What to use for an authenticator that acmite does not have.
fn replacement(authenticator: &str) -> String {
    let instead = match authenticator {
        "manual" => {
            "by hooks of your own (manual), which acmite does not run; import again with --dns-plugin and the provider \
             that they change, or with --webroot"
        }
        "nginx" | "apache" => {
            "by changing the settings of the web server while it runs, which acmite does not; import again with --webroot \
             and the folder that the server shows, with --dns-plugin, or with --standalone and hooks that stop it"
        }
        _ => "in a way that acmite does not have; import again with --webroot, --standalone or --dns-plugin",
    };
    format!("certbot's {authenticator:?} proves its names {instead}")
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value)
}

/// certbot keeps server and port apart and writes algorithms in capitals; HMAC-MD5 is what it takes if none is said.
fn rfc2136(ini: &str) -> Result<Zeroizing<String>, String> {
    let lines = ini.lines().filter_map(|line| line.trim().split_once('='));
    let values: BTreeMap<&str, &str> = lines.map(|(key, value)| (key.trim(), unquoted(value))).collect();
    let value = |key: &str| values.get(format!("dns_rfc2136_{key}").as_str()).copied();
    let needed = |key: &str| value(key).ok_or_else(|| format!("certbot's credentials lack dns_rfc2136_{key}"));
    let server = needed("server")?;
    let server = if server.contains(':') { format!("[{server}]") } else { server.to_owned() };
    let algorithm = value("algorithm").unwrap_or("HMAC-MD5").to_lowercase();
    if algorithm == "hmac-md5" {
        return Err(
            "certbot signs its updates with HMAC-MD5, which acmite does not; change the key to HMAC-SHA256".to_owned()
        );
    }
    let fields = [
        ("server", format!("{server}:{}", value("port").unwrap_or("53"))),
        ("tsig_key_name", needed("name")?.to_owned()),
        ("tsig_secret", needed("secret")?.to_owned()),
        ("tsig_algorithm", algorithm),
    ];
    let written = fields.map(|(key, text)| format!("{key} = {}\n", toml::Value::String(text)));
    Ok(Zeroizing::new(written.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_configobj_writes_them() {
        let text = "version = 2.1.0\ncert = /x/cert.pem\n# Options\n[renewalparams]\naccount = ab\n\
                    preferred_chain = \"A, B\"\npre_hook = None\nrenew_hook = systemctl reload nginx\nkey_type = ecdsa\n\
                    webroot_path = /srv/a,\n[[webroot_map]]\na.example = /srv/a\n";
        let settings = Settings::parse(text);
        assert_eq!((settings.text("account"), settings.text("preferred_chain")), (Some("ab"), Some("A, B")));
        assert_eq!((settings.text("cert"), settings.key_type().as_str()), (None, "p256"));
        let hooks = Hooks { deploy: vec!["shell: systemctl reload nginx".to_owned()], ..Hooks::default() };
        assert_eq!(settings.hooks(), hooks);
        let record = settings.webroot().expect("a record");
        assert_eq!(record.methods, ["webroot:/srv/a"]);
        assert_eq!(record.by_name.values().collect::<Vec<_>>(), ["webroot:/srv/a"]);
    }

    #[test]
    fn the_key_is_rsa_where_an_old_certbot_says_nothing() {
        assert_eq!(Settings::default().key_type(), "rsa2048");
        assert_eq!(Settings::parse("[renewalparams]\nrsa_key_size = 4096\n").key_type(), "rsa4096");
    }

    #[test]
    fn for_what_acmite_does_not_have_it_is_said_what_replaces_it_and_taken_what_is_given() {
        let wishes = |challenge| Wishes {
            challenge,
            server: Url::parse("https://ca.example/dir").expect("a URL"),
            ca_bundle: None,
        };
        for (authenticator, instead) in [("manual", "--dns-plugin"), ("nginx", "--webroot"), ("apache", "--standalone")]
        {
            let text = format!(
                "[renewalparams]\nauthenticator = {authenticator}\nmanual_auth_hook = /x/auth\nmanual_cleanup_hook = None\n"
            );
            let settings = Settings::parse(&text);
            let why = settings.challenge(&wishes(None)).err().expect("it is not taken");
            assert!(why.contains(authenticator) && why.contains(instead), "{why}");
            let said = Some(by_methods(vec!["standalone".to_owned()]));
            assert_eq!(settings.challenge(&wishes(said)).expect("taken").record.methods, ["standalone"]);
            let left = settings.left("a.example");
            assert_eq!(left.iter().map(|one| one.what.as_str()).collect::<Vec<_>>(), ["manual_auth_hook of a.example"]);
        }
    }

    #[test]
    fn credentials_for_updates_are_written_as_the_provider_reads_them() {
        let ini = "dns_rfc2136_server = ::1\ndns_rfc2136_port = 5353\ndns_rfc2136_name = key.\n\
                   dns_rfc2136_secret = \"c2VjcmV0\"\ndns_rfc2136_algorithm = HMAC-SHA512\n";
        let expected = "server = \"[::1]:5353\"\ntsig_key_name = \"key.\"\ntsig_secret = \"c2VjcmV0\"\n\
                        tsig_algorithm = \"hmac-sha512\"\n";
        assert_eq!(rfc2136(ini).expect("written").as_str(), expected);
        assert!(rfc2136(&ini.replace("SHA512", "MD5")).is_err());
    }
}
