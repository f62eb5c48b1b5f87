//! lego's folder, `~/.lego`: `accounts/HOST/EMAIL`, `certificates/NAME.{crt,issuer.crt,key,json}`. How names were proven
//! it does not keep.

use std::path::Path;

use serde_json::Value;
use url::Url;

use super::found::{Found, FoundAccount, FoundCertificate, FoundError, Left, Parts, entries, text};
use super::settings::Wishes;
use crate::acme::AccountKey;
use crate::name::CertName;
use crate::store::foreign_account::{ForeignKey, read_key};

/// Reads what belongs to one CA.
pub fn read(folder: &Path, wishes: &Wishes) -> Result<Found, FoundError> {
    let mut found = Found::default();
    let place = host_of(&wishes.server);
    for path in entries(&folder.join("accounts"))? {
        if path.file_name().is_none_or(|name| *name != *place.replace(':', "_")) {
            found.left.push(Left::new(path.display(), "it is for another CA; import again with its --server"));
            continue;
        }
        for path in entries(&path)? {
            match account(&path, &wishes.server) {
                Ok(account) => found.accounts.push(account),
                Err(why) => found.left.push(Left::new(path.display(), why)),
            }
        }
    }
    for path in
        entries(&folder.join("certificates"))?.iter().filter(|path| path.extension().is_some_and(|e| e == "json"))
    {
        match certificate(path, &place, &found.accounts, wishes) {
            Ok(certificate) => found.certificates.push(certificate),
            Err(why) => found.left.push(Left::new(format!("certificate {}", stem(path)), why)),
        }
    }
    if !found.certificates.is_empty() {
        let why = "lego does not keep what --run-hook and --renew-hook named; give it as deploy hooks in acmite.toml, or as \
                   executable files in hooks/deploy.d of the state folder";
        found.left.push(Left::new("hooks", why));
    }
    Ok(found)
}

fn host_of(server: &Url) -> String {
    let host = server.host_str().unwrap_or_default();
    server.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn json(path: &Path) -> Result<Value, String> {
    serde_json::from_str(&text(path)?).map_err(|_| format!("{} is damaged", path.display()))
}

fn account(folder: &Path, server: &Url) -> Result<FoundAccount, String> {
    let facts = json(&folder.join("account.json"))?;
    let url = facts["registration"]["uri"].as_str().and_then(|url| Url::parse(url).ok());
    let contacts = facts["registration"]["body"]["contact"].as_array().into_iter().flatten();
    let key = match read_key(folder).map_err(|error| error.to_string())? {
        ForeignKey::Pem(pem) => AccountKey::from_any_pem(&pem),
        ForeignKey::Jwk(jwk) => AccountKey::from_jwk(&jwk),
    };
    Ok(FoundAccount {
        id: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        server: server.clone(),
        url: url.ok_or("account.json does not tell the account's URL")?,
        contacts: contacts.filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        key: key.map_err(|error| error.to_string())?,
    })
}

fn certificate(
    path: &Path,
    host: &str,
    accounts: &[FoundAccount],
    wishes: &Wishes,
) -> Result<FoundCertificate, String> {
    let facts = json(path)?;
    let url = facts["certUrl"].as_str().and_then(|url| Url::parse(url).ok());
    if url.is_some_and(|url| host_of(&url) != host) {
        return Err("it is of another CA; import again with its --server".to_owned());
    }
    let Some(challenge) = wishes.challenge.clone() else {
        return Err(
            "lego does not keep how its names are proven; import again with --dns-plugin, --webroot or --standalone"
                .to_owned(),
        );
    };
    let with = |extension: &str| path.with_file_name(format!("{}.{extension}", stem(path)));
    let parts = Parts::read(&with("crt"), &with("issuer.crt"), &with("key"))?;
    let names = parts.leaf.names.iter().map(|name| name.parse::<CertName>().map_err(|error| error.to_string()));
    let mut renewal = wishes.renewal(names.collect::<Result<_, _>>()?, wishes.server.clone(), challenge);
    renewal.key_type = parts.key_type.to_string();
    Ok(FoundCertificate {
        // `*.example.com` is in files named `_.example.com`.
        name: stem(path).trim_start_matches("_.").to_owned(),
        leaf_pem: parts.leaf_pem,
        chain_pem: parts.chain_pem,
        key_pem: parts.key_pem,
        renewal,
        account_id: accounts.first().map(|account| account.id.clone()),
        credentials: None,
    })
}
