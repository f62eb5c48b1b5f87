//! The CA as ACME clients meet it: over HTTPS.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod accounts;
mod certificates;
mod client;
mod orders;
mod requests;

use acmite_lab::Lab;
use acmite_lab::ca::CaOptions;

/// Nothing slows the tests down.
fn options() -> CaOptions {
    CaOptions { retry_after: std::time::Duration::ZERO, ..CaOptions::default() }
}

async fn lab() -> Lab {
    lab_with(options()).await
}

async fn lab_with(options: CaOptions) -> Lab {
    Lab::builder().zone("example.test").nameservers(2).ca(options).start().await.expect("a lab")
}
