//! What makes issuance and renewal fail, before and after they do, each with its remedy. Nothing is changed; what is put
//! into a webroot for a visit is journalled and removed.

pub mod caa;
pub mod code;
pub mod condition;

mod account;
mod authority;
mod credential;
mod records;

mod lasting;
mod visit;

mod folder;
mod kept;
mod timer;

mod port;

mod checkup;

pub use caa::Refusal;
pub use checkup::{Checkup, Subject};
pub use code::{Code, Severity};
pub use condition::{Condition, Lacking, Mistake};
pub use folder::{leftovers, plugins, unwritable};
pub use kept::{accounts, key, standing};
pub use timer::timer;
