//! Certificate, chain and key in one PKCS#12 file, as Java and Windows take them.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::deployers::{DeployError, Target, pair};
use crate::secure_file::read_private;

/// Where the file is put, for whom, and what protects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeystoreTarget {
    target: Target,
    password_file: PathBuf,
    alias: Option<String>,
}

impl FromStr for KeystoreTarget {
    type Err = DeployError;

    /// `PATH password-file=PATH [alias=NAME] [owner=USER] [group=GROUP] [mode=0640]`, words quoted as in a shell.
    fn from_str(text: &str) -> Result<Self, DeployError> {
        let (mut password_file, mut alias) = (None, None);
        let target = Target::read(text, |key, value| match key {
            "password-file" => password_file.replace(PathBuf::from(value)).is_none(),
            "alias" => alias.replace(value.to_owned()).is_none(),
            _ => false,
        })?;
        let password_file = password_file.filter(|path| path.is_absolute()).ok_or(DeployError::NoPasswordFile)?;
        Ok(Self { target, password_file, alias })
    }
}

impl KeystoreTarget {
    /// Writes the file; `name` is the alias where none was given.
    pub(super) fn write(&self, live: &Path, name: &str) -> Result<(), DeployError> {
        let (chain_pem, key_pem) = pair(live)?;
        let password = read_private(&self.password_file)?;
        let password = std::str::from_utf8(&password).map_err(|_| self.damaged("the password is not UTF-8"))?;
        let password = password.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(self.damaged("the password is empty"));
        }
        let chain = chain(&chain_pem).ok_or_else(|| self.damaged("the chain is not PEM"))?;
        let key = key(&key_pem).ok_or_else(|| self.damaged("the key is not PKCS#8"))?;
        let alias = self.alias.as_deref().unwrap_or(name);
        let mut store = KeyStore::new();
        let entry = PrivateKeyChain::new(alias.as_bytes(), key, chain);
        store.add_entry(alias, KeyStoreEntry::PrivateKeyChain(entry));
        let written = store.writer(password).write().map_err(|_| self.damaged("it cannot be encoded"))?;
        self.target.write_file(&Zeroizing::new(written))
    }

    fn damaged(&self, why: &'static str) -> DeployError {
        DeployError::Keystore { path: self.target.path().to_owned(), why }
    }
}

fn chain(pem: &[u8]) -> Option<Vec<Certificate>> {
    let ders = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().ok()?;
    ders.iter().map(|der| Certificate::from_der(der).ok()).collect()
}

fn key(pem: &[u8]) -> Option<PrivateKey> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem).ok()?;
    PrivateKey::from_der(der.secret_pkcs8_der()).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use p12_keystore::Pkcs12ImportPolicy;

    use super::*;
    use crate::store::StateDir;
    use crate::store::certificate::CertificateStore;

    /// A certificate with its issuer, live.
    fn live(folder: &tempfile::TempDir) -> (PathBuf, Vec<u8>) {
        let [root_key, key] = [(); 2].map(|()| rcgen::KeyPair::generate().expect("a key"));
        let mut root = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        root.distinguished_name.push(rcgen::DnType::CommonName, "a root");
        let root = rcgen::CertifiedIssuer::self_signed(root, root_key).expect("a root");
        let params = rcgen::CertificateParams::new(["a.example".to_owned()]).expect("parameters");
        let leaf = params.signed_by(&key, &root).expect("a certificate");
        let state = StateDir::open(&folder.path().join("state")).expect("opened");
        let store = CertificateStore::new(&state, "a");
        (store.store(&leaf.pem(), &root.pem(), &key.serialize_pem()).expect("stored"), leaf.der().to_vec())
    }

    fn private(path: &Path, text: &str) {
        fs::write(path, text).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("changed");
    }

    #[test]
    fn the_file_opens_with_the_password_and_holds_key_and_chain_under_the_alias() {
        let folder = tempfile::tempdir().expect("a folder");
        let (live, leaf) = live(&folder);
        let (file, password) = (folder.path().join("a.p12"), folder.path().join("password"));
        private(&password, "geheim\n");
        let text = format!("{} password-file={} mode=0640", file.display(), password.display());
        let target: KeystoreTarget = text.parse().expect("a target");
        target.write(&live, "a").expect("written");
        let bytes = fs::read(&file).expect("there");
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o640);
        assert!(KeyStore::from_pkcs12(&bytes, "other", Pkcs12ImportPolicy::Strict).is_err());
        let store = KeyStore::from_pkcs12(&bytes, "geheim", Pkcs12ImportPolicy::Strict).expect("it opens");
        let Some(KeyStoreEntry::PrivateKeyChain(entry)) = store.entry("a") else { panic!("no entry") };
        assert_eq!((entry.certs()[0].as_der(), entry.certs().len()), (leaf.as_slice(), 2));
    }

    #[test]
    fn without_a_password_of_its_own_file_nothing_is_written() {
        for text in ["/a.p12", "/a.p12 password-file=relative", "/a.p12 password=x", "relative password-file=/p"] {
            assert!(text.parse::<KeystoreTarget>().is_err(), "{text:?} was taken");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let (live, _) = live(&folder);
        let (file, password) = (folder.path().join("a.p12"), folder.path().join("password"));
        let target: KeystoreTarget =
            format!("{} password-file={}", file.display(), password.display()).parse().expect("a target");
        private(&password, "\n");
        assert!(matches!(target.write(&live, "a"), Err(DeployError::Keystore { .. })));
        fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).expect("changed");
        assert!(matches!(target.write(&live, "a"), Err(DeployError::Key(_))));
        assert!(!file.exists());
    }
}
