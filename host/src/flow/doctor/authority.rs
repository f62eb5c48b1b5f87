//! Whether the CA can be reached and trusted, and what its clock says.

use std::path::Path;

use url::Url;

use super::condition::Condition;
use crate::acme::{AcmeClient, AcmeError};
use crate::causes::chain;
use crate::flow::clients::ConnectError;

/// Why a CA is not of use.
pub(super) fn unconnected(server: &Url, bundle: Option<&Path>, error: &ConnectError) -> Condition {
    let (server, why) = (server.clone(), chain(error));
    let ca_bundle = |path: &Path, why: String| Condition::CaBundle { path: path.to_owned(), why };
    match error {
        ConnectError::Bundle { path, source } => ca_bundle(path, source.to_string()),
        ConnectError::Ca(error) => match error.as_ref() {
            AcmeError::BadCaBundle => ca_bundle(bundle.unwrap_or(Path::new("")), why),
            AcmeError::Untrusted { .. } => Condition::CaUntrusted { server, why },
            AcmeError::Unreachable { .. } | AcmeError::Deadline { .. } | AcmeError::NoClient { .. } => {
                Condition::CaUnreachable { server, why }
            }
            _ => Condition::CaUnusable { server, why },
        },
    }
}

/// Whether its clock and this machine's agree.
pub(super) fn clock(server: &Url, client: &AcmeClient) -> Option<Condition> {
    let ahead = client.clock_ahead()?;
    (ahead.unsigned_abs() > CLOCK_TOLERANCE).then(|| Condition::ClockOff {
        server: server.clone(),
        seconds: ahead.unsigned_abs().as_secs(),
        behind: ahead.is_positive(),
    })
}

/// What the age of the answer and the header's whole seconds explain is far less.
const CLOCK_TOLERANCE: std::time::Duration = std::time::Duration::from_secs(60);
