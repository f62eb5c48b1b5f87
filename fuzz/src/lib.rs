//! Fuzz targets: each takes any bytes, and panics if something that must hold does not.
//!
//! `cargo xtask fuzz` runs them under libFuzzer; `tests/replay.rs` runs them over `corpus/` in every run of the suite.
#![expect(clippy::unwrap_used, reason = "a target may panic where something must hold")]

mod acme;
mod csr;
mod formats;
mod requests;
mod scratch;

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("manifest", formats::manifest),
    ("component", formats::component),
    ("credentials", formats::credentials),
    ("bodies", requests::bodies),
    ("requests", requests::requests),
    ("dns", formats::dns),
    ("cache", formats::cache),
    ("acme", acme::objects),
    ("pem", formats::pem),
    ("csr", csr::csr),
    ("import", formats::import),
];

/// The target of a name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}
