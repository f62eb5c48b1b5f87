//! `acmite.toml` as it is written; what it means is decided where it is checked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::Value;

/// Certificates as they are to be, and what they are made with.
///
/// A path that is not absolute begins at the folder of this file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// Folder of everything acmite keeps; as --state-dir.
    pub state_dir: Option<PathBuf>,
    /// How many certificates to get at once, 1 to 64; as --at-once.
    pub at_once: Option<u8>,
    /// File that the log is appended to, whatever -v and -q say; it is rotated when it has grown; as --log-file.
    pub log_file: Option<PathBuf>,
    /// CAs and the accounts there, by a name of your choice.
    pub ca: BTreeMap<String, RawCa>,
    /// Instances of providers, by a name of your choice.
    pub provider: BTreeMap<String, RawProvider>,
    /// What holds for every certificate that says nothing else.
    pub defaults: RawDefaults,
    /// Commands for every certificate, after its own.
    pub hooks: RawHooks,
    /// Certificates, by their names in the state folder.
    pub certificate: BTreeMap<String, RawCertificate>,
}

/// A CA and the account there.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawCa {
    /// Its directory's URL, or letsencrypt and the like; left out, the name of this table; as --server.
    pub directory: Option<String>,
    /// PEM file of roots to trust besides the system's; as --ca-bundle.
    pub ca_bundle: Option<PathBuf>,
    /// E-mail addresses that the CA may write to; as --email.
    pub contact: Vec<String>,
    /// Whether you agree to the CA's terms of service; as --agree-tos.
    pub agree_tos: bool,
    /// Which of several accounts at the CA; as --account.
    pub account: Option<String>,
    /// The external account binding that some CAs ask for.
    pub eab: Option<RawEab>,
}

/// An external account binding, from the CA's site.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawEab {
    /// Its key id; as --eab-kid.
    pub kid: String,
    /// File of its MAC key, base64url, the owner's alone; as --eab-hmac-key-file.
    pub hmac_key_file: PathBuf,
}

/// An instance of a provider.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawProvider {
    /// ID, ID:INSTANCE or PATH.wasm; as --dns-plugin.
    pub plugin: String,
    /// File of its settings and secrets, the owner's alone; as --credentials.
    pub credentials: Option<PathBuf>,
    /// The zones it is for, each with those below it; left out, all that no other instance is for.
    #[serde(default)]
    pub domains: Vec<String>,
}

/// What holds for every certificate that says nothing else.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawDefaults {
    /// A name among the CAs of this file, or letsencrypt and the like.
    pub ca: Option<String>,
    /// How names are proven, the first that can prove a name.
    pub challenges: Option<Vec<String>>,
    /// Type of keys: p256, p384, rsa2048, rsa3072 or rsa4096; as --key-type.
    pub key_type: Option<String>,
    /// One of the profiles that the CA offers; as --profile.
    pub profile: Option<String>,
    /// How records are published and waited for.
    pub dns: RawDns,
}

/// A certificate.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCertificate {
    /// Names, wildcards and IP addresses; as --domain. With csr they may be left out.
    #[serde(default)]
    pub names: Vec<String>,
    /// File of a certificate request of your own, PEM or DER, whose key acmite never has; as --csr. When the request in it
    /// changes, the certificate is got anew.
    pub csr: Option<PathBuf>,
    /// A name among the CAs of this file, or letsencrypt and the like.
    pub ca: Option<String>,
    /// How names are proven, the first that can prove a name: dns-01, dns-account-01, dns-persist-01, standalone,
    /// webroot:FOLDER or tls-alpn-01; left out, dns-01; as --challenge.
    pub challenges: Option<Vec<String>>,
    /// How certain names are proven.
    #[serde(default)]
    pub challenge_by_name: BTreeMap<String, String>,
    /// The instance among the providers of this file for all names; left out, the one for each zone.
    pub provider: Option<String>,
    /// Type of the key; as --key-type.
    pub key_type: Option<String>,
    /// Whether renewals keep the key; as --reuse-key.
    #[serde(default)]
    pub reuse_key: bool,
    /// One of the profiles that the CA offers; as --profile.
    pub profile: Option<String>,
    /// Common name of an issuer in the chain to take; as --preferred-chain.
    pub preferred_chain: Option<String>,
    /// Port of the web server for standalone; as --http-port.
    pub http_port: Option<u16>,
    /// Port of the TLS server for tls-alpn-01; as --tls-port.
    pub tls_port: Option<u16>,
    /// How records are published and waited for.
    #[serde(default)]
    pub dns: RawDns,
    /// Commands around issuing and renewing, before those for every certificate.
    #[serde(default)]
    pub hooks: RawHooks,
}

/// How records are published and waited for.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawDns {
    /// Resolvers to ask instead of the system's; as --dns-resolver.
    pub resolvers: Option<Vec<String>>,
    /// The apex of the zone of every name, where DNS does not show it; as --dns-zone.
    pub zone: Option<String>,
    /// Who must show the records: all, resolver or none; as --propagation-check.
    pub propagation_check: Option<String>,
    /// How long to wait for them, as 90s or 5m; as --propagation-timeout.
    pub propagation_timeout: Option<String>,
    /// TTL of the records in seconds; as --dns-ttl.
    pub ttl: Option<u32>,
}

/// Commands: words run without a shell, `shell: COMMAND`, or a deployer (`reload:`, `copy:`, `bundle:`, `pkcs12:`).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawHooks {
    /// Before a certificate is got; as --pre-hook.
    pub pre: Vec<String>,
    /// When a new certificate was stored; as --deploy-hook.
    pub deploy: Vec<String>,
    /// At the end of a run, also after a failure; as --post-hook.
    pub post: Vec<String>,
}

/// The JSON schema of the file, without references.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<RawConfig>();
    schema.insert("title".to_owned(), "acmite.toml".into());
    schema.to_value()
}
