//! The account at the CA: which, and what it is made with if there is none.

use std::path::{Path, PathBuf};

use clap::Args;
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::exit::{Exit, Failure};
use crate::flow::AccountSetup;
use crate::secure_file::read_private;

/// An account, and what it is made with.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Account")]
pub struct RegistrationArgs {
    /// Which of several accounts at the CA, by a name of your choice [default: the one without a name]
    #[arg(long, value_name = "NAME", value_parser = account_name)]
    pub account: Option<String>,
    /// Where the CA may write to about the account; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub email: Vec<String>,
    /// Agree to the CA's terms of service
    #[arg(long)]
    pub agree_tos: bool,
    /// Key id of an external account binding, from the CA's site
    #[arg(long, value_name = "KID", requires = "eab_hmac_key_file")]
    pub eab_kid: Option<String>,
    /// File of the binding's MAC key, base64url; must be the owner's alone
    #[arg(long, value_name = "FILE", requires = "eab_kid")]
    pub eab_hmac_key_file: Option<PathBuf>,
}

impl RegistrationArgs {
    /// What an account is made with.
    pub fn setup(&self) -> Result<AccountSetup, Failure> {
        let contacts = contacts(&self.email)?;
        let eab = match (&self.eab_kid, &self.eab_hmac_key_file) {
            (Some(kid), Some(file)) => Some((kid.clone(), mac_key(file)?)),
            _ => None,
        };
        Ok(AccountSetup { name: self.account.clone(), contacts, agree_tos: self.agree_tos, eab })
    }
}

/// Addresses as the `mailto:` URLs that a CA takes.
pub fn contacts(emails: &[String]) -> Result<Vec<String>, Failure> {
    if let Some(wrong) = emails.iter().find(|email| !email.contains('@') || email.contains(char::is_whitespace)) {
        return Err(Failure::new(Exit::Usage, format!("{wrong:?} is no e-mail address; give one as me@example.com")));
    }
    Ok(emails.iter().map(|email| format!("mailto:{email}")).collect())
}

/// A name that can be part of a folder's.
pub fn account_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if text.is_empty() || text.len() > 40 || !text.chars().all(fits) {
        return Err("give at most 40 lower case letters, digits, '-' and '_'".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) fn mac_key(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let text = read_private(file).map_err(|error| Failure::of(Exit::Configuration, &error))?;
    let trimmed = text.trim_ascii();
    let unpadded = trimmed.iter().position(|byte| *byte == b'=').map_or(trimmed, |end| &trimmed[..end]);
    BASE64URL_NOPAD.decode(unpadded).map(Zeroizing::new).map_err(|_| {
        let file = file.display();
        Failure::new(Exit::Configuration, format!("{file} holds no base64url; copy the MAC key as the CA shows it"))
    })
}
