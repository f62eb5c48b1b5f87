//! Other clients' folders, as acmite's own terms; nothing in them is changed.

mod found;

mod settings;

mod certbot;

mod lego;

mod acme_sh;

pub use acme_sh::read as read_acme_sh;
pub use certbot::read as read_certbot;
pub use found::{Found, FoundAccount, FoundCertificate, FoundError, Left};
pub use lego::read as read_lego;
pub use settings::Wishes;
