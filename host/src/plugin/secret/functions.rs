//! Hashes, message authentication codes and signatures as the contract names them.

use aws_lc_rs::{digest, hmac, rand, rsa, signature};
use md5::{Digest, Md5};
use rustls_pki_types::PrivateKeyDer;
use zeroize::Zeroizing;

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

pub(super) fn digest_algorithm(hash: Hash) -> Option<&'static digest::Algorithm> {
    match hash {
        Hash::Md5 => None,
        Hash::Sha1 => Some(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        Hash::Sha256 => Some(&digest::SHA256),
        Hash::Sha384 => Some(&digest::SHA384),
        Hash::Sha512 => Some(&digest::SHA512),
    }
}

pub(super) fn hmac_algorithm(hash: Hash) -> Option<hmac::Algorithm> {
    match hash {
        Hash::Md5 => None,
        Hash::Sha1 => Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        Hash::Sha256 => Some(hmac::HMAC_SHA256),
        Hash::Sha384 => Some(hmac::HMAC_SHA384),
        Hash::Sha512 => Some(hmac::HMAC_SHA512),
    }
}

/// RFC 2104 with MD5, which aws-lc-rs does not offer.
pub(super) fn hmac_md5(key: &[u8], data: &[u8]) -> Vec<u8> {
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

pub(super) fn signature_over(algorithm: Signing, key: &PrivateKeyDer<'_>, data: &[u8]) -> Option<Vec<u8>> {
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

pub(super) fn totp_code(key: &[u8], step: u64, digits: u32) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key), &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0x0f);
    let number = u32::from_be_bytes([tag[offset] & 0x7f, tag[offset + 1], tag[offset + 2], tag[offset + 3]]);
    format!("{:0width$}", number % 10u32.pow(digits), width = digits as usize)
}
