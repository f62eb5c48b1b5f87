//! Secrets a provider may use and never read: bytes by number, each with the classes it was made of.

mod class;
mod functions;
mod place;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::{digest, hmac};
use md5::{Digest, Md5};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use tokio::sync::OwnedMutexGuard;
use zeroize::Zeroizing;

pub use crate::plugin::secret::class::{Class, UnknownClass};
pub use crate::plugin::secret::functions::{Hash, Signing};
pub use crate::plugin::secret::place::PlaceError;

use crate::plugin::scrub::Scrubber;
use crate::plugin::secret::functions::{digest_algorithm, hmac_algorithm, hmac_md5, signature_over, totp_code};
use crate::plugin::wire::{Part, UNRESERVED};

/// The secret fields of one provider instance, and the plain ones that templates put beside them.
#[derive(Default)]
pub struct CredentialSet {
    secrets: BTreeMap<String, Zeroizing<Vec<u8>>>,
    settings: BTreeMap<String, String>,
}

impl CredentialSet {
    /// Takes the secret fields by name.
    pub fn new(fields: Vec<(String, Zeroizing<Vec<u8>>)>) -> Self {
        Self { secrets: fields.into_iter().collect(), settings: BTreeMap::new() }
    }

    /// Whether a secret field has a value.
    pub fn has(&self, name: &str) -> bool {
        self.secrets.contains_key(name)
    }

    /// These and others, which take the place of their like.
    pub fn with(&self, fields: Vec<(String, Zeroizing<Vec<u8>>)>) -> Self {
        let mut secrets = self.secrets.clone();
        secrets.extend(fields);
        Self { secrets, settings: self.settings.clone() }
    }

    /// Takes the plain fields too, for templates such as `{base64:user:password}`.
    pub fn with_settings(mut self, settings: &[(String, String)]) -> Self {
        self.settings = settings.iter().cloned().collect();
        self
    }
}

impl fmt::Debug for CredentialSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.secrets.keys()).finish()
    }
}

/// What was captured for the whole run, shared by the calls of one provider instance.
#[derive(Clone, Default)]
pub struct RunCaptures {
    kept: Arc<Mutex<BTreeMap<String, Zeroizing<Vec<u8>>>>>,
    login: Arc<tokio::sync::Mutex<()>>,
}

impl RunCaptures {
    /// Waits until no other call is logging in; gives what other calls wait for in their turn, or nothing if all of
    /// these captures are there. A code of a second factor is taken once, so two calls must not log in side by side.
    pub async fn turn(&self, names: &[&str]) -> Option<OwnedMutexGuard<()>> {
        let are_kept = || names.iter().all(|name| self.find(name).is_some());
        if are_kept() {
            return None;
        }
        let turn = Arc::clone(&self.login).lock_owned().await;
        if are_kept() { None } else { Some(turn) }
    }

    fn find(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Drops one of these values, which the API no longer accepts; a newer one stays.
    fn forget(&self, name: &str, values: &[&[u8]]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.get(name).is_some_and(|value| values.contains(&value.as_slice())) {
            kept.remove(name);
        }
    }

    fn keep(&self, name: &str, value: Zeroizing<Vec<u8>>) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value);
    }
}

/// The encodings of the contract.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the contract's own names, described there")]
pub enum Encoding {
    None,
    Hex,
    Base64,
    Base64url,
    Percent,
}

/// Why a secret function gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Neither a secret field nor a capture that was made.
    UnknownCredential,
    /// The number was not given out in this call.
    UnknownSecret,
    /// The key cannot be used for this.
    BadKey,
    /// Too many secrets, or too long ones.
    Limit,
}

struct Entry {
    bytes: Zeroizing<Vec<u8>>,
    classes: BTreeSet<Class>,
    /// The secrets that an encoding left findable within these bytes; all were made before this one.
    holds: Vec<u32>,
}

/// The secrets of one call.
pub struct Secrets {
    credentials: Arc<CredentialSet>,
    captures: BTreeMap<String, Zeroizing<Vec<u8>>>,
    run_captures: RunCaptures,
    entries: Vec<Entry>,
    entry_bytes: usize,
    placed: Vec<(String, Zeroizing<Vec<u8>>)>,
    now: u64,
}

impl Secrets {
    /// Begins with the credentials alone; `now` is in Unix seconds.
    pub fn new(credentials: Arc<CredentialSet>, run_captures: RunCaptures, now: u64) -> Self {
        let (captures, entries, placed) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { credentials, captures, run_captures, entries, entry_bytes: 0, placed, now }
    }

    /// A secret field, or what an endpoint's capture holds.
    pub fn credential(&mut self, name: &str) -> Result<u32, Fault> {
        let (bytes, class) = self.named(name).ok_or(Fault::UnknownCredential)?;
        self.add(bytes, BTreeSet::from([class]), Vec::new())
    }

    /// The joined parts, encoded.
    pub fn encode(&mut self, encoding: Encoding, parts: &[Part]) -> Result<u32, Fault> {
        let (bytes, classes) = self.join(parts)?;
        let holds = numbers(parts);
        let encoded = match encoding {
            Encoding::None => return self.add(bytes, classes, holds),
            Encoding::Hex => data_encoding::HEXLOWER.encode(&bytes),
            Encoding::Base64 => data_encoding::BASE64.encode(&bytes),
            Encoding::Base64url => data_encoding::BASE64URL_NOPAD.encode(&bytes),
            Encoding::Percent => percent_encoding::percent_encode(&bytes, UNRESERVED).to_string(),
        };
        self.add(Zeroizing::new(encoded.into_bytes()), classes, holds)
    }

    /// The hash of the joined parts.
    pub fn digest(&mut self, hash: Hash, parts: &[Part]) -> Result<u32, Fault> {
        let (bytes, classes) = self.join(parts)?;
        let value = match digest_algorithm(hash) {
            Some(algorithm) => digest::digest(algorithm, &bytes).as_ref().to_vec(),
            None => Md5::digest(bytes.as_slice()).to_vec(),
        };
        self.add_derived(value, &classes)
    }

    /// RFC 2104 over the joined data.
    pub fn hmac(&mut self, hash: Hash, key: &[Part], data: &[Part]) -> Result<u32, Fault> {
        let (key, mut classes) = self.join(key)?;
        let (data, data_classes) = self.join(data)?;
        classes.extend(data_classes);
        let value = match hmac_algorithm(hash) {
            Some(algorithm) => hmac::sign(&hmac::Key::new(algorithm, &key), &data).as_ref().to_vec(),
            None => hmac_md5(&key, &data),
        };
        self.add_derived(value, &classes)
    }

    /// A signature over the joined data with a PEM key.
    pub fn sign(&mut self, algorithm: Signing, key: u32, data: &[Part]) -> Result<u32, Fault> {
        let (pem, mut classes) = self.key(key)?;
        let (data, data_classes) = self.join(data)?;
        classes.extend(data_classes);
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| Fault::BadKey)?;
        let value = signature_over(algorithm, &key, &data).ok_or(Fault::BadKey)?;
        self.add_derived(value, &classes)
    }

    /// Six digits for now (RFC 6238); the key is base32.
    pub fn totp(&mut self, key: u32) -> Result<u32, Fault> {
        let (text, classes) = self.key(key)?;
        let text: Zeroizing<Vec<u8>> = Zeroizing::new(
            text.iter().filter(|b| !matches!(b, b' ' | b'-' | b'=')).map(u8::to_ascii_uppercase).collect(),
        );
        let key = data_encoding::BASE32_NOPAD.decode(&text).map(Zeroizing::new).map_err(|_| Fault::BadKey)?;
        let code = totp_code(&key, self.now / TOTP_STEP_SECONDS, TOTP_DIGITS);
        self.add_derived(code.into_bytes(), &classes)
    }

    /// A credential as it stands. Were a key joined or encoded by the guest, whether it is one would tell of the bytes
    /// of the secrets within.
    fn key(&self, number: u32) -> Result<(Zeroizing<Vec<u8>>, BTreeSet<Class>), Fault> {
        let entry = entry(&self.entries, number).ok_or(Fault::UnknownSecret)?;
        let as_it_stands = |class: &Class| matches!(class, Class::Raw(_) | Class::Captured(_));
        match entry.holds.is_empty() && entry.classes.len() == 1 && entry.classes.iter().all(as_it_stands) {
            true => Ok((entry.bytes.clone(), entry.classes.clone())),
            false => Err(Fault::BadKey),
        }
    }

    /// Takes up what was cut out of a reply as `endpoint.capture`.
    ///
    /// An earlier value of the name stays one to be scrubbed.
    pub fn capture(&mut self, name: &str, value: Zeroizing<Vec<u8>>, for_run: bool) {
        if for_run {
            self.run_captures.keep(name, value.clone());
        }
        if let Some(earlier) = self.captures.insert(name.to_owned(), value) {
            self.scrub_too(name, earlier);
        }
    }

    /// Finds the credentials, captures and placed values in what comes back.
    pub fn scrubber(&self) -> Scrubber {
        let run = self.run_captures.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.credentials.secrets.iter().chain(&self.captures).chain(run.iter());
        let placed = self.placed.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        Scrubber::new(known.map(|(name, value)| (name.as_str(), value.as_slice())).chain(placed))
    }

    fn named(&self, name: &str) -> Option<(Zeroizing<Vec<u8>>, Class)> {
        if let Some(value) = self.credentials.secrets.get(name) {
            return Some((value.clone(), Class::Raw(name.to_owned())));
        }
        let captured = self.captures.get(name).cloned().or_else(|| self.run_captures.find(name))?;
        Some((captured, Class::Captured(name.to_owned())))
    }

    fn join(&self, parts: &[Part]) -> Result<(Zeroizing<Vec<u8>>, BTreeSet<Class>), Fault> {
        let mut classes = BTreeSet::new();
        let mut pieces: Vec<&[u8]> = Vec::with_capacity(parts.len());
        let mut length = 0usize;
        for part in parts {
            let piece = match part {
                Part::Text(text) => text.as_bytes(),
                Part::Bytes(bytes) => bytes.as_slice(),
                Part::Secret(number) => {
                    let entry = entry(&self.entries, *number).ok_or(Fault::UnknownSecret)?;
                    classes.extend(entry.classes.iter().cloned());
                    entry.bytes.as_slice()
                }
            };
            length = length.saturating_add(piece.len());
            if length > JOINED_BYTES {
                return Err(Fault::Limit);
            }
            pieces.push(piece);
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        pieces.into_iter().for_each(|piece| bytes.extend_from_slice(piece));
        Ok((bytes, classes))
    }

    fn add_derived(&mut self, bytes: Vec<u8>, classes: &BTreeSet<Class>) -> Result<u32, Fault> {
        self.add(Zeroizing::new(bytes), classes.iter().map(Class::derived).collect(), Vec::new())
    }

    fn add(&mut self, bytes: Zeroizing<Vec<u8>>, classes: BTreeSet<Class>, holds: Vec<u32>) -> Result<u32, Fault> {
        let entry_bytes = self.entry_bytes + bytes.len();
        if self.entries.len() >= SECRETS_A_CALL || bytes.len() > SECRET_BYTES || entry_bytes > SECRETS_BYTES {
            return Err(Fault::Limit);
        }
        self.entry_bytes = entry_bytes;
        self.entries.push(Entry { bytes, classes, holds });
        u32::try_from(self.entries.len()).map_err(|_| Fault::Limit)
    }
}

/// The secrets among the parts, each once: as many parts may name one secret as a guest likes.
fn numbers(parts: &[Part]) -> Vec<u32> {
    let numbers: BTreeSet<u32> =
        parts.iter().filter_map(|part| if let Part::Secret(number) = part { Some(*number) } else { None }).collect();
    numbers.into_iter().collect()
}

fn entry(entries: &[Entry], number: u32) -> Option<&Entry> {
    entries.get(usize::try_from(number).ok()?.checked_sub(1)?)
}

const TOTP_STEP_SECONDS: u64 = 30;
const TOTP_DIGITS: u32 = 6;
const SECRETS_A_CALL: usize = 4096;
const SECRET_BYTES: usize = 64 * 1024;
const SECRETS_BYTES: usize = 1024 * 1024;
const JOINED_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
