//! What users write: `acmite.toml`, and values out of files and the environment.

pub mod aws_chain;

pub mod aws_profile;

pub mod azure;

pub mod azure_zones;

pub mod credentials;

pub mod environment;

pub mod file;

pub mod google;

pub mod supplier;

pub mod text;

pub mod moving;

pub use text::{ConfigError, ConfigText};
