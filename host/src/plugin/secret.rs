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
use crate::plugin::wire::Part;

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
}

/// The secrets of one call.
pub struct Secrets {
    credentials: Arc<CredentialSet>,
    captures: BTreeMap<String, Zeroizing<Vec<u8>>>,
    run_captures: RunCaptures,
    entries: Vec<Entry>,
    placed: Vec<(String, Zeroizing<Vec<u8>>)>,
    now: u64,
}

impl Secrets {
    /// Begins with the credentials alone; `now` is in Unix seconds.
    pub fn new(credentials: Arc<CredentialSet>, run_captures: RunCaptures, now: u64) -> Self {
        let (captures, entries, placed) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { credentials, captures, run_captures, entries, placed, now }
    }

    /// A secret field, or what an endpoint's capture holds.
    pub fn credential(&mut self, name: &str) -> Result<u32, Fault> {
        let (bytes, class) = self.named(name).ok_or(Fault::UnknownCredential)?;
        self.add(bytes, BTreeSet::from([class]))
    }

    /// The joined parts, encoded.
    pub fn encode(&mut self, encoding: Encoding, parts: &[Part]) -> Result<u32, Fault> {
        let (bytes, classes) = self.join(parts)?;
        let encoded = match encoding {
            Encoding::None => return self.add(bytes, classes),
            Encoding::Hex => data_encoding::HEXLOWER.encode(&bytes),
            Encoding::Base64 => data_encoding::BASE64.encode(&bytes),
            Encoding::Base64url => data_encoding::BASE64URL_NOPAD.encode(&bytes),
            Encoding::Percent => percent_encoding::percent_encode(&bytes, UNRESERVED).to_string(),
        };
        self.add(Zeroizing::new(encoded.into_bytes()), classes)
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
    pub fn capture(&mut self, name: &str, value: Zeroizing<Vec<u8>>, for_run: bool) {
        if for_run {
            self.run_captures.keep(name, value.clone());
        }
        self.captures.insert(name.to_owned(), value);
    }

    /// The joined parts for a sink that takes `allowed`; they must hold a secret and nothing of another class.
    pub fn place(&mut self, parts: &[Part], allowed: &[Class]) -> Result<Zeroizing<Vec<u8>>, PlaceError> {
        let (bytes, classes) = self.join(parts).map_err(|_| PlaceError::UnknownSecret)?;
        if classes.is_empty() {
            return Err(PlaceError::NoSecret { allowed: listed(allowed) });
        }
        if let Some(class) = classes.iter().find(|class| !allowed.contains(class)) {
            return Err(PlaceError::WrongClass { allowed: listed(allowed), given: class.to_string() });
        }
        for part in parts {
            if let Part::Secret(number) = part {
                self.remember_entry(*number);
            }
        }
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
            self.placed.push((names.to_owned(), encoded.clone()));
            return Ok(encoded);
        }
        self.named(name).map(|(value, _)| value).ok_or_else(|| unfilled(name))
    }

    fn named(&self, name: &str) -> Option<(Zeroizing<Vec<u8>>, Class)> {
        if let Some(value) = self.credentials.0.get(name) {
            return Some((value.clone(), Class::Raw(name.to_owned())));
        }
        let captured = self.captures.get(name).cloned().or_else(|| self.run_captures.find(name))?;
        Some((captured, Class::Captured(name.to_owned())))
    }

    fn remember_entry(&mut self, number: u32) {
        let Some(entry) = entry(&self.entries, number) else { return };
        let names = entry.classes.iter().map(Class::to_string).collect::<Vec<_>>().join(", ");
        self.placed.push((names, entry.bytes.clone()));
    }

    fn join(&self, parts: &[Part]) -> Result<(Zeroizing<Vec<u8>>, BTreeSet<Class>), Fault> {
        let mut bytes = Zeroizing::new(Vec::new());
        let mut classes = BTreeSet::new();
        for part in parts {
            match part {
                Part::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                Part::Bytes(more) => bytes.extend_from_slice(more),
                Part::Secret(number) => {
                    let entry = entry(&self.entries, *number).ok_or(Fault::UnknownSecret)?;
                    bytes.extend_from_slice(&entry.bytes);
                    classes.extend(entry.classes.iter().cloned());
                }
            }
        }
        if bytes.len() > JOINED_BYTES { Err(Fault::Limit) } else { Ok((bytes, classes)) }
    }

    fn add_derived(&mut self, bytes: Vec<u8>, classes: &BTreeSet<Class>) -> Result<u32, Fault> {
        self.add(Zeroizing::new(bytes), classes.iter().map(Class::derived).collect())
    }

    fn add(&mut self, bytes: Zeroizing<Vec<u8>>, classes: BTreeSet<Class>) -> Result<u32, Fault> {
        if self.entries.len() >= SECRETS_A_CALL || bytes.len() > SECRET_BYTES {
            return Err(Fault::Limit);
        }
        self.entries.push(Entry { bytes, classes });
        u32::try_from(self.entries.len()).map_err(|_| Fault::Limit)
    }
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

const UNRESERVED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const TOTP_STEP_SECONDS: u64 = 30;
const TOTP_DIGITS: u32 = 6;
const SECRETS_A_CALL: usize = 4096;
const SECRET_BYTES: usize = 64 * 1024;
const JOINED_BYTES: usize = 1024 * 1024;

/// Why a secret was not put where it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// A number that was not given out.
    #[error("names a secret that this call does not have")]
    UnknownSecret,
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
    fn debug_shows_names_only() {
        let set = CredentialSet::new(vec![("api_token".into(), Zeroizing::new(b"hidden-value".to_vec()))]);
        assert_eq!(format!("{set:?}"), r#"{"api_token"}"#);
    }
}
