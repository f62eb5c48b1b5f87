//! How a command ended, for scripts.

use std::error::Error;
use std::fmt;

use crate::acme::{AcmeError, AuthorizationError};
use crate::causes::chain;
use crate::config::ConfigError;
use crate::config::credentials::CredentialsError;
use crate::dns::ResolverError;
use crate::flow::{
    AccountUseError, AnswerError, ChoiceError, ConnectError, Dns01Error, FinishError, Http01Error, IssueError,
    LeftoversError, MaterialError, MethodError, OnBehalfError, PersistError, PersistProofError, PlanError, ProofError,
    RenewError, RevokeError, TlsAlpn01Error, TrialError, TrialFault, ZoneFailure, ZoneFault,
};
use crate::plugin::loader::LoadError;
use crate::plugin::provider::{CallError, CallFault, ProviderError};
use crate::plugin::told::ErrorKind;
use crate::store::StateDirError;
use crate::store::account::AccountError;
use crate::store::foreign_account::ForeignAccountError;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed for a reason without a code of its own.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// A file, setting, plugin, port or webroot cannot be used.
    Configuration = 3,
    /// The provider does not accept the credential, or the credential may not do this.
    CredentialRefused = 4,
    /// The CA refused.
    CaRefused = 5,
    /// Name servers did not show the records in time.
    NotPropagated = 6,
    /// The provider failed otherwise.
    ProviderFailed = 7,
    /// A zone was not found, or DNS does not answer.
    Dns = 8,
    /// The CA cannot be reached, or answers as no ACME CA does.
    CaUnreachable = 9,
    /// The state folder or a file in it cannot be used.
    State = 10,
    /// Removing was asked for, and records are left behind. Who asked for a certificate and has it is told by a warning
    /// and ends well: what is left stands in the journal, and the next run removes it.
    LeftBehind = 11,
    /// The certificate is there, and a hook failed.
    HookFailed = 12,
    /// A plan was asked for, and something would change.
    WouldChange = 13,
    /// `acmite doctor` found something.
    Unhealthy = 14,
    /// Stopped by a signal.
    Interrupted = 130,
}

/// The table for `--help`.
pub const HELP: &str = "Exit codes:
  0   done
  1   failed for a reason that has no code of its own
  2   the command line makes no sense
  3   a file, setting, plugin, port or webroot cannot be used
  4   the provider does not accept the credential, or the credential may not do this
  5   the CA refused
  6   name servers did not show the records in time
  7   the provider failed otherwise
  8   a zone was not found, or DNS does not answer
  9   the CA cannot be reached, or answers as no ACME CA does
  10  the state folder or a file in it cannot be used
  11  `acmite cleanup`: records are left behind, the next run tries again (`issue`, `renew`: 0, warned)
  12  the certificate is there, and a hook failed; the next `acmite renew` runs it again
  13  `acmite apply --plan`: something would change
  14  `acmite doctor` found something that is wrong or will be
  130 stopped by a signal";

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed, as it is shown.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What could not be done and why.
    pub message: String,
    /// What to do next, where the message does not say it.
    pub remedy: Option<String>,
}

impl Failure {
    /// With a message that says what to do.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), remedy: None }
    }

    /// With the message of an error and its causes.
    pub fn of(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        Self::new(exit, chain(error))
    }

    /// With what it is about in front.
    pub fn about(self, what: &str) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }

    /// With what to do next.
    pub fn with(self, remedy: &str) -> Self {
        Self { remedy: Some(remedy.to_owned()), ..self }
    }
}

/// The failure that an error is, by its kind alone.
macro_rules! failures {
    ($($error:ty => $exit:expr;)*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::of($exit, &error)
            }
        })*
    };
}

failures! {
    StateDirError => Exit::State;
    AccountError => Exit::State;
    ForeignAccountError => Exit::Configuration;
    LeftoversError => Exit::State;
    MethodError => Exit::Usage;
    ResolverError => Exit::Dns;
    ConfigError => Exit::Configuration;
    CredentialsError => Exit::Configuration;
    LoadError => Exit::Configuration;
    ProviderError => Exit::Configuration;
}

impl From<AcmeError> for Failure {
    fn from(error: AcmeError) -> Self {
        Self::of(acme_exit(&error), &error).with(error.remedy())
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::of(call_exit(&error), &error)
    }
}

impl From<&RenewError> for Failure {
    fn from(error: &RenewError) -> Self {
        let failure = Self::of(renew_exit(error), error);
        match error.ca() {
            Some(said) => failure.with(said.remedy()),
            None => failure,
        }
    }
}

fn renew_exit(error: &RenewError) -> Exit {
    match error {
        RenewError::Standing(_) | RenewError::State(_) | RenewError::Lock(_) => Exit::State,
        RenewError::NotRemembered
        | RenewError::Renewal(_)
        | RenewError::Providers(_)
        | RenewError::Connect(ConnectError::Bundle { .. }) => Exit::Configuration,
        RenewError::Resolver(_) => Exit::Dns,
        RenewError::Connect(ConnectError::Ca(error)) => acme_exit(error),
        RenewError::Issue(error) => issue_exit(error),
        RenewError::Interrupted => Exit::Interrupted,
    }
}

impl From<RevokeError> for Failure {
    fn from(error: RevokeError) -> Self {
        let exit = match &error {
            RevokeError::Ca(error) => acme_exit(error),
            RevokeError::Account(error) => account_exit(error),
            RevokeError::NotThere { .. }
            | RevokeError::NoAccount { .. }
            | RevokeError::NotRemembered { .. }
            | RevokeError::KeyElsewhere { .. } => Exit::Usage,
            RevokeError::Standing(_) | RevokeError::Store(_) | RevokeError::State(_) | RevokeError::Key(_) => {
                Exit::State
            }
            RevokeError::Connect(ConnectError::Ca(error)) => acme_exit(error),
            RevokeError::Connect(ConnectError::Bundle { .. }) => Exit::Configuration,
        };
        let failure = Self::of(exit, &error);
        match &error {
            RevokeError::Ca(said) => failure.with(said.remedy()),
            _ => failure,
        }
    }
}

impl From<IssueError> for Failure {
    fn from(error: IssueError) -> Self {
        let exit = issue_exit(&error);
        let failure = Self::of(exit, &error);
        match error.ca() {
            Some(said) => failure.with(said.remedy()),
            None => failure,
        }
    }
}

impl From<PersistError> for Failure {
    fn from(error: PersistError) -> Self {
        let failure = Self::of(persist_exit(&error), &error);
        match &error {
            PersistError::Ca(source) => failure.with(source.remedy()),
            _ => failure,
        }
    }
}

impl From<TrialError> for Failure {
    fn from(error: TrialError) -> Self {
        let exit = match &error {
            TrialError::Plan(error) => plan_exit(error),
            TrialError::OtherZone { .. } => Exit::Dns,
            TrialError::NoRoom { .. } => Exit::Usage,
            TrialError::NoRandom => Exit::Failed,
            TrialError::Interrupted => Exit::Interrupted,
        };
        Self::of(exit, &error)
    }
}

impl From<&TrialFault> for Exit {
    fn from(fault: &TrialFault) -> Self {
        match fault {
            TrialFault::Call(error) => call_exit(error),
            TrialFault::Zone(fault) => fault_exit(fault),
            _ => Self::ProviderFailed,
        }
    }
}

impl From<OnBehalfError> for Failure {
    fn from(error: OnBehalfError) -> Self {
        let exit = match &error {
            OnBehalfError::Plan(error) => plan_exit(error),
            OnBehalfError::Journal(_) => Exit::State,
            OnBehalfError::TooManyValues { .. } => Exit::Usage,
            OnBehalfError::Zones { failures } => zones_exit(failures),
        };
        Self::of(exit, &error)
    }
}

impl From<AccountUseError> for Failure {
    fn from(error: AccountUseError) -> Self {
        let failure = Self::of(account_exit(&error), &error);
        match &error {
            AccountUseError::NotMade(source) => failure.with(source.remedy()),
            _ => failure,
        }
    }
}

fn issue_exit(error: &IssueError) -> Exit {
    match error {
        IssueError::Ca { source, .. } => acme_exit(source),
        IssueError::Account(error) => account_exit(error),
        IssueError::Proof(error) => proof_exit(error),
        IssueError::Finish(error) => finish_exit(error),
        IssueError::Interrupted { .. } => Exit::Interrupted,
    }
}

fn finish_exit(error: &FinishError) -> Exit {
    match error {
        FinishError::Ca { source, .. } => acme_exit(source),
        FinishError::Leaf(_) | FinishError::WrongCertificate { .. } => Exit::CaUnreachable,
        FinishError::Material(MaterialError::GivenUp) => Exit::Configuration,
        FinishError::Material(MaterialError::Store(_) | MaterialError::KeyDamaged) => Exit::State,
        FinishError::Material(MaterialError::Key(_) | MaterialError::KeyTask) | FinishError::Csr(_) => Exit::Failed,
        FinishError::Store(_) | FinishError::Renewal(_) | FinishError::State(_) => Exit::State,
    }
}

fn account_exit(error: &AccountUseError) -> Exit {
    match error {
        AccountUseError::NotMade(source)
        | AccountUseError::NotFound(source)
        | AccountUseError::KeyNotChanged(source)
        | AccountUseError::KeyChangeUnknown(source) => acme_exit(source),
        AccountUseError::TermsNotAgreed { .. } | AccountUseError::NoBinding | AccountUseError::NoAccount { .. } => {
            Exit::Usage
        }
        AccountUseError::AccountUrl { .. } => Exit::CaUnreachable,
        AccountUseError::Stored(_)
        | AccountUseError::Locked(_)
        | AccountUseError::NoAccountKey
        | AccountUseError::AccountKey(_) => Exit::State,
        AccountUseError::Occupied { .. } => Exit::Usage,
    }
}

fn proof_exit(error: &ProofError) -> Exit {
    match error {
        ProofError::Unread(source) => acme_exit(source),
        ProofError::Interrupted => Exit::Interrupted,
        ProofError::Choice(error) => choice_exit(error),
        ProofError::Dns01(error) => dns01_exit(error),
        ProofError::Persisted(PersistProofError::Answer(error)) => answer_exit(error),
        ProofError::Persisted(PersistProofError::Interrupted) => Exit::Interrupted,
        ProofError::Http01(error) => http01_exit(error),
        ProofError::TlsAlpn01(error) => tls_alpn01_exit(error),
        ProofError::Several { failures } => failures.first().map_or(Exit::Failed, proof_exit),
    }
}

fn choice_exit(error: &ChoiceError) -> Exit {
    match error {
        ChoiceError::Method(_) => Exit::Usage,
        ChoiceError::NotOffered { .. } => Exit::CaRefused,
        ChoiceError::NoToken { .. } | ChoiceError::NotOrdered { .. } => Exit::CaUnreachable,
    }
}

fn http01_exit(error: &Http01Error) -> Exit {
    match error {
        Http01Error::Choice(error) => choice_exit(error),
        Http01Error::Lock(_) | Http01Error::Journal(_) => Exit::State,
        Http01Error::Listen(_) | Http01Error::Webroot(_) => Exit::Configuration,
        Http01Error::Answer(error) => answer_exit(error),
        Http01Error::Interrupted => Exit::Interrupted,
    }
}

fn tls_alpn01_exit(error: &TlsAlpn01Error) -> Exit {
    match error {
        TlsAlpn01Error::Choice(error) => choice_exit(error),
        TlsAlpn01Error::Lock(_) => Exit::State,
        TlsAlpn01Error::Serve(_) => Exit::Configuration,
        TlsAlpn01Error::Certificate(_) => Exit::Failed,
        TlsAlpn01Error::Answer(error) => answer_exit(error),
        TlsAlpn01Error::Interrupted => Exit::Interrupted,
    }
}

fn answer_exit(error: &AnswerError) -> Exit {
    match error {
        AnswerError::Ca(error) => acme_exit(error),
        AnswerError::Refused { refusals } => refusals_exit(refusals),
    }
}

/// A refusal, if there is one; else why the CA gave no answer.
fn refusals_exit(refusals: &[AuthorizationError]) -> Exit {
    let exit = |refusal: &AuthorizationError| match refusal {
        AuthorizationError::NotProven { .. } => Exit::CaRefused,
        AuthorizationError::Undecided { .. } => Exit::CaUnreachable,
        AuthorizationError::Request { source, .. } => acme_exit(source),
    };
    let all: Vec<Exit> = refusals.iter().map(exit).collect();
    let refused = all.iter().find(|exit| **exit == Exit::CaRefused);
    refused.or(all.first()).copied().unwrap_or(Exit::CaRefused)
}

fn dns01_exit(error: &Dns01Error) -> Exit {
    match error {
        Dns01Error::Choice(error) => choice_exit(error),
        Dns01Error::Address { .. } => Exit::Usage,
        Dns01Error::Plan(error) => plan_exit(error),
        Dns01Error::Zones { failures } => zones_exit(failures),
    }
}

fn persist_exit(error: &PersistError) -> Exit {
    match error {
        PersistError::Ca(error) => acme_exit(error),
        PersistError::Choice(error) => choice_exit(error),
        PersistError::NoIssuer { .. } | PersistError::IssuerNotAName { .. } | PersistError::AccountElsewhere { .. } => {
            Exit::CaRefused
        }
        PersistError::Plan(error) => plan_exit(error),
        PersistError::Zones { failures } => zones_exit(failures),
    }
}

fn plan_exit(error: &PlanError) -> Exit {
    match error {
        PlanError::NoZone { .. } => Exit::Dns,
        PlanError::NoProvider { .. } => Exit::Configuration,
        PlanError::Interrupted => Exit::Interrupted,
    }
}

fn zones_exit(failures: &[ZoneFailure]) -> Exit {
    failures.first().map_or(Exit::Failed, |one| fault_exit(&one.fault))
}

fn fault_exit(fault: &ZoneFault) -> Exit {
    match fault {
        ZoneFault::Journal(_) | ZoneFault::Lock(_) => Exit::State,
        ZoneFault::Provider(error) => call_exit(error),
        ZoneFault::NotSettled { .. } | ZoneFault::Propagation(_) => Exit::NotPropagated,
        ZoneFault::Answer(error) => answer_exit(error),
        ZoneFault::Interrupted => Exit::Interrupted,
    }
}

fn call_exit(error: &CallError) -> Exit {
    match &error.fault {
        CallFault::Told(told) => match told.kind {
            ErrorKind::Denied | ErrorKind::Forbidden => Exit::CredentialRefused,
            ErrorKind::ZoneNotFound => Exit::Dns,
            ErrorKind::Misconfigured => Exit::Configuration,
            _ => Exit::ProviderFailed,
        },
        CallFault::Supply(_) => Exit::Configuration,
        _ => Exit::ProviderFailed,
    }
}

fn acme_exit(error: &AcmeError) -> Exit {
    match error {
        AcmeError::Refused { .. } | AcmeError::OrderInvalid { .. } | AcmeError::NotOffered { .. } => Exit::CaRefused,
        AcmeError::BadCaBundle | AcmeError::NoClient { .. } => Exit::Configuration,
        AcmeError::Key(_) => Exit::State,
        AcmeError::Unreachable { .. }
        | AcmeError::Untrusted { .. }
        | AcmeError::NotJson { .. }
        | AcmeError::Malformed { .. }
        | AcmeError::TooLarge { .. }
        | AcmeError::Astray { .. }
        | AcmeError::Deadline { .. } => Exit::CaUnreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_that_gave_no_answer_about_a_name_did_not_refuse() {
        let name = || crate::name::CertName::parse("a.example").expect("a name").base().clone();
        let malformed = || AcmeError::Malformed { url: "https://ca.example/authz".to_owned(), what: "it is broken" };
        let request = || AuthorizationError::Request { name: name(), source: malformed() };
        let problem = Box::new(serde_json::from_value(serde_json::json!({})).expect("a problem"));
        let refused = AuthorizationError::NotProven { name: name(), kind: None, problem };
        let exit = |refusals| answer_exit(&AnswerError::Refused { refusals });
        assert_eq!(exit(vec![request(), AuthorizationError::Undecided { name: name() }]), Exit::CaUnreachable);
        assert_eq!(exit(vec![request(), refused]), Exit::CaRefused);
    }

    #[test]
    fn the_help_names_every_code() {
        for exit in [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::Configuration,
            Exit::CredentialRefused,
            Exit::CaRefused,
            Exit::NotPropagated,
            Exit::ProviderFailed,
            Exit::Dns,
            Exit::CaUnreachable,
            Exit::State,
            Exit::LeftBehind,
            Exit::HookFailed,
            Exit::WouldChange,
            Exit::Interrupted,
        ] {
            let number = format!("  {:<3} ", exit as u8);
            assert!(HELP.contains(&number), "{exit:?}");
        }
    }
}
