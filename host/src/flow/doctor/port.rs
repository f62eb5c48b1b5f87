//! Whether those who visit a name by its addresses meet what acmite serves there.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use data_encoding::HEXLOWER;
use futures_util::future::join_all;

use super::condition::Condition;
use super::visit;
use crate::causes::chain;
use crate::flow::http01::{TokenFiles, remove_files};
use crate::flow::session::Session;
use crate::name::Host;
use crate::pki::ValidationCertificate;
use crate::secure_file::{FileLock, LockError};
use crate::serve::{
    ListenError, PortHolder, Server, Shown, TlsServeError, TokenFile, WebrootError, serve_tokens,
    serve_validation_certificates,
};
use crate::store::journal::{HeldEntry, Journal, JournalError};

/// For names proven from a web server of acmite's own.
pub(super) async fn standalone(session: &Session<'_>, port: u16, hosts: &[Host]) -> Vec<Condition> {
    let (token, answer) = token();
    match serve(session, port, &token, &answer) {
        Ok(_served) => fetch_from_all(session, hosts, &token, &answer).await,
        Err(condition) => vec![*condition],
    }
}

/// The port is another run's again when both are dropped.
fn serve(session: &Session<'_>, port: u16, token: &str, answer: &str) -> Result<(FileLock, Server), Box<Condition>> {
    let lock = lock_port(session, port)?;
    let server = serve_tokens(port, BTreeMap::from([(token.to_owned(), answer.to_owned())]));
    Ok((lock, server.map_err(|error| Box::new(refused(&error)))?))
}

/// For names proven by files below the folder that a web server shows.
pub(super) async fn webroot(session: &Session<'_>, root: &Path, hosts: &[Host]) -> Vec<Condition> {
    let (token, answer) = token();
    let unusable = |why: String| vec![Condition::WebrootUnusable { path: root.to_owned(), why }];
    let entry = match written(session, root, &token, &answer) {
        Ok(entry) => entry,
        Err(error) => return unusable(chain(&error)),
    };
    let found = tokio::select! {
        found = fetch_from_all(session, hosts, &token, &answer) => found,
        () = session.cancel.requested() => Vec::new(),
    };
    remove_files(session, entry);
    found
}

fn written(session: &Session<'_>, root: &Path, token: &str, answer: &str) -> Result<HeldEntry<TokenFiles>, FileError> {
    let file = TokenFile::plan(root, token)?;
    let entry = TokenFiles { certificate: "doctor".to_owned(), files: vec![file.clone()] };
    let entry = Journal::new(session.state).begin(entry)?;
    match file.write(answer) {
        Ok(()) => Ok(entry),
        Err(error) => {
            remove_files(session, entry);
            Err(error.into())
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error(transparent)]
    Webroot(#[from] WebrootError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// For names proven by certificates in handshakes.
pub(super) async fn tls_alpn(session: &Session<'_>, port: u16, hosts: &[Host]) -> Vec<Condition> {
    let (_lock, _server, expected) = match show(session, port, hosts) {
        Ok(shown) => shown,
        Err(condition) => return vec![*condition],
    };
    let looks = expected.iter().map(|(host, certificate)| {
        at_all_addresses(session, host, async |address| visit::shake_hands(host, address, certificate).await)
    });
    join_all(looks).await.into_iter().flatten().collect()
}

/// As [`serve`]; gives also what is shown for each host.
fn show(session: &Session<'_>, port: u16, hosts: &[Host]) -> Result<(FileLock, Server, Expected), Box<Condition>> {
    let lock = lock_port(session, port)?;
    let unusable =
        |error: &(dyn std::error::Error + 'static)| Box::new(Condition::PortUnusable { port, why: chain(error) });
    let (mut shown, mut expected) = (BTreeMap::new(), Vec::new());
    for host in hosts {
        let made = ValidationCertificate::new(host, &[0; 32]).map_err(|error| unusable(&error))?;
        expected.push((host.clone(), made.certificate.clone()));
        shown.insert(host.server_name(), Shown { certificate: made.certificate, key: made.key });
    }
    let server = serve_validation_certificates(port, shown).map_err(|error| match error {
        TlsServeError::Listen(error) => Box::new(refused(&error)),
        TlsServeError::Tls(error) => unusable(&error),
    })?;
    Ok((lock, server, expected))
}

/// Hosts with their certificates, DER.
type Expected = Vec<(Host, Vec<u8>)>;

async fn fetch_from_all(session: &Session<'_>, hosts: &[Host], token: &str, answer: &str) -> Vec<Condition> {
    let fetches = hosts.iter().map(|host| {
        at_all_addresses(session, host, async move |address| visit::fetch(host, address, token, answer).await)
    });
    join_all(fetches).await.into_iter().flatten().collect()
}

async fn at_all_addresses(
    session: &Session<'_>,
    host: &Host,
    visit: impl AsyncFn(IpAddr) -> Option<Condition>,
) -> Vec<Condition> {
    match visit::addresses(session.dns, host).await {
        Ok(addresses) => {
            join_all(addresses.into_iter().map(|address| visit(address))).await.into_iter().flatten().collect()
        }
        Err(condition) => vec![condition],
    }
}

/// A name for a token and what is to be found under it.
fn token() -> (String, String) {
    let mut random = [0; 16];
    // Only others' guesses would be spoilt by what is random.
    aws_lc_rs::rand::fill(&mut random).unwrap_or_default();
    let token = format!("acmite-doctor-{}", HEXLOWER.encode(&random));
    let answer = format!("{token}.seen");
    (token, answer)
}

fn lock_port(session: &Session<'_>, port: u16) -> Result<FileLock, Box<Condition>> {
    let lock = FileLock::try_acquire(&session.state.port_lock(port));
    lock.map_err(|error| {
        Box::new(match error {
            LockError::Held { .. } => Condition::PortTaken { port, holder: Some("another run of acmite".to_owned()) },
            error => Condition::PortUnusable { port, why: chain(&error) },
        })
    })
}

fn refused(error: &ListenError) -> Condition {
    match error {
        ListenError::Taken { port, holder } => {
            Condition::PortTaken { port: *port, holder: holder.as_ref().map(PortHolder::to_string) }
        }
        ListenError::NotAllowed { port } => Condition::PortForbidden { port: *port },
        ListenError::NoNetwork => Condition::PortUnusable { port: 0, why: error.to_string() },
        ListenError::Refused { port, source } => Condition::PortUnusable { port: *port, why: source.to_string() },
    }
}
