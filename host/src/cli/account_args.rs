//! The account that `acmite issue` makes where there is none.

use std::path::PathBuf;

use clap::Args;
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::exit::{Exit, Failure};
use crate::flow::AccountSetup;
use crate::secure_file::read_private;

/// Whose account, and what the CA asks for to make it.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct AccountArgs {
    /// Where the CA may write to about the account; may be repeated
    #[arg(long, value_name = "ADDR")]
    email: Vec<String>,
    /// Agree to the CA's terms of service
    #[arg(long)]
    agree_tos: bool,
    /// Key id of an external account binding, from the CA's site
    #[arg(long, value_name = "KID", requires = "eab_hmac_key_file")]
    eab_kid: Option<String>,
    /// File of the binding's MAC key, base64url; must be the owner's alone
    #[arg(long, value_name = "FILE", requires = "eab_kid")]
    eab_hmac_key_file: Option<PathBuf>,
}

impl AccountArgs {
    /// What the account is made with.
    pub(super) fn setup(&self) -> Result<AccountSetup, Failure> {
        if let Some(wrong) = self.email.iter().find(|email| !email.contains('@') || email.contains(char::is_whitespace))
        {
            return Err(Failure::new(
                Exit::Usage,
                format!("{wrong:?} is no e-mail address; give one as me@example.com"),
            ));
        }
        let contacts = self.email.iter().map(|email| format!("mailto:{email}")).collect();
        let eab = match (&self.eab_kid, &self.eab_hmac_key_file) {
            (Some(kid), Some(file)) => Some((kid.clone(), mac_key(file)?)),
            _ => None,
        };
        Ok(AccountSetup { contacts, agree_tos: self.agree_tos, eab })
    }
}

fn mac_key(file: &std::path::Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let text = read_private(file).map_err(|error| Failure::of(Exit::Configuration, &error))?;
    let trimmed = text.trim_ascii();
    let unpadded = trimmed.iter().position(|byte| *byte == b'=').map_or(trimmed, |end| &trimmed[..end]);
    BASE64URL_NOPAD.decode(unpadded).map(Zeroizing::new).map_err(|_| {
        let file = file.display();
        Failure::new(Exit::Configuration, format!("{file} holds no base64url; copy the MAC key as the CA shows it"))
    })
}
