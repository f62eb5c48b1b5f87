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
        if context.zone.is_empty() {
            return Ok(());
        }
        match probe() {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(error(ErrorKind::ZoneNotFound, format!("the server is not authoritative for {}", context.zone)))
            }
            Err(fault) => Err(told_of_question(fault)),
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

/// A server answers REFUSED to a question about a zone that it does not have.
fn told_of_question(fault: UpdateError) -> Error {
    match &fault {
        UpdateError::Rcode(rcode) if rcode.code == REFUSED => told(fault)
            .of_kind(ErrorKind::ZoneNotFound)
            .with_hint("check that this server is the zone's primary and lets this key ask"),
        _ => told(fault),
    }
}

const REFUSED: u16 = 5;

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
    use acmite_sdk::testing::{Recording, context, txt};

    use super::*;

    fn rcode(code: u16) -> UpdateError {
        UpdateError::Rcode(Rcode { code, name: "NAME".into(), message: "what to do".into() })
    }

    #[test]
    fn what_the_server_answers_tells_the_kind_of_error() {
        for (code, kind) in [(5, ErrorKind::Forbidden), (9, ErrorKind::ZoneNotFound), (16, ErrorKind::Denied)] {
            let told = told(rcode(code));
            assert_eq!((told.kind, told.code.as_str()), (kind, "NAME"));
            assert!(told.message.contains("what to do"));
        }
    }

    #[test]
    fn all_values_go_in_one_update() {
        let records = [txt("_acme-challenge.example.com", "apex"), txt("_acme-challenge.example.com", "wildcard")];
        let script = Recording::new().update(&records, &[], Ok(())).update(&[], &records, Ok(()));
        let ran = script.run(|| {
            let state = Rfc2136::present(&context("example.com", &[]), &records)?;
            Rfc2136::cleanup(&context("example.com", &[]), &records, &state)
        });
        ran.result.expect("published and removed");
    }

    #[test]
    fn a_question_that_is_refused_is_about_a_zone_the_server_lacks() {
        let check =
            |outcome| Recording::new().probe(outcome).run(|| Rfc2136::check(&context("example.com", &[]))).result;
        assert!(check(Ok(true)).is_ok());
        for outcome in [Ok(false), Err(rcode(5))] {
            assert_eq!(check(outcome).expect_err("an error").kind, ErrorKind::ZoneNotFound);
        }
        assert_eq!(check(Err(rcode(16))).expect_err("an error").kind, ErrorKind::Denied);
        assert!(Recording::new().run(|| Rfc2136::check(&context("", &[]))).result.is_ok());
    }
}
