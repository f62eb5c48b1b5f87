//! Errors as the host wants them told.

use crate::{Error, ErrorKind};

/// An error of this kind with one line of text.
pub fn error(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error { kind, code: String::new(), message: message.into(), status: None, retry_after: None, hint: None }
}

/// The kind of error that an HTTP status stands for (RFC 9110 section 15, RFC 6585 section 4).
pub fn kind_of(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Denied,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::ZoneNotFound,
        409 | 412 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        408 | 500..=599 => ErrorKind::Transient,
        _ => ErrorKind::Upstream,
    }
}

impl Error {
    /// Makes it of another kind.
    #[must_use]
    pub fn of_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Adds the API's own code.
    #[must_use]
    pub fn with_code(self, code: impl Into<String>) -> Self {
        Self { code: code.into(), ..self }
    }

    /// Puts another text in the place of the message.
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// Adds what the user should do; without it the host says what suits the kind.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_made_more_exact_step_by_step() {
        let told =
            error(kind_of(400), "create: no").of_kind(ErrorKind::Conflict).with_code("81053").with_hint("do that");
        assert_eq!((told.kind, told.code.as_str()), (ErrorKind::Conflict, "81053"));
        assert_eq!((told.message.as_str(), told.hint.as_deref()), ("create: no", Some("do that")));
        assert_eq!(told.with_message("other").message, "other");
    }
}
