//! acme.sh's folder, `~/.acme.sh`: `ca/HOST/PATH/{account.key,ca.conf}`, `NAME/` or `NAME_ecc/` with
//! `NAME.{conf,cer,key}` and `ca.cer`.
//!
//! Its author documents the files nowhere but in their use, <https://github.com/acmesh-official/acme.sh/issues/1473>;
//! commands stand in base64 between marks, <https://github.com/acmesh-official/acme.sh/issues/2995> (both seen 2026).

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::BASE64;
use url::Url;

use super::found::{Found, FoundAccount, FoundCertificate, FoundError, Left, Parts, entries, text};
use super::settings::{Wishes, by_methods};
use crate::acme::AccountKey;
use crate::name::CertName;
use crate::store::renewal::{ChallengeRecord, Hooks};

/// Reads all of it.
pub fn read(folder: &Path, wishes: &Wishes) -> Result<Found, FoundError> {
    let mut found = Found::default();
    found.left.extend(secrets(folder));
    let authorities = folder.join("ca");
    read_accounts(&authorities, &authorities, &mut found)?;
    for path in entries(folder)?.iter().filter(|path| path.is_dir()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = name.strip_suffix("_ecc").unwrap_or(&name).to_owned();
        if !path.join(format!("{name}.conf")).is_file() {
            continue;
        }
        match certificate(path, &name, &found.accounts, wishes) {
            Ok((certificate, left)) => {
                found.certificates.push(certificate);
                found.left.extend(left);
            }
            Err(why) => found.left.push(Left::new(format!("certificate {name}"), why)),
        }
    }
    Ok(found)
}

/// What it keeps for providers, by name alone: their form is acme.sh's own.
fn secrets(folder: &Path) -> Option<Left> {
    let settings = Settings::parse(&text(&folder.join("account.conf")).ok()?);
    let kept: Vec<&str> = settings.0.keys().filter_map(|key| key.strip_prefix("SAVED_")).collect();
    let why = "they stay where they are; write those of a provider into a file of mode 0600 for --credentials, by the names \
               that `acmite plugin inspect` shows";
    (!kept.is_empty()).then(|| Left::new(format!("{} of account.conf", kept.join(", ")), why))
}

fn read_accounts(root: &Path, folder: &Path, found: &mut Found) -> Result<(), FoundError> {
    for path in entries(folder)?.iter().filter(|path| path.is_dir()) {
        if !path.join("account.key").is_file() {
            read_accounts(root, path, found)?;
            continue;
        }
        let place = path.strip_prefix(root).unwrap_or(path).display().to_string();
        match account(path, &place) {
            Ok(account) => found.accounts.push(account),
            Err(why) => found.left.push(Left::new(path.display(), why)),
        }
    }
    Ok(())
}

fn account(folder: &Path, place: &str) -> Result<FoundAccount, String> {
    let facts = Settings::parse(&text(&folder.join("ca.conf"))?);
    let url = facts.text("ACCOUNT_URL").and_then(|url| Url::parse(&url).ok());
    let key = AccountKey::from_any_pem(&text(&folder.join("account.key"))?);
    Ok(FoundAccount {
        id: place.to_owned(),
        server: Url::parse(&format!("https://{place}")).map_err(|_| format!("{place} is no CA's directory"))?,
        url: url.ok_or("ca.conf does not tell the account's URL; acme.sh writes it when the account is next used")?,
        contacts: facts.text("CA_EMAIL").map(|email| format!("mailto:{email}")).into_iter().collect(),
        key: key.map_err(|error| error.to_string())?,
    })
}

fn certificate(
    folder: &Path,
    name: &str,
    accounts: &[FoundAccount],
    wishes: &Wishes,
) -> Result<(FoundCertificate, Vec<Left>), String> {
    let settings = Settings::parse(&text(&folder.join(format!("{name}.conf")))?);
    let file = |extension: &str| folder.join(format!("{name}.{extension}"));
    let parts = Parts::read(&file("cer"), &folder.join("ca.cer"), &file("key"))?;
    let names = parts.leaf.names.iter().map(|name| name.parse::<CertName>().map_err(|error| error.to_string()));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let server = settings.text("Le_API").ok_or("its settings name no CA (Le_API)")?;
    let server = Url::parse(&server).map_err(|_| format!("{server} is no URL"))?;
    let account = accounts.iter().find(|account| account.server == server);
    let challenge = settings.challenge(wishes)?;
    let mut renewal = wishes.renewal(names, server.clone(), challenge);
    renewal.key_type = parts.key_type.to_string();
    renewal.preferred_chain = settings.text("Le_Preferred_Chain");
    renewal.hooks = settings.hooks();
    let found = FoundCertificate {
        name: name.trim_start_matches("*.").to_owned(),
        leaf_pem: parts.leaf_pem,
        chain_pem: parts.chain_pem,
        key_pem: parts.key_pem,
        renewal,
        account_id: account.map(|account| account.id.clone()),
        credentials: None,
    };
    Ok((found, settings.left(name)))
}

/// `KEY='VALUE'` lines.
struct Settings(BTreeMap<String, String>);

impl Settings {
    fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.trim().split_once('='));
        Self(pairs.map(|(key, value)| (key.to_owned(), value.trim_matches(['\'', '"']).to_owned())).collect())
    }

    fn text(&self, key: &str) -> Option<String> {
        let value = self.0.get(key).filter(|value| !value.is_empty() && *value != "no")?;
        let coded = value.strip_prefix(BASE64_START).and_then(|rest| rest.strip_suffix(BASE64_END));
        match coded {
            Some(coded) => String::from_utf8(BASE64.decode(coded.as_bytes()).ok()?).ok(),
            None => Some(value.clone()),
        }
    }

    /// Le_Webroot: `no` for standalone, a folder, `dns_NAME`; several by commas, one for each name.
    fn challenge(&self, wishes: &Wishes) -> Result<ChallengeRecord, String> {
        let ways = self.0.get("Le_Webroot").cloned().unwrap_or_default();
        let ways: Vec<&str> = ways.split(',').filter(|way| !way.is_empty()).collect();
        match (ways.as_slice(), &wishes.challenge) {
            (["no"], _) => Ok(by_methods(vec!["standalone".to_owned()])),
            ([folder], _) if folder.starts_with('/') => Ok(by_methods(vec![format!("webroot:{folder}")])),
            (_, Some(said)) => Ok(said.clone()),
            _ => {
                let provider = ways.first().and_then(|way| PROVIDERS.iter().find(|(hook, _)| hook == way));
                let plugin = provider.map(|(_, id)| format!(" {id}")).unwrap_or_default();
                Err(format!(
                    "acme.sh proves its names by {:?}, and keeps secrets in a form of its own; import again with \
                     --dns-plugin{plugin} and --credentials, or --webroot",
                    ways.join(",")
                ))
            }
        }
    }

    fn hooks(&self) -> Hooks {
        let shell = |key: &str| self.text(key).map(|line| format!("shell: {line}"));
        let deploy = ["Le_RenewHook", "Le_ReloadCmd"].into_iter().filter_map(shell).collect();
        Hooks {
            pre: shell("Le_PreHook").into_iter().collect(),
            deploy,
            post: shell("Le_PostHook").into_iter().collect(),
        }
    }

    fn left(&self, name: &str) -> Vec<Left> {
        let places = ["Le_RealCertPath", "Le_RealKeyPath", "Le_RealCACertPath", "Le_RealFullChainPath"];
        let why = "acmite does not copy there; lead what reads it to acmite's live folder, or add a deploy hook `copy: FOLDER`";
        let copies = places.into_iter().filter_map(|key| Some((key, self.text(key)?)));
        copies.map(|(key, path)| Left::new(format!("{key} of {name} ({path})"), why)).collect()
    }
}

/// What acme.sh calls the providers that acmite has: <https://github.com/acmesh-official/acme.sh/tree/master/dnsapi> (seen
/// 2026-11-28).
const PROVIDERS: [(&str, &str); 15] = [
    ("dns_aws", "route53"),
    ("dns_azure", "azure"),
    ("dns_cf", "cloudflare"),
    ("dns_dgon", "digitalocean"),
    ("dns_dp", "dnspod"),
    ("dns_duckdns", "duckdns"),
    ("dns_gcloud", "google"),
    ("dns_hetzner", "hetzner"),
    ("dns_inwx", "inwx"),
    ("dns_linode_v4", "linode"),
    ("dns_namecheap", "namecheap"),
    ("dns_nsupdate", "rfc2136"),
    ("dns_ovh", "ovh"),
    ("dns_pdns", "powerdns"),
    ("dns_porkbun", "porkbun"),
];

const BASE64_START: &str = "__ACME_BASE64__START_";
const BASE64_END: &str = "__ACME_BASE64__END_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_that_replaces_a_hook_is_one_that_comes_with_acmite_and_secrets_are_told_by_name_alone() {
        for (hook, id) in PROVIDERS {
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins").join(id);
            assert!(source.join("plugin.toml").is_file(), "{id}");
            let settings = Settings::parse(&format!("Le_Webroot='{hook}'\n"));
            let wishes = Wishes {
                challenge: None,
                server: Url::parse("https://ca.example/dir").expect("a URL"),
                ca_bundle: None,
            };
            let why = settings.challenge(&wishes).expect_err("it is not taken");
            assert!(why.contains(&format!("--dns-plugin {id} and")), "{why}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let conf = "ACCOUNT_EMAIL='a@a.example'\nSAVED_CF_Token='hush'\nSAVED_CF_Zone_ID='z'\n";
        std::fs::write(folder.path().join("account.conf"), conf).expect("written");
        let left = secrets(folder.path()).expect("told");
        assert_eq!(left.what, "CF_Token, CF_Zone_ID of account.conf");
        assert!(!left.why.contains("hush"));
    }

    #[test]
    fn commands_are_decoded_and_what_is_copied_elsewhere_is_told() {
        let text = "Le_Domain='a.example'\nLe_PreHook=''\nLe_ReloadCmd='__ACME_BASE64__START_ZWNobyBoaQ==__ACME_BASE64__END_'\n\
                    Le_RealKeyPath='/etc/x.key'\nLe_RealCertPath=''\n";
        let settings = Settings::parse(text);
        assert_eq!(settings.hooks(), Hooks { deploy: vec!["shell: echo hi".to_owned()], ..Hooks::default() });
        assert_eq!(settings.left("a.example").len(), 1);
    }
}
