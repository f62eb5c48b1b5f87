//! Checked values out of files and the environment.

pub mod credentials;
