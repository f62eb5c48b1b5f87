//! What would reach the user's terminal, log and disk.

use acmite_sdk::bindings::acmite::provider::{http, log};
use acmite_sdk::{Error, ErrorKind, error as plain};

use crate::Call;

/// Writes `arg` as a log line, then fails with it in every text of the error.
pub(crate) fn log(call: &Call) -> Result<Vec<u8>, Error> {
    log::write(log::Level::Warn, call.arg);
    Ok(Vec::new())
}

/// Writes a line of `arg` MiB.
pub(crate) fn log_giant(call: &Call) -> Result<Vec<u8>, Error> {
    let line = "x".repeat((call.number() as usize) << 20);
    for _ in 0..3 {
        log::write(log::Level::Warn, &line);
    }
    Ok(Vec::new())
}

/// Fails with `arg` in every text of the error.
pub(crate) fn error(call: &Call) -> Result<Vec<u8>, Error> {
    let arg = call.arg.to_owned();
    Err(Error { code: arg.clone(), hint: Some(arg.clone()), ..plain(ErrorKind::Other, arg) })
}

/// Fails with `arg` MiB in every text of the error.
pub(crate) fn error_giant(call: &Call) -> Result<Vec<u8>, Error> {
    let text = "x".repeat((call.number() as usize) << 20);
    Err(Error { code: text.clone(), hint: Some(text.clone()), ..plain(ErrorKind::Other, text) })
}

/// Returns `arg` bytes of state.
pub(crate) fn state_giant(call: &Call) -> Result<Vec<u8>, Error> {
    Ok(vec![7; call.number() as usize])
}

/// Asks for the endpoint `arg`, for what is logged of a refused request.
pub(crate) fn endpoint_name(call: &Call) -> Result<Vec<u8>, Error> {
    let endpoint = match call.arg.parse::<usize>() {
        Ok(mebibytes) => "x".repeat(mebibytes << 20),
        Err(_) => call.arg.to_owned(),
    };
    let (path, query, headers, inject) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let request = http::Request { endpoint, path, query, headers, body: None, inject };
    match http::send(&request) {
        Err(http::SendError::Refused(rule)) => Err(plain(ErrorKind::Unsupported, rule)),
        other => Err(plain(ErrorKind::Other, format!("{other:?}"))),
    }
}

/// Hands its state back, and `arg` when there is none.
pub(crate) fn pending(call: &Call) -> Result<Vec<u8>, Error> {
    if call.state.is_empty() {
        Ok(call.arg.as_bytes().to_vec())
    } else {
        Err(plain(ErrorKind::Other, format!("state {:?}", call.state)))
    }
}
