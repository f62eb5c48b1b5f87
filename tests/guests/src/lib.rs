//! A provider that attacks its host; the setting `attack` says which way, `arg` with what.

mod output;
mod resources;
mod script;
mod table;

use acmite_sdk::{Context, Error, ErrorKind, Provider, Settlement, Txt, error, setting};

/// What an attack is given and what it returns as state.
pub(crate) type Attack = fn(&Call) -> Result<Vec<u8>, Error>;

/// The running export with all it was given.
pub(crate) struct Call<'a> {
    pub(crate) context: &'a Context,
    pub(crate) arg: &'a str,
    pub(crate) state: &'a [u8],
}

impl Call<'_> {
    /// `arg` as a number.
    pub(crate) fn number(&self) -> u64 {
        self.arg.parse().unwrap_or_default()
    }
}

struct Hostile;

fn attack(context: &Context, state: &[u8]) -> Result<Vec<u8>, Error> {
    let name = setting(context, "attack").unwrap_or_default();
    let attack = table::ATTACKS.iter().find(|(known, _)| *known == name).map(|(_, attack)| attack);
    let attack = attack.ok_or_else(|| error(ErrorKind::Misconfigured, format!("no attack {name:?}")))?;
    attack(&Call { context, arg: setting(context, "arg").unwrap_or_default(), state })
}

impl Provider for Hostile {
    fn present(context: &Context, _records: &[Txt]) -> Result<Vec<u8>, Error> {
        attack(context, &[])
    }

    fn settled(context: &Context, _records: &[Txt], state: &[u8]) -> Result<Settlement, Error> {
        attack(context, state).map(|_| Settlement::Done)
    }

    fn cleanup(context: &Context, _records: &[Txt], state: &[u8]) -> Result<(), Error> {
        attack(context, state).map(|_| ())
    }

    fn check(context: &Context) -> Result<(), Error> {
        attack(context, &[]).map(|_| ())
    }
}

acmite_sdk::export!(Hostile);
