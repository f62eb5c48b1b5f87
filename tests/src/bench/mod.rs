//! acmite measured beside other clients and beside the floor, all against the same servers; `cargo xtask bench`.

pub mod bulk;
pub mod bulk_report;
pub mod clients;
pub mod document;
pub mod local;
pub mod measure;
pub mod mixed;
pub mod report;
pub mod sandbox;
pub mod servers;
