//! Proving names by http-01: from a web server of one's own, or by files in the folder of another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::event::Event;
use super::method::Method;
use super::proof::{AnswerError, ChoiceError, Chosen, answer};
use super::session::Session;
use crate::acme::AccountHandle;
use crate::secure_file::{FileLock, LockError};
use crate::serve::{ListenError, Server, TokenFile, WebrootError, serve_tokens};
use crate::store::StateDir;
use crate::store::journal::{HeldEntry, Journal, JournalError, Journalled};

/// Proves names from a web server of acmite's own.
pub(super) async fn prove_standalone(
    session: &Session<'_>,
    account: &AccountHandle,
    port: u16,
    proofs: &[Chosen<'_>],
) -> Result<(), Http01Error> {
    let answers = answers(account, proofs)?.into_iter().map(|(token, _, answer)| (token, answer)).collect();
    let _lock = tokio::select! {
        lock = lock_port(session, port) => lock?,
        () = session.cancel.requested() => return Err(Http01Error::Interrupted),
    };
    let server = serve_tokens(port, answers)?;
    session.tell(Event::serving(&server, proofs.len()));
    prove_seen(session, account, proofs).await
}

/// Proves names by files below the folders that their web servers show.
pub(super) async fn prove_webroot(
    session: &Session<'_>,
    account: &AccountHandle,
    certificate: &str,
    proofs: &[Chosen<'_>],
) -> Result<(), Http01Error> {
    let answers = answers(account, proofs)?;
    let planned = answers.iter().map(|(token, root, _)| TokenFile::plan(root, token));
    let entry = TokenFiles { certificate: certificate.to_owned(), files: planned.collect::<Result<_, _>>()? };
    let entry = Journal::new(session.state).begin(entry)?;
    let outcome = async {
        for (file, (_, _, answer)) in entry.entry().files.iter().zip(&answers) {
            file.write(answer)?;
            session.tell(Event::TokenWritten { path: file.path() });
        }
        prove_seen(session, account, proofs).await
    }
    .await;
    // Also after a failure and after Ctrl-C; what cannot be removed now stays in the journal.
    remove_files(session, entry);
    outcome
}

async fn prove_seen(session: &Session<'_>, account: &AccountHandle, proofs: &[Chosen<'_>]) -> Result<(), Http01Error> {
    tokio::select! {
        answered = answer(session, account, None, proofs) => Ok(answered?),
        () = session.cancel.requested() => Err(Http01Error::Interrupted),
    }
}

/// Token, root and key authorization of each.
fn answers<'a>(account: &AccountHandle, proofs: &[Chosen<'a>]) -> Result<Vec<(String, &'a Path, String)>, ChoiceError> {
    let one = |proof: &Chosen<'a>| {
        let token = proof.token()?;
        let root = match proof.method {
            Method::Webroot(root) => root.as_path(),
            _ => Path::new(""),
        };
        Ok((token.as_str().to_owned(), root, account.key_authorization(token)))
    };
    proofs.iter().map(one).collect()
}

/// Removes what an entry of the journal names, and the entry with it; if that fails, the entry stays for the next run.
/// Gives whether it was removed.
pub(super) fn remove_files(session: &Session<'_>, entry: HeldEntry<TokenFiles>) -> bool {
    for file in &entry.entry().files {
        match file.remove() {
            // Without its root there is nothing left of it.
            Ok(()) | Err(WebrootError::Missing { .. }) => {}
            Err(error) => {
                session.tell(Event::TokenNotRemoved { path: file.path(), error: error.to_string() });
                return false;
            }
        }
    }
    match entry.finish() {
        Ok(()) => true,
        Err(error) => {
            session.tell(Event::Warning { message: error.to_string() });
            false
        }
    }
}

/// The files of one run, as they must be known to be removed by another process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenFiles {
    /// The certificate they are for.
    pub certificate: String,
    /// The files.
    pub files: Vec<TokenFile>,
}

impl Journalled for TokenFiles {
    fn folder(state: &StateDir) -> PathBuf {
        state.webroot_journal_dir()
    }
}

impl Event {
    pub(super) fn serving(server: &Server, names: usize) -> Self {
        let ports: BTreeMap<u16, ()> = server.addresses().iter().map(|address| (address.port(), ())).collect();
        Self::Serving { port: ports.keys().next().copied().unwrap_or_default(), names }
    }
}

/// Runs that share a state folder take turns on a port.
pub(super) async fn lock_port(session: &Session<'_>, port: u16) -> Result<FileLock, LockError> {
    FileLock::acquire(&session.state.port_lock(port), Instant::now() + PORT_TIME).await
}

/// Others have it while the CA looks.
const PORT_TIME: Duration = Duration::from_secs(180);

/// Why names were not proven by http-01.
#[derive(Debug, thiserror::Error)]
pub enum Http01Error {
    /// A challenge lacks its token.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// Another run has the port.
    #[error("another run of acmite has the port")]
    Lock(#[from] LockError),
    /// The port could not be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A file could not be put into a webroot.
    #[error(transparent)]
    Webroot(#[from] WebrootError),
    /// The journal cannot be written, so that no file may be.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The CA did not see them.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
}
