//! Files and messages in formats of their own.

use std::sync::OnceLock;

use acmite::config::credentials::{CredentialSources, resolve};
use acmite::pki::key::CertificateKey;
use acmite::pki::leaf::Leaf;
use acmite::plugin::cache::CompiledCache;
use acmite::plugin::dns_update::DnsUpdater;
use acmite::plugin::inspect::inspect;
use acmite::plugin::manifest::Manifest;

use crate::scratch;

/// A manifest: what is taken can be shown in words.
pub(crate) fn manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(manifest) = Manifest::parse(text) {
        let shown = manifest.permissions();
        assert!(!shown.lines().iter().any(|line| line.contains(['\n', '\r', '\u{1b}'])), "{text}");
    }
}

/// A component: read to its manifest and imports without compiling it.
pub(crate) fn component(data: &[u8]) {
    if let Ok(inspected) = inspect(data) {
        assert!(inspected.imports.iter().all(|import| import.starts_with("acmite:provider/")));
    }
}

/// A credentials file, for the fields of two providers: an error does not tell what the file holds of a secret.
pub(crate) fn credentials(data: &[u8]) {
    static FIELDS: OnceLock<[Manifest; 2]> = OnceLock::new();
    let manifests = FIELDS.get_or_init(|| {
        let texts =
            [include_str!("../../plugins/route53/plugin.toml"), include_str!("../../plugins/google/plugin.toml")];
        texts.map(|text| Manifest::parse(text).unwrap())
    });
    let file = Some(scratch::file("credentials.toml", data));
    for manifest in manifests {
        let sources =
            CredentialSources { file: file.clone(), plugin_id: manifest.id.clone(), ..CredentialSources::default() };
        if let Ok(resolved) = resolve(&manifest.fields, &sources) {
            let shown = format!("{resolved:?}");
            let is_shown = |value: &[u8]| {
                value.len() > 20
                    && shown.contains(std::str::from_utf8(value).unwrap_or("\0"))
                    && !resolved.settings.iter().any(|(_, setting)| setting.as_bytes() == value)
            };
            assert!(!resolved.secrets.iter().any(|(_, value)| is_shown(value)), "{shown}");
        }
    }
}

/// An answer to a DNS update: without the key nothing is believed that is not an error.
pub(crate) fn dns(data: &[u8]) {
    let updater = DnsUpdater::new("ns.example", "key", "hmac-sha256", b"c2VjcmV0LWtleQ==".to_vec().into()).unwrap();
    let sent = updater.probe_message(&"example.test".parse().unwrap()).unwrap();
    // With the message's own id, without which nothing more is looked at.
    let answer = [&sent.bytes()[..2], data.get(2..).unwrap_or_default()].concat();
    let error = updater.believed(&answer, sent).expect_err("an answer that is not signed was believed");
    assert!(!error.to_string().chars().any(char::is_control), "{error}");
}

/// A record of compiled code: none is loaded whose digest is not its own.
pub(crate) fn cache(data: &[u8]) {
    static KEPT: OnceLock<(CompiledCache, wasmtime::Engine, String)> = OnceLock::new();
    let (cache, engine, name) = KEPT.get_or_init(|| {
        let (folder, engine) = (scratch::folder().join("cache"), acmite::plugin::engine::new_engine().unwrap());
        let cache = CompiledCache::open(&folder).unwrap();
        cache.save(&engine, "1111", b"").unwrap();
        let record = std::fs::read_dir(folder).unwrap().flatten().next().unwrap().file_name();
        (cache, engine, format!("cache/{}", record.to_string_lossy()))
    });
    scratch::file(name, data);
    assert!(cache.load(engine, "1111").is_none());
}

/// A certificate or key in PEM.
pub(crate) fn pem(data: &[u8]) {
    let _ = Leaf::from_der(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Leaf::from_pem(text);
    if let Ok(key) = CertificateKey::from_pem(text) {
        let again = CertificateKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.public_key_info(), key.public_key_info());
    }
}

/// An account's folder of certbot or lego, and its key.
pub(crate) fn import(data: &[u8]) {
    use acmite::acme::jws::AccountKey;
    use acmite::store::foreign_account::{ForeignKey, read_key};
    scratch::file("certbot/private_key.json", data);
    scratch::file("lego/keys/a.key", data);
    for folder in ["certbot", "lego"] {
        match read_key(&scratch::folder().join(folder)) {
            Ok(ForeignKey::Jwk(jwk)) => drop(AccountKey::from_jwk(&jwk)),
            Ok(ForeignKey::Pem(pem)) => drop(AccountKey::from_any_pem(&pem)),
            Err(_) => {}
        }
    }
}
