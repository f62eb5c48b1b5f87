//! acmite: an ACME (RFC 8555) client whose DNS providers are sandboxed WebAssembly components.
//!
//! A module imports only from a layer with a smaller number; folders of equal number never see each other; inside a
//! folder a file sees only files to its left. `tests/layers.rs` compares every `crate::` path with this table.
//!
//! ```text
//! 4 main.rs    parse argv, start tracing, call cli::run, return its code
//! 3 cli/       exit printer setup | issue cleanup plugin lab | mod (dispatch)
//! 2 flow/      event dns01 issue cleanup
//! 2 config/    credentials instance
//! 1 acme/      problem jws http directory account order authorization certificate client
//! 1 plugin/    wire field manifest tree template guard secret scrub bindings limits address http dns_update engine cache inspect loader provider
//! 1 dns/       message transport resolver zone propagation
//! 1 store/     layout journal account certificate zone_lock
//! 1 pki/       key csr leaf
//! 0            name backoff secure_file
//! ```

pub mod backoff;
pub mod name;
pub mod secure_file;

pub mod acme;
pub mod dns;
pub mod pki;
pub mod plugin;
pub mod store;

pub mod config;
pub mod flow;

pub mod cli;
