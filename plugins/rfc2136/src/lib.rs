//! DNS UPDATE (RFC 2136), signed by the host with TSIG (RFC 8945).
//!
//! The key must be allowed to update TXT records in the zone. Adding a value that is there and deleting one that is
//! absent change nothing (RFC 2136 sections 3.4.2.2 and 3.4.2.4), so the zone need not be read.

use acmite_sdk::dns_update::{UpdateError, apply, probe};
use acmite_sdk::{Context, Error, ErrorKind, Provider, Txt, error};

struct Rfc2136;

impl Provider for Rfc2136 {
    fn present(context: &Context, records: &[Txt]) -> Result<Vec<u8>, Error> {
        apply(records, &[], context.ttl).map_err(told)?;
        Ok(Vec::new())
    }

    fn cleanup(context: &Context, records: &[Txt], _state: &[u8]) -> Result<(), Error> {
        apply(&[], records, context.ttl).map_err(told)
    }

    fn check(context: &Context) -> Result<(), Error> {
        match probe().map_err(told)? {
            true => Ok(()),
            false => {
                Err(error(ErrorKind::ZoneNotFound, format!("the server is not authoritative for {}", context.zone)))
            }
        }
    }
}

fn told(fault: UpdateError) -> Error {
    match fault {
        UpdateError::Refused(text) => error(ErrorKind::Misconfigured, text),
        UpdateError::Unsent(text) | UpdateError::Unanswered(text) => error(ErrorKind::Transient, text),
        UpdateError::Rcode(rcode) => {
            let message = format!("the server answered {}: {}", rcode.name, rcode.message);
            Error { code: rcode.name, ..error(kind_of(rcode.code), message) }
        }
    }
}

/// IANA's RCODEs: 2 SERVFAIL, 5 REFUSED, 9 NOTAUTH, 10 NOTZONE, 16 to 22 TSIG's.
fn kind_of(rcode: u16) -> ErrorKind {
    match rcode {
        2 => ErrorKind::Transient,
        5 => ErrorKind::Forbidden,
        9 | 10 => ErrorKind::ZoneNotFound,
        16 | 17 | 22 => ErrorKind::Denied,
        18 => ErrorKind::Misconfigured,
        _ => ErrorKind::Upstream,
    }
}

acmite_sdk::export!(Rfc2136);

#[cfg(test)]
mod tests {
    use acmite_sdk::dns_update::Rcode;

    use super::*;

    #[test]
    fn what_the_server_answers_tells_the_kind_of_error() {
        for (code, kind) in [(5, ErrorKind::Forbidden), (9, ErrorKind::ZoneNotFound), (16, ErrorKind::Denied)] {
            let rcode = Rcode { code, name: "NAME".into(), message: "what to do".into() };
            let told = told(UpdateError::Rcode(rcode));
            assert_eq!((told.kind, told.code.as_str()), (kind, "NAME"));
            assert!(told.message.contains("what to do"));
        }
    }
}
