//! Time, memory, stack, and host calls without end.

use std::hint::black_box;

use acmite_sdk::bindings::acmite::provider::{dns_update, http, log, secrets};
use acmite_sdk::{Error, ErrorKind, Part, Txt, error};

use crate::Call;
use crate::script::{self, told};

pub(crate) fn nothing(_call: &Call) -> Result<Vec<u8>, Error> {
    Ok(b"nothing".to_vec())
}

/// Counts to `arg`.
pub(crate) fn spin(call: &Call) -> Result<Vec<u8>, Error> {
    (0..call.number()).for_each(|turn| {
        black_box(turn);
    });
    Ok(Vec::new())
}

/// Fills 56 MiB `arg` times: one instruction each, within which nothing interrupts.
pub(crate) fn fill(call: &Call) -> Result<Vec<u8>, Error> {
    let mut memory = vec![0u8; 56 << 20];
    for turn in 0..call.number() {
        black_box(&mut memory).fill(turn as u8);
    }
    Ok(Vec::new())
}

/// Takes `arg` MiB, one at a time.
pub(crate) fn grow(call: &Call) -> Result<Vec<u8>, Error> {
    let taken: Vec<Vec<u8>> = (0..call.number()).map(|turn| vec![turn as u8; 1 << 20]).collect();
    black_box(&taken);
    Ok(Vec::new())
}

/// Calls itself `arg` times, a hundred bytes or more deep each.
pub(crate) fn recurse(call: &Call) -> Result<Vec<u8>, Error> {
    fn deeper(left: u64) -> u64 {
        let frame = black_box([left; 16]);
        if left == 0 { 0 } else { deeper(left - 1) + frame[3] }
    }
    black_box(deeper(call.number()));
    Ok(Vec::new())
}

pub(crate) fn panic(call: &Call) -> Result<Vec<u8>, Error> {
    panic!("{}", call.arg)
}

pub(crate) fn trap(_call: &Call) -> Result<Vec<u8>, Error> {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort()
}

/// Runs the script in `arg`, then crashes.
pub(crate) fn trap_after_create(call: &Call) -> Result<Vec<u8>, Error> {
    script::run(call)?;
    trap(call)
}

/// Writes `arg` log lines.
pub(crate) fn write_forever(call: &Call) -> Result<Vec<u8>, Error> {
    (0..call.number()).for_each(|turn| log::write(log::Level::Warn, &format!("flood {turn}")));
    Ok(Vec::new())
}

/// Digests 1 MiB `arg` times.
pub(crate) fn digest_forever(call: &Call) -> Result<Vec<u8>, Error> {
    let data = [Part::Bytes(vec![7; 1 << 20])];
    for _ in 0..call.number() {
        secrets::digest(secrets::Hash::Md5, &data).map_err(|fault| told(&format!("{fault:?}")))?;
    }
    Ok(Vec::new())
}

/// Joins secrets of 64 KiB, `arg` times, and keeps them all.
pub(crate) fn hold_secrets(call: &Call) -> Result<Vec<u8>, Error> {
    let data = [Part::Bytes(vec![7; 1 << 16])];
    for _ in 0..call.number() {
        secrets::encode(secrets::Encoding::None, &data).map_err(|fault| told(&format!("{fault:?}")))?;
    }
    Ok(Vec::new())
}

fn zones() -> http::Request {
    let (path, query, headers, inject) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    http::Request { endpoint: "zones".into(), path, query, headers, body: None, inject }
}

/// Sends `arg` requests, one after another, until one is refused.
pub(crate) fn send_forever(call: &Call) -> Result<Vec<u8>, Error> {
    for _ in 0..call.number() {
        if let Err(http::SendError::Refused(rule)) = http::send(&zones()) {
            return Err(told(&rule));
        }
    }
    Ok(Vec::new())
}

/// Sends `arg` requests in one batch; tells what the last was answered.
pub(crate) fn send_many_at_once(call: &Call) -> Result<Vec<u8>, Error> {
    let batch: Vec<_> = (0..call.number()).map(|_| zones()).collect();
    let replies = http::send_all(&batch);
    match replies.into_iter().find_map(Result::err) {
        Some(http::SendError::Refused(text) | http::SendError::Unanswered(text) | http::SendError::Unsent(text)) => {
            Err(told(&text))
        }
        None => Ok(Vec::new()),
    }
}

/// Sends one batch of `arg` requests, each with a header of 1 MiB: no address may be so long.
pub(crate) fn send_giant_batch(call: &Call) -> Result<Vec<u8>, Error> {
    let giant = "x".repeat(1 << 20);
    let headers = vec![acmite_sdk::Pair { name: "x-note".into(), value: giant }];
    let batch: Vec<_> = (0..call.number()).map(|_| http::Request { headers: headers.clone(), ..zones() }).collect();
    match http::send_all(&batch).into_iter().find_map(Result::err) {
        Some(http::SendError::Refused(text) | http::SendError::Unanswered(text) | http::SendError::Unsent(text)) => {
            Err(told(&text))
        }
        None => Ok(Vec::new()),
    }
}

/// Asks the name server `arg` times.
pub(crate) fn update_forever(call: &Call) -> Result<Vec<u8>, Error> {
    for _ in 0..call.number() {
        if let Err(dns_update::UpdateError::Refused(rule)) = dns_update::probe() {
            return Err(told(&rule));
        }
    }
    Ok(Vec::new())
}

/// Adds the one value `arg` times in one update.
pub(crate) fn update_repeated(call: &Call) -> Result<Vec<u8>, Error> {
    let ours = Txt { name: "_acme-challenge.example.test".into(), value: "ours".into() };
    let additions: Vec<Txt> = (0..call.number()).map(|_| ours.clone()).collect();
    dns_update::apply(&additions, &[], 60).map_err(|fault| match fault {
        dns_update::UpdateError::Refused(rule) => told(&rule),
        other => error(ErrorKind::Other, format!("{other:?}")),
    })?;
    Ok(Vec::new())
}
