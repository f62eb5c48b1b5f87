//! Secrets a provider may use and never read: bytes by number, each with the classes it was made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::{digest, hmac, rand, rsa, signature};
use md5::{Digest, Md5};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use crate::plugin::scrub::Scrubber;
use crate::plugin::wire::{Part, UNRESERVED};

/// The secret fields of one provider instance.
#[derive(Default)]
pub struct CredentialSet(BTreeMap<String, Zeroizing<Vec<u8>>>);

impl CredentialSet {
    /// Takes the secret fields by name.
    pub fn new(fields: Vec<(String, Zeroizing<Vec<u8>>)>) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl fmt::Debug for CredentialSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What was captured for the whole run, shared by the calls of one provider instance.
#[derive(Clone, Default)]
pub struct RunCaptures(Arc<Mutex<BTreeMap<String, Zeroizing<Vec<u8>>>>>);

impl RunCaptures {
    fn find(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Drops what the API no longer accepts; the endpoint that gives it must be asked anew.
    pub fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn keep(&self, name: &str, value: Zeroizing<Vec<u8>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value);
    }
}

/// Where the bytes of a secret come from; a sink of the manifest lists those it takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A field as the user gave it, perhaps encoded.
    Raw(String),
    /// A value cut out of a reply, perhaps encoded.
    Captured(String),
    /// The output of a hash or signature over one of these.
    Derived(String),
}

impl Class {
    fn derived(&self) -> Self {
        let (Self::Raw(name) | Self::Captured(name) | Self::Derived(name)) = self;
        Self::Derived(name.clone())
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw(name) => write!(f, "raw {name}"),
            Self::Captured(name) => write!(f, "captured {name}"),
            Self::Derived(name) => write!(f, "derived {name}"),
        }
    }
}

impl FromStr for Class {
    type Err = UnknownClass;

    fn from_str(text: &str) -> Result<Self, UnknownClass> {
        let (form, name) = text.split_once(' ').ok_or(UnknownClass)?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(UnknownClass);
        }
        match form {
            "raw" => Ok(Self::Raw(name.to_owned())),
            "captured" => Ok(Self::Captured(name.to_owned())),
            "derived" => Ok(Self::Derived(name.to_owned())),
            _ => Err(UnknownClass),
        }
    }
}

/// A text that names no class of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a class is written \"raw FIELD\", \"derived FIELD\" or \"captured ENDPOINT.NAME\"")]
pub struct UnknownClass;

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

/// The hashes of the contract.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the contract's own names, described there")]
pub enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// The signatures of the contract.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the contract's own names, described there")]
pub enum Signing {
    RsaPkcs1Sha256,
    RsaPkcs1Sha512,
    RsaPssSha256,
    EcdsaP256Sha256,
    EcdsaP384Sha384,
    Ed25519,
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
        let (pem, mut classes) = self.join(&[Part::Secret(key)])?;
        let (data, data_classes) = self.join(data)?;
        classes.extend(data_classes);
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| Fault::BadKey)?;
        let value = signature_over(algorithm, &key, &data).ok_or(Fault::BadKey)?;
        self.add_derived(value, &classes)
    }

    /// Six digits for now (RFC 6238); the key is base32.
    pub fn totp(&mut self, key: u32) -> Result<u32, Fault> {
        let (text, classes) = self.join(&[Part::Secret(key)])?;
        let text: Zeroizing<Vec<u8>> = Zeroizing::new(
            text.iter().filter(|b| !matches!(b, b' ' | b'-' | b'=')).map(u8::to_ascii_uppercase).collect(),
        );
        let key = data_encoding::BASE32_NOPAD.decode(&text).map(Zeroizing::new).map_err(|_| Fault::BadKey)?;
        let code = totp_code(&key, self.now / TOTP_STEP_SECONDS, TOTP_DIGITS);
        self.add_derived(code.into_bytes(), &classes)
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

    /// The joined parts for a sink that takes `allowed`; they must hold a secret and nothing of another class.
    pub fn place(&mut self, parts: &[Part], allowed: &[Class]) -> Result<Zeroizing<Vec<u8>>, PlaceError> {
        let (bytes, classes) = self.join(parts).map_err(|fault| match fault {
            Fault::Limit => PlaceError::TooLong,
            _ => PlaceError::UnknownSecret,
        })?;
        if classes.is_empty() {
            return Err(PlaceError::NoSecret { allowed: listed(allowed) });
        }
        if let Some(class) = classes.iter().find(|class| !allowed.contains(class)) {
            return Err(PlaceError::WrongClass { allowed: listed(allowed), given: class.to_string() });
        }
        self.remember(numbers(parts));
        Ok(bytes)
    }

    /// A manifest's template filled: literals, `{field}`, `{endpoint.capture}`, `{base64(a:b)}`.
    pub fn template(&mut self, template: &str) -> Result<Zeroizing<Vec<u8>>, PlaceError> {
        let mut filled = Zeroizing::new(Vec::new());
        let mut rest = template;
        while let Some((literal, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| unfilled(after))?;
            filled.extend_from_slice(literal.as_bytes());
            filled.extend_from_slice(&self.template_value(name)?);
            rest = after;
        }
        filled.extend_from_slice(rest.as_bytes());
        Ok(filled)
    }

    /// Finds the credentials, captures and placed values in what comes back.
    pub fn scrubber(&self) -> Scrubber {
        let run = self.run_captures.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.credentials.0.iter().chain(&self.captures).chain(run.iter());
        let placed = self.placed.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        Scrubber::new(known.map(|(name, value)| (name.as_str(), value.as_slice())).chain(placed))
    }

    fn template_value(&mut self, name: &str) -> Result<Zeroizing<Vec<u8>>, PlaceError> {
        if let Some(names) = name.strip_prefix("base64(").and_then(|rest| rest.strip_suffix(')')) {
            let values: Vec<_> = names.split(':').map(|one| self.template_value(one)).collect::<Result<_, _>>()?;
            let joined = Zeroizing::new(values.iter().map(|v| v.as_slice()).collect::<Vec<_>>().join(&b':'));
            let encoded = Zeroizing::new(data_encoding::BASE64.encode(&joined).into_bytes());
            self.scrub_too(names, encoded.clone());
            return Ok(encoded);
        }
        let (value, _) = self.named(name).filter(|(value, _)| !value.is_empty()).ok_or_else(|| unfilled(name))?;
        self.scrub_too(name, value.clone());
        Ok(value)
    }

    fn named(&self, name: &str) -> Option<(Zeroizing<Vec<u8>>, Class)> {
        if let Some(value) = self.credentials.0.get(name) {
            return Some((value.clone(), Class::Raw(name.to_owned())));
        }
        let captured = self.captures.get(name).cloned().or_else(|| self.run_captures.find(name))?;
        Some((captured, Class::Captured(name.to_owned())))
    }

    /// Keeps for the scrubber what leaves the host: these secrets and those that show within them.
    fn remember(&mut self, mut numbers: Vec<u32>) {
        let mut seen = BTreeSet::new();
        while let Some(number) = numbers.pop() {
            let Some(entry) = entry(&self.entries, number).filter(|entry| !entry.classes.is_empty()) else { continue };
            if seen.insert(number) {
                numbers.extend(&entry.holds);
                let names = entry.classes.iter().map(Class::to_string).collect::<Vec<_>>().join(", ");
                let bytes = entry.bytes.clone();
                self.scrub_too(&names, bytes);
            }
        }
    }

    fn scrub_too(&mut self, name: &str, value: Zeroizing<Vec<u8>>) {
        if !self.placed.iter().any(|(_, known)| *known == value) {
            self.placed.push((name.to_owned(), value));
        }
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

fn listed(classes: &[Class]) -> String {
    classes.iter().map(|class| format!("{:?}", class.to_string())).collect::<Vec<_>>().join(", ")
}

fn unfilled(name: &str) -> PlaceError {
    PlaceError::Unfilled { name: name.to_owned() }
}

fn digest_algorithm(hash: Hash) -> Option<&'static digest::Algorithm> {
    match hash {
        Hash::Md5 => None,
        Hash::Sha1 => Some(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        Hash::Sha256 => Some(&digest::SHA256),
        Hash::Sha384 => Some(&digest::SHA384),
        Hash::Sha512 => Some(&digest::SHA512),
    }
}

fn hmac_algorithm(hash: Hash) -> Option<hmac::Algorithm> {
    match hash {
        Hash::Md5 => None,
        Hash::Sha1 => Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        Hash::Sha256 => Some(hmac::HMAC_SHA256),
        Hash::Sha384 => Some(hmac::HMAC_SHA384),
        Hash::Sha512 => Some(hmac::HMAC_SHA512),
    }
}

/// RFC 2104 with MD5, which aws-lc-rs does not offer.
fn hmac_md5(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut block = Zeroizing::new([0u8; 64]);
    if key.len() > block.len() {
        block[..16].copy_from_slice(&Md5::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |with: u8| Zeroizing::new(block.map(|b| b ^ with));
    let inner = Md5::new().chain_update(pad(0x36).as_slice()).chain_update(data).finalize();
    Md5::new().chain_update(pad(0x5c).as_slice()).chain_update(inner).finalize().to_vec()
}

fn signature_over(algorithm: Signing, key: &PrivateKeyDer<'_>, data: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        Signing::RsaPkcs1Sha256 => rsa_signature(key, &signature::RSA_PKCS1_SHA256, data),
        Signing::RsaPkcs1Sha512 => rsa_signature(key, &signature::RSA_PKCS1_SHA512, data),
        Signing::RsaPssSha256 => rsa_signature(key, &signature::RSA_PSS_SHA256, data),
        Signing::EcdsaP256Sha256 => ecdsa_signature(key, &signature::ECDSA_P256_SHA256_FIXED_SIGNING, data),
        Signing::EcdsaP384Sha384 => ecdsa_signature(key, &signature::ECDSA_P384_SHA384_FIXED_SIGNING, data),
        Signing::Ed25519 => {
            let pair = signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_der()).ok()?;
            Some(pair.sign(data).as_ref().to_vec())
        }
    }
}

fn rsa_signature(
    key: &PrivateKeyDer<'_>,
    padding: &'static dyn signature::RsaEncoding,
    data: &[u8],
) -> Option<Vec<u8>> {
    let pair = match key {
        PrivateKeyDer::Pkcs1(der) => rsa::KeyPair::from_der(der.secret_pkcs1_der()),
        _ => rsa::KeyPair::from_pkcs8(key.secret_der()),
    };
    let pair = pair.ok()?;
    let mut value = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &rand::SystemRandom::new(), data, &mut value).ok()?;
    Some(value)
}

fn ecdsa_signature(
    key: &PrivateKeyDer<'_>,
    algorithm: &'static signature::EcdsaSigningAlgorithm,
    data: &[u8],
) -> Option<Vec<u8>> {
    let pair = signature::EcdsaKeyPair::from_pkcs8(algorithm, key.secret_der()).ok()?;
    pair.sign(&rand::SystemRandom::new(), data).ok().map(|value| value.as_ref().to_vec())
}

fn totp_code(key: &[u8], step: u64, digits: u32) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key), &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0x0f);
    let number = u32::from_be_bytes([tag[offset] & 0x7f, tag[offset + 1], tag[offset + 2], tag[offset + 3]]);
    format!("{:0width$}", number % 10u32.pow(digits), width = digits as usize)
}

const TOTP_STEP_SECONDS: u64 = 30;
const TOTP_DIGITS: u32 = 6;
const SECRETS_A_CALL: usize = 4096;
const SECRET_BYTES: usize = 64 * 1024;
const SECRETS_BYTES: usize = 1024 * 1024;
const JOINED_BYTES: usize = 1024 * 1024;

/// Why a secret was not put where it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// A number that was not given out.
    #[error("names a secret that this call does not have")]
    UnknownSecret,
    /// More than a request may hold.
    #[error("is longer than 1 MiB; send less")]
    TooLong,
    /// Plain text where a secret belongs.
    #[error("takes [{allowed}], not plain text")]
    NoSecret {
        /// The classes of the sink.
        allowed: String,
    },
    /// A secret that the sink does not take.
    #[error("takes [{allowed}], not {given:?}")]
    WrongClass {
        /// The classes of the sink.
        allowed: String,
        /// The class given.
        given: String,
    },
    /// A template names what is not there.
    #[error("{name:?} has no value yet")]
    Unfilled {
        /// The field or capture.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(fields: &[(&str, &[u8])]) -> Secrets {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), Zeroizing::new(value.to_vec())));
        Secrets::new(Arc::new(CredentialSet::new(fields.collect())), RunCaptures::default(), 59)
    }

    fn hex(secrets: &Secrets, number: u32) -> String {
        data_encoding::HEXLOWER.encode(&entry(&secrets.entries, number).expect("a secret").bytes)
    }

    fn text(value: &str) -> Vec<Part> {
        vec![Part::Text(value.to_owned())]
    }

    #[test]
    fn hmacs_agree_with_rfc_2202_and_rfc_4231() {
        let mut secrets = secrets(&[]);
        let data = text("what do ya want for nothing?");
        let expected = [
            (Hash::Md5, "750c783e6ab0b503eaa86e310a5db738"),
            (Hash::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (Hash::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ];
        for (hash, tag) in expected {
            let number = secrets.hmac(hash, &text("Jefe"), &data).expect("a tag");
            assert_eq!(hex(&secrets, number), tag, "{hash:?}");
        }
        // RFC 2202 section 2, case 6: a key longer than the block.
        let key = vec![Part::Bytes(vec![0xaa; 80])];
        let data = text("Test Using Larger Than Block-Size Key - Hash Key First");
        let number = secrets.hmac(Hash::Md5, &key, &data).expect("a tag");
        assert_eq!(hex(&secrets, number), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    }

    #[test]
    fn totp_agrees_with_rfc_6238() {
        let key = b"12345678901234567890";
        for (time, code) in [(59, "94287082"), (1_111_111_109, "07081804"), (20_000_000_000, "65353130")] {
            assert_eq!(totp_code(key, time / TOTP_STEP_SECONDS, 8), code);
        }
        let mut secrets = secrets(&[("totp", b"GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ")]);
        let key = secrets.credential("totp").expect("a field");
        let number = secrets.totp(key).expect("a code");
        assert_eq!(entry(&secrets.entries, number).expect("a secret").bytes.as_slice(), b"287082");
    }

    #[test]
    fn a_sink_takes_only_its_classes() {
        let mut secrets = secrets(&[("key", b"wJalrXUtnFEMI"), ("other", b"other-secret")]);
        let allowed = [Class::Derived("key".into())];
        let raw = secrets.credential("key").expect("a field");
        let other = secrets.credential("other").expect("a field");
        let encoded = secrets.encode(Encoding::Hex, &[Part::Secret(raw)]).expect("encoded");
        let derived = secrets.hmac(Hash::Sha256, &[Part::Secret(raw)], &text("x")).expect("a tag");
        let mixed = secrets.hmac(Hash::Sha256, &[Part::Secret(raw)], &[Part::Secret(other)]).expect("a tag");
        assert!(secrets.place(&[Part::Secret(derived)], &allowed).is_ok());
        for refused in [raw, encoded, other, mixed] {
            let error = secrets.place(&[Part::Secret(refused)], &allowed).expect_err("another class");
            assert!(matches!(error, PlaceError::WrongClass { .. }), "{error}");
        }
        assert!(matches!(secrets.place(&text("plain"), &allowed), Err(PlaceError::NoSecret { .. })));
        assert_eq!(secrets.place(&[Part::Secret(99)], &allowed), Err(PlaceError::UnknownSecret));
        assert_eq!(secrets.place(&[Part::Secret(0)], &allowed), Err(PlaceError::UnknownSecret));
        let error = secrets.place(&[Part::Secret(raw)], &allowed).expect_err("another class");
        assert_eq!(error.to_string(), "takes [\"derived key\"], not \"raw key\"");
    }

    #[test]
    fn templates_are_filled_from_fields_and_captures() {
        let mut secrets = secrets(&[("user", b"me"), ("password", b"open sesame")]);
        assert_eq!(
            secrets.template("Basic {base64(user:password)}").expect("filled").as_slice(),
            b"Basic bWU6b3BlbiBzZXNhbWU="
        );
        assert!(matches!(secrets.template("Bearer {token.access}"), Err(PlaceError::Unfilled { .. })));
        secrets.capture("token.access", Zeroizing::new(b"captured-value".to_vec()), true);
        assert_eq!(secrets.template("Bearer {token.access}").expect("filled").as_slice(), b"Bearer captured-value");
        let mut later = Secrets::new(Arc::default(), secrets.run_captures.clone(), 0);
        assert!(later.template("{token.access}").is_ok());
    }

    #[test]
    fn an_ed25519_signature_agrees_with_rfc_8032() {
        // Section 7.1, test 2, the key as PKCS #8 (RFC 8410).
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let seed = data_encoding::HEXLOWER.decode(seed.as_bytes()).expect("hex");
        let prefix = data_encoding::HEXLOWER.decode(b"302e020100300506032b657004220420").expect("hex");
        let der = data_encoding::BASE64.encode(&[prefix, seed].concat());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
        let mut secrets = secrets(&[("key", pem.as_bytes())]);
        let key = secrets.credential("key").expect("a field");
        let number = secrets.sign(Signing::Ed25519, key, &[Part::Bytes(vec![0x72])]).expect("a signature");
        let expected = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        assert_eq!(hex(&secrets, number), expected);
        assert_eq!(secrets.sign(Signing::RsaPkcs1Sha256, key, &[]), Err(Fault::BadKey));
    }

    #[test]
    fn hashes_agree_with_fips_180_and_rfc_1321() {
        let mut secrets = secrets(&[]);
        for (hash, value) in [
            (Hash::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Hash::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Hash::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                Hash::Sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                Hash::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            let number = secrets.digest(hash, &[text("a"), text("bc")].concat()).expect("a hash");
            assert_eq!(hex(&secrets, number), value, "{hash:?}");
        }
    }

    #[test]
    fn encodings_agree_with_rfc_4648_and_rfc_3986() {
        let mut secrets = secrets(&[]);
        let parts = [Part::Bytes(vec![0xfb, 0xff]), Part::Text(" ~".into())];
        for (encoding, shown) in [
            (Encoding::None, &b"\xfb\xff ~"[..]),
            (Encoding::Hex, b"fbff207e"),
            (Encoding::Base64, b"+/8gfg=="),
            (Encoding::Base64url, b"-_8gfg"),
            (Encoding::Percent, b"%FB%FF%20~"),
        ] {
            let number = secrets.encode(encoding, &parts).expect("encoded");
            assert_eq!(entry(&secrets.entries, number).expect("a secret").bytes.as_slice(), shown, "{encoding:?}");
        }
    }

    /// AWS, "Create a signed AWS API request", the ListUsers example of IAM's Signature Version 4 documentation.
    #[test]
    fn the_functions_suffice_for_signature_version_4() {
        let mut secrets = secrets(&[("key", b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")]);
        let payload = secrets.digest(Hash::Sha256, &[]).expect("a hash");
        let payload = secrets.encode(Encoding::Hex, &[Part::Secret(payload)]).expect("encoded");
        let canonical = "GET\n/\nAction=ListUsers&Version=2010-05-08\n\
            content-type:application/x-www-form-urlencoded; charset=utf-8\nhost:iam.amazonaws.com\n\
            x-amz-date:20150830T123600Z\n\ncontent-type;host;x-amz-date\n";
        let request = [text(canonical), vec![Part::Secret(payload)]].concat();
        let request = secrets.digest(Hash::Sha256, &request).expect("a hash");
        let request = secrets.encode(Encoding::Hex, &[Part::Secret(request)]).expect("encoded");
        let key = secrets.credential("key").expect("a field");
        let mut key = [text("AWS4"), vec![Part::Secret(key)]].concat();
        for step in ["20150830", "us-east-1", "iam", "aws4_request"] {
            key = vec![Part::Secret(secrets.hmac(Hash::Sha256, &key, &text(step)).expect("a tag"))];
        }
        let to_sign = "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n";
        let to_sign = [text(to_sign), vec![Part::Secret(request)]].concat();
        let tag = secrets.hmac(Hash::Sha256, &key, &to_sign).expect("a tag");
        let signature = secrets.encode(Encoding::Hex, &[Part::Secret(tag)]).expect("encoded");
        let header = [text("AWS4-HMAC-SHA256 Signature="), vec![Part::Secret(signature)]].concat();
        let placed = secrets.place(&header, &[Class::Derived("key".into())]).expect("the class of the sink");
        let expected = "AWS4-HMAC-SHA256 Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        assert_eq!(placed.as_slice(), expected.as_bytes());
        assert_eq!(secrets.scrubber().text(expected), "AWS4-HMAC-SHA256 Signature=[derived key]");
    }

    #[test]
    fn signatures_verify_with_the_public_key() {
        use aws_lc_rs::encoding::AsDer;
        use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair as _, VerificationAlgorithm};
        let rsa_pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
        let rsa_der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&rsa_pair).expect("PKCS #8");
        // PKCS #8 of RSA is 26 bytes of version and algorithm before the PKCS #1 key (RFC 5958), for 2048 bits.
        let (rsa_pkcs8, rsa_pkcs1) =
            (pem("PRIVATE KEY", rsa_der.as_ref()), pem("RSA PRIVATE KEY", &rsa_der.as_ref()[26..]));
        let ec = |algorithm| {
            let pair = EcdsaKeyPair::generate(algorithm).expect("a key");
            let der = pair.to_pkcs8v1().expect("PKCS #8");
            (pem("PRIVATE KEY", der.as_ref()), pair.public_key().as_ref().to_vec())
        };
        let (p256, p256_public) = ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING);
        let (p384, p384_public) = ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING);
        let rsa_public = rsa_pair.public_key().as_ref().to_vec();
        let cases: [(&str, Signing, &[u8], &dyn VerificationAlgorithm); 6] = [
            (&rsa_pkcs8, Signing::RsaPkcs1Sha256, &rsa_public, &signature::RSA_PKCS1_2048_8192_SHA256),
            (&rsa_pkcs1, Signing::RsaPkcs1Sha256, &rsa_public, &signature::RSA_PKCS1_2048_8192_SHA256),
            (&rsa_pkcs8, Signing::RsaPkcs1Sha512, &rsa_public, &signature::RSA_PKCS1_2048_8192_SHA512),
            (&rsa_pkcs8, Signing::RsaPssSha256, &rsa_public, &signature::RSA_PSS_2048_8192_SHA256),
            (&p256, Signing::EcdsaP256Sha256, &p256_public, &signature::ECDSA_P256_SHA256_FIXED),
            (&p384, Signing::EcdsaP384Sha384, &p384_public, &signature::ECDSA_P384_SHA384_FIXED),
        ];
        for (pem, algorithm, public, verifier) in cases {
            let mut secrets = secrets(&[("key", pem.as_bytes())]);
            let key = secrets.credential("key").expect("a field");
            let number = secrets.sign(algorithm, key, &text("message")).expect("a signature");
            let value = &entry(&secrets.entries, number).expect("a secret").bytes;
            assert!(verifier.verify_sig(public, b"message", value).is_ok(), "{algorithm:?}");
            assert!(verifier.verify_sig(public, b"massage", value).is_err(), "{algorithm:?}");
            assert_eq!(secrets.sign(Signing::Ed25519, key, &[]), Err(Fault::BadKey), "{algorithm:?}");
        }
    }

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", data_encoding::BASE64.encode(der))
    }

    #[test]
    fn a_call_holds_no_more_than_its_limits() {
        let mut secrets = secrets(&[]);
        let piece = [Part::Bytes(vec![0; SECRET_BYTES])];
        let first = secrets.encode(Encoding::None, &piece).expect("as long as allowed");
        assert_eq!(secrets.encode(Encoding::Hex, &piece), Err(Fault::Limit));
        let many = vec![Part::Secret(first); 1_000_000];
        assert_eq!(secrets.digest(Hash::Sha256, &many), Err(Fault::Limit));
        assert_eq!(secrets.place(&many, &[]), Err(PlaceError::TooLong));
        for _ in 1..SECRETS_BYTES / SECRET_BYTES {
            secrets.encode(Encoding::None, &piece).expect("within the sum");
        }
        assert_eq!(secrets.encode(Encoding::None, &text("a")), Err(Fault::Limit));
        let mut secrets = self::secrets(&[]);
        for number in 1..=SECRETS_A_CALL {
            assert_eq!(secrets.encode(Encoding::None, &[]).map(|n| n as usize), Ok(number));
        }
        assert_eq!(secrets.encode(Encoding::None, &[]), Err(Fault::Limit));
    }

    #[test]
    fn a_signature_is_scrubbed_out_of_what_it_was_wrapped_in() {
        let mut secrets = secrets(&[("key", b"wJalrXUtnFEMI")]);
        let key = secrets.credential("key").expect("a field");
        let tag = secrets.hmac(Hash::Sha256, &[Part::Secret(key)], &text("x")).expect("a tag");
        let tag_hex = hex(&secrets, tag);
        let whole = [text("Signature="), vec![Part::Secret(tag)], text(";v=1")].concat();
        let whole = secrets.encode(Encoding::Base64, &whole).expect("encoded");
        secrets.place(&[Part::Secret(whole)], &[Class::Derived("key".into())]).expect("the class of the sink");
        assert_eq!(secrets.scrubber().text(&format!("bad {tag_hex}")), "bad [derived key]");
    }

    #[test]
    fn a_forgotten_capture_is_gone_for_later_calls_and_still_scrubbed_in_this_one() {
        let mut secrets = secrets(&[]);
        secrets.run_captures.keep("token.access", Zeroizing::new(b"old-access-token".to_vec()));
        secrets.template("Bearer {token.access}").expect("filled");
        secrets.run_captures.forget("token.access");
        assert_eq!(secrets.credential("token.access"), Err(Fault::UnknownCredential));
        assert_eq!(secrets.scrubber().text("echo old-access-token"), "echo [token.access]");
        secrets.capture("token.access", Zeroizing::new(b"new-access-token".to_vec()), true);
        secrets.capture("token.access", Zeroizing::new(b"newer-access-token".to_vec()), true);
        assert_eq!(secrets.scrubber().text("new-access-token"), "[token.access]");
    }

    #[test]
    fn an_empty_credential_fills_no_template() {
        assert!(matches!(secrets(&[("key", b"")]).template("Bearer {key}"), Err(PlaceError::Unfilled { .. })));
    }

    #[test]
    fn a_class_is_a_form_and_a_name() {
        for class in [Class::Raw("a".into()), Class::Captured("t.a".into()), Class::Derived("a".into())] {
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        for text in ["", "raw", "raw ", "raw a b", "Raw a", "secret a"] {
            assert_eq!(text.parse::<Class>(), Err(UnknownClass), "{text:?}");
        }
    }

    #[test]
    fn debug_shows_names_only() {
        let set = CredentialSet::new(vec![("api_token".into(), Zeroizing::new(b"hidden-value".to_vec()))]);
        assert_eq!(format!("{set:?}"), r#"{"api_token"}"#);
    }
}
