//! Where a key for AWS comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use zeroize::Zeroizing;

use crate::identity::aws_metadata::{of_container, of_instance};
use crate::identity::aws_role::{Role, StsEndpoint};
use crate::identity::fetch::{FetchError, Fetcher, Patience, token_file};
use crate::identity::grant::Grant;
use crate::identity::sts::{assume_role, assume_role_with_web_identity};

/// A giver of a key.
#[derive(Clone, Debug)]
pub enum AwsSource {
    /// A key that lasts.
    Key(Grant),
    /// A role, taken with the key of another source.
    Role {
        /// Who may take it.
        with: Box<AwsSource>,
        /// The role.
        role: Role,
        /// The STS to ask.
        sts: StsEndpoint,
    },
    /// A role, taken with the token of another identity provider.
    WebIdentity {
        /// The file of the token, which others write anew.
        token: PathBuf,
        /// The role.
        role: Role,
        /// The STS to ask.
        sts: StsEndpoint,
    },
    /// The container's own.
    Container {
        /// Whom to ask.
        url: String,
        /// What to show there.
        authorization: ContainerAuthorization,
    },
    /// The machine's own.
    Instance {
        /// The metadata service, "http://169.254.169.254".
        endpoint: String,
        /// Whether it is known to be there.
        patience: Patience,
    },
}

/// What a container shows to get its key.
#[derive(Clone)]
pub enum ContainerAuthorization {
    /// Nothing: the address is enough.
    None,
    /// This text.
    Value(Zeroizing<String>),
    /// What the file holds at the time.
    File(PathBuf),
}

impl fmt::Debug for ContainerAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Value(_) => f.write_str("Value"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl AwsSource {
    /// A key for a call that begins at `now` (Unix seconds).
    pub async fn fetch(&self, fetcher: &Fetcher, now: u64) -> Result<Grant, FetchError> {
        match self {
            Self::Key(key) => Ok(key.clone()),
            Self::Role { with, role, sts } => {
                let key = with.fetch_boxed(fetcher, now).await?;
                assume_role(fetcher, sts, role, &key, now).await
            }
            Self::WebIdentity { token, role, sts } => {
                let token = read(token)?;
                assume_role_with_web_identity(fetcher, sts, role, &token).await
            }
            Self::Container { url, authorization } => {
                let shown = match authorization {
                    ContainerAuthorization::None => None,
                    ContainerAuthorization::Value(value) => Some(value.clone()),
                    ContainerAuthorization::File(path) => Some(read(path)?),
                };
                of_container(fetcher, url, shown.as_ref().map(|shown| shown.as_str())).await
            }
            Self::Instance { endpoint, patience } => of_instance(fetcher, endpoint, *patience).await,
        }
    }

    fn fetch_boxed<'a>(
        &'a self,
        fetcher: &'a Fetcher,
        now: u64,
    ) -> Pin<Box<dyn Future<Output = Result<Grant, FetchError>> + Send + 'a>> {
        Box::pin(self.fetch(fetcher, now))
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, FetchError> {
    token_file("AWS", path)
}
