//! The CAs of one run, each connected to once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use url::Url;

use crate::acme::{AcmeClient, AcmeError, HttpOptions};
use crate::secure_file::read_named;

/// Connections by directory and roots.
#[derive(Debug, Default)]
pub struct Clients {
    cells: Mutex<BTreeMap<Key, Arc<Cell>>>,
}

type Key = (String, Option<PathBuf>);
type Cell = OnceCell<Result<AcmeClient, ConnectError>>;

impl Clients {
    /// The CA whose directory is at `server`, reached with the roots of `ca_bundle` besides the system's. One that could
    /// not be reached is not tried again.
    pub async fn connect(&self, server: &Url, ca_bundle: Option<&Path>) -> Result<AcmeClient, ConnectError> {
        let key = (server.to_string(), ca_bundle.map(Path::to_owned));
        let cell = self.cells.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone();
        cell.get_or_init(|| connect(server, ca_bundle)).await.clone()
    }
}

async fn connect(server: &Url, ca_bundle: Option<&Path>) -> Result<AcmeClient, ConnectError> {
    let read = |path: &Path| {
        let unreadable = |source| ConnectError::Bundle { path: path.to_owned(), source: Arc::new(source) };
        read_named(path).map_err(unreadable)
    };
    let ca_bundle_pem = ca_bundle.map(read).transpose()?;
    let options = HttpOptions { ca_bundle_pem, ..HttpOptions::default() };
    AcmeClient::connect(server, options).await.map_err(|error| ConnectError::Ca(Arc::new(error)))
}

/// Why a CA is not connected to.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file of its roots.
    #[error("could not read the CA bundle {}; restore it, or name another with --ca-bundle", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// The CA.
    #[error("could not read the CA's directory")]
    Ca(#[source] Arc<AcmeError>),
}
