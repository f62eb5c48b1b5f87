//! acmite: an ACME (RFC 8555) client whose DNS providers are sandboxed WebAssembly components.
//!
//! A module imports only from a layer with a smaller number; folders of equal number never see each other; inside a
//! folder a file sees only files to its left. `layers.rs` among the tests compares every `crate::` path with this table.
//!
//! ```text
//! 1 plugin/    field wire tree template manifest guard scrub secret bindings limits address dns_update told http call engine inspect cache loader provider
//! 0            name backoff secure_file
//! ```

pub mod backoff;
pub mod name;
pub mod secure_file;

pub mod plugin;
