//! acmite: an ACME (RFC 8555) client whose DNS providers are sandboxed WebAssembly components.
//!
//! A module imports only from a layer with a smaller number; folders of equal number never see each other; inside a
//! folder, and in layer 0, a file sees only files to its left. `layers.rs` among the tests compares every `crate::` path with this table.
//!
//! ```text
//! 3 cli/       exit printer usage setup providers challenges registration publishing hook_args csr described configured view logging timings issue renew_report renew apply_report apply run list show revoke delete timer persist account import cleanup hook doctor verify plugin lab completions man debug_bundle
//! 2 config/    environment aws_profile aws_chain azure azure_zones google supplier credentials file text moving
//! 2 flow/      cancel due event session retry method proof publish dns01 dns_persist01 http01 tls_alpn01 prove leftovers on_behalf trial rate_limit standing clients suggestions deployers pkcs12 hooks round account request material finish keep issue run plan attempt renew apply schedule revoke doctor
//! 1 acme/      problem pem place jws jwk pauses error http directory account order challenge authorization certificate ari client
//! 1 dns/       memo transport resolver answer zone walk cname poll propagation validation watch diagnose
//! 1 identity/  grant fetch sigv4 aws_role aws_metadata sts aws entra_certificate entra google
//! 1 pki/       key csr request leaf validation trust
//! 1 plugin/    field wire limits tree template manifest page guard scrub secret bindings address overrides dns_update told pace http supply call engine fuel compile reserved inspect bundled cache loader provider
//! 1 serve/     port_holder listener http tls webroot
//! 1 store/     layout journal account foreign_account certificate renewal renewal_state quiet zone_lock plugin_pins
//! 0            causes digest words name backoff secure_file tls
//! ```

pub mod backoff;
pub mod causes;
pub mod digest;
pub mod name;
pub mod secure_file;
pub mod tls;
pub mod words;

pub mod acme;
pub mod dns;
pub mod identity;
pub mod pki;
pub mod plugin;
pub mod serve;
pub mod store;

pub mod config;
pub mod flow;

pub mod cli;
