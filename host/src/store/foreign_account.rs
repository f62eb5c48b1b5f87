//! Accounts as certbot and lego keep them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use crate::secure_file::{SecureWriteError, create_private_dir, write_whole};

/// An account's key as another client keeps it.
pub enum ForeignKey {
    /// certbot's `private_key.json`.
    Jwk(Value),
    /// lego's `keys/EMAIL.key`.
    Pem(Zeroizing<String>),
}

/// Finds and reads the key in an account's folder.
pub fn read_key(folder: &Path) -> Result<ForeignKey, ForeignAccountError> {
    let certbot = folder.join("private_key.json");
    if certbot.is_file() {
        let bytes = read(&certbot)?;
        let parsed = serde_json::from_slice(&bytes);
        return parsed.map(ForeignKey::Jwk).map_err(|_| ForeignAccountError::Damaged { path: certbot });
    }
    let path = lego_key(folder)?;
    let text = String::from_utf8(read(&path)?.to_vec());
    text.map(|text| ForeignKey::Pem(Zeroizing::new(text))).map_err(|_| ForeignAccountError::Damaged { path })
}

/// A key that others can read is no secret any more. lego leaves keys at 0644, in folders of 0700, where they cannot.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, ForeignAccountError> {
    if is_open_to_others(path) {
        return Err(ForeignAccountError::Exposed { path: path.to_owned() });
    }
    let bytes = fs::read(path).map(Zeroizing::new);
    bytes.map_err(|source| ForeignAccountError::Unreadable { path: path.to_owned(), source })
}

/// Whether others may read the file and enter every folder above it.
fn is_open_to_others(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let grants = |path: &Path, bits: u32| fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & bits != 0);
    grants(&path, 0o044) && path.ancestors().skip(1).all(|folder| grants(folder, 0o011))
}

fn lego_key(folder: &Path) -> Result<PathBuf, ForeignAccountError> {
    let unknown = || ForeignAccountError::Unknown { path: folder.to_owned() };
    let files = fs::read_dir(folder.join("keys")).map_err(|_| unknown())?;
    let mut keys = files.flatten().map(|file| file.path()).filter(|path| path.extension().is_some_and(|e| e == "key"));
    keys.next().ok_or_else(unknown)
}

/// Writes an account for certbot below the folder of its accounts at the CA, as made at `now` (RFC 3339, UTC); gives its
/// own folder, which certbot wants named by the MD5 of the public key's PEM.
pub fn write_certbot(
    accounts: &Path,
    public_pem: &str,
    private_jwk: &Value,
    url: &Url,
    now: &str,
) -> Result<PathBuf, ForeignAccountError> {
    let folder = accounts.join(HEXLOWER.encode(&Md5::digest(public_pem.as_bytes())));
    let write = |name: &str, content: &Value| write_new(&folder.join(name), content.to_string().as_bytes());
    create_private_dir(&folder)?;
    write("private_key.json", private_jwk)?;
    write("meta.json", &json!({"creation_dt": now, "creation_host": "acmite"}))?;
    write("regr.json", &json!({"body": {}, "uri": url.as_str()}))?;
    Ok(folder)
}

/// Writes an account for lego below the folder of its accounts at the CA; gives its own folder, named by the address.
pub fn write_lego(
    accounts: &Path,
    key_pem: &str,
    contacts: &[String],
    url: &Url,
) -> Result<PathBuf, ForeignAccountError> {
    let email = contacts.iter().find_map(|contact| contact.strip_prefix("mailto:"));
    let email = email.filter(|email| !email.contains('/')).ok_or(ForeignAccountError::NoEmail)?;
    let folder = accounts.join(email);
    let registration = json!({"body": {"status": "valid", "contact": contacts}, "uri": url.as_str()});
    create_private_dir(&folder.join("keys"))?;
    write_new(&folder.join("keys").join(format!("{email}.key")), key_pem.as_bytes())?;
    let account = json!({"email": email, "registration": registration});
    write_new(&folder.join("account.json"), account.to_string().as_bytes())?;
    Ok(folder)
}

/// What is there stays.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), ForeignAccountError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(write_whole(path, bytes, 0o600)?),
        _ => Err(ForeignAccountError::Exists { path: path.to_owned() }),
    }
}

/// Why an account could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum ForeignAccountError {
    /// Others may have read the key.
    #[error("{} can be read by others; close it by chmod 600, and replace the key by `acmite account roll-key`", path.display())]
    Exposed {
        /// The key.
        path: PathBuf,
    },
    /// Neither certbot's nor lego's.
    #[error("{} holds neither certbot's private_key.json nor lego's keys/*.key; give the folder of one account", path.display())]
    Unknown {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not as the client writes it.
    #[error("{} is damaged; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// lego names accounts by their address.
    #[error(
        "the account has no e-mail address, by which lego names it; give it one with `acmite account update --email`"
    )]
    NoEmail,
    /// There is something already.
    #[error("{} is there already and stays as it is; move it away or name another folder", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file may not be read.
    #[error("cannot read {}; check that this user may", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("the account cannot be written")]
    Write(#[from] SecureWriteError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> Url {
        Url::parse("https://ca.example/acct/1").expect("a URL")
    }

    #[test]
    fn what_is_written_is_found_again_and_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let jwk = json!({"kty": "EC"});
        let certbot = write_certbot(folder.path(), "PEM", &jwk, &url(), "2026-01-01T00:00:00Z").expect("written");
        // echo -n PEM | md5sum
        assert_eq!(certbot.file_name().expect("a name"), "c888957bb6d2fe3bdac6000656d3e2fe");
        assert!(matches!(read_key(&certbot), Ok(ForeignKey::Jwk(read)) if read == jwk));
        let contacts = ["mailto:me@example.com".to_owned()];
        let lego = write_lego(folder.path(), "KEY", &contacts, &url()).expect("written");
        assert!(matches!(read_key(&lego), Ok(ForeignKey::Pem(read)) if read.as_str() == "KEY"));
        let again = write_lego(folder.path(), "OTHER", &contacts, &url());
        assert!(matches!(again, Err(ForeignAccountError::Exists { .. })));
        assert!(matches!(read_key(folder.path()), Err(ForeignAccountError::Unknown { .. })));
        assert!(matches!(write_lego(folder.path(), "KEY", &[], &url()), Err(ForeignAccountError::NoEmail)));
    }

    #[test]
    fn a_key_that_others_can_reach_and_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
        let key = folder.path().join("private_key.json");
        fs::write(&key, "{}").expect("written");
        mode(&key, 0o644);
        mode(folder.path(), 0o700);
        assert!(read_key(folder.path()).is_ok(), "in a folder of the user's own");
        mode(folder.path(), 0o755);
        assert!(matches!(read_key(folder.path()), Err(ForeignAccountError::Exposed { .. })));
        mode(&key, 0o600);
        assert!(read_key(folder.path()).is_ok());
    }
}
