//! What acmite does, from names to a stored certificate; how it is shown is decided in `cli`.

mod cancel;

pub mod due;

mod event;

pub mod session;

pub mod retry;

pub mod method;

pub mod proof;

mod rounds;

pub mod publish;

pub mod dns01;

pub mod dns_persist01;

pub mod http01;

pub mod tls_alpn01;

pub mod prove;

pub mod leftovers;

pub mod on_behalf;

pub mod trial;

pub mod rate_limit;

pub mod standing;

pub mod clients;

mod suggestions;

pub mod deployers;

mod pkcs12;

pub mod hooks;

pub mod round;

pub mod account;

pub mod request;

mod material;

pub mod finish;

pub mod keep;

pub mod issue;

mod run;

mod plan;

mod attempt;

pub mod renew;

mod apply;

mod schedule;

pub mod revoke;

pub mod doctor;

pub use account::{AccountSetup, AccountUseError, existing_account, import_account, open_account, roll_key};
pub use apply::{Applied, ApplyReport, apply};
pub use attempt::{Outcome, RenewError};
pub use cancel::{Cancel, Canceller, cancellation};
pub use clients::{Clients, ConnectError};
pub use dns_persist01::{PersistError, PersistProofError, PersistRecord, PersistRequest, persist};
pub use dns01::Dns01Error;
pub use event::Event;
pub use finish::FinishError;
pub use http01::Http01Error;
pub use issue::{IssueError, issue};
pub use keep::Issued;
pub use leftovers::{Leftover, LeftoversError, LeftoversReport, forget_leftovers, remove_leftovers};
pub use material::MaterialError;
pub use method::{Method, MethodError, Methods};
pub use on_behalf::{AwaitFor, OnBehalfError, publish_for, withdraw_for};
pub use plan::{Change, Plan, Step, Wanted};
pub use proof::{AnswerError, ChoiceError};
pub use prove::{ProofError, ProofOptions};
pub use publish::{Dns01Options, PlanError, ZoneFailure, ZoneFault};
pub use rate_limit::{asked_to_wait, note_wait};
pub use renew::{RenewReport, renew};
pub use request::{IssueRequest, KEY_OF_REQUEST, Keep, KeyChoice};
pub use revoke::{Reason, RevokeError, Signatory, revoke};
pub use round::HookRound;
pub use run::{Choice, ProviderMaker, RenewOptions, RenewRun, sweep};
pub use schedule::{LONGEST as LONGEST_WAIT, next_look};
pub use session::{Instance, ProviderSource, Session, SourceError};
pub use standing::{Standing, StandingError};
pub use tls_alpn01::TlsAlpn01Error;
pub use trial::{Rule, TrialError, TrialFault, TrialRequest, Verdict, trial};
