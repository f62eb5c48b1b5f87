//! The session that all requests but the login are sent in.

use acmite_sdk::{Context, Error, ErrorKind, secret, setting};

use crate::api::{self, SecondFactor};

/// Does this in the run's session, and once more in a new one if that session has ended.
pub(crate) fn within<T>(context: &Context, work: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    if secret::credential("login.session").is_err() {
        begin(context)?;
        return work();
    }
    match work() {
        Err(error) if error.code == api::NOT_LOGGED_IN => {
            begin(context)?;
            work()
        }
        done => done,
    }
}

fn begin(context: &Context) -> Result<(), Error> {
    match api::login(setting(context, "user").unwrap_or_default())? {
        SecondFactor::None => Ok(()),
        SecondFactor::Code => api::unlock(secret::totp(key()?)?),
    }
}

fn key() -> Result<secret::Secret, Error> {
    secret::credential("shared_secret").map_err(|error| {
        let message = "the account has a second factor and shared_secret is not set";
        error.of_kind(ErrorKind::Misconfigured).with_message(message).with_hint(
            "set shared_secret to the key that INWX showed when it was switched on, or use a sub-account without it",
        )
    })
}
