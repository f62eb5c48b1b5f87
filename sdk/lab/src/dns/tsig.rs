//! Signed messages (RFC 8945): one key, checked before anything else is looked at.

use std::time::{SystemTime, UNIX_EPOCH};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::tsig::{self, TSIG, TsigError};
use hickory_proto::rr::{Name, Record, TSigner};
use serde::Serialize;

/// The algorithms of RFC 8945 section 6 that are no longer weak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TsigAlgorithm {
    /// `hmac-sha256`
    #[default]
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// `hmac-sha384`
    #[serde(rename = "hmac-sha384")]
    HmacSha384,
    /// `hmac-sha512`
    #[serde(rename = "hmac-sha512")]
    HmacSha512,
}

/// The key the name servers take updates with; made at start, good for every zone.
#[derive(Clone, Serialize)]
pub struct TsigKey {
    /// Without final dot.
    pub name: String,
    /// As key files write it.
    pub algorithm: TsigAlgorithm,
    /// base64, as key files have it; as many bytes as the algorithm gives.
    pub secret: String,
}

impl std::fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TsigKey({}, {:?})", self.name, self.algorithm)
    }
}

impl TsigKey {
    /// A key with random bytes; `None` if the system gives none.
    pub fn generate(algorithm: TsigAlgorithm) -> Option<Self> {
        let bytes = match algorithm {
            TsigAlgorithm::HmacSha256 => 32,
            TsigAlgorithm::HmacSha384 => 48,
            TsigAlgorithm::HmacSha512 => 64,
        };
        let mut secret = vec![0; bytes];
        aws_lc_rs::rand::fill(&mut secret).ok()?;
        Some(Self { name: KEY_NAME.to_owned(), algorithm, secret: data_encoding::BASE64.encode(&secret) })
    }

    /// For the servers, which know the secret's bytes; `None` if name or secret are not what they should be.
    pub(super) fn signer(&self) -> Option<TSigner> {
        let algorithm = match self.algorithm {
            TsigAlgorithm::HmacSha256 => tsig::TsigAlgorithm::HmacSha256,
            TsigAlgorithm::HmacSha384 => tsig::TsigAlgorithm::HmacSha384,
            TsigAlgorithm::HmacSha512 => tsig::TsigAlgorithm::HmacSha512,
        };
        let secret = data_encoding::BASE64.decode(self.secret.as_bytes()).ok()?;
        TSigner::new(secret, algorithm, Name::from_ascii(&self.name).ok()?, FUDGE_SECONDS).ok()
    }
}

const KEY_NAME: &str = "lab-key";
const FUDGE_SECONDS: u16 = 300;

/// How the answer to a message is signed.
pub(super) enum Standing {
    /// The request had no signature, nor has the answer.
    Unsigned,
    /// The request was good.
    Good { mac: Vec<u8> },
    /// RCODE NOTAUTH and this error. The answer to BADTIME is signed, any other is not (section 5.2).
    Bad { error: TsigError, request: Box<Record<TSIG>> },
}

/// Section 5.2: key, then MAC, then time.
pub(super) fn check(signer: &TSigner, bytes: &[u8], request: &Message) -> Standing {
    let Some(record) = &request.signature else { return Standing::Unsigned };
    let bad = |error| Standing::Bad { error, request: record.clone() };
    if record.name != *signer.signer_name() || record.data.algorithm != *signer.algorithm() {
        return bad(TsigError::BadKey);
    }
    match signer.verify_message_byte(bytes, None, true) {
        Err(_) => bad(TsigError::BadSig),
        Ok((mac, ..)) if now().abs_diff(record.data.time) <= u64::from(record.data.fudge) => Standing::Good { mac },
        Ok(_) => bad(TsigError::BadTime),
    }
}

/// The bytes of `reply` with the signature its request calls for.
pub(super) fn sign(signer: &TSigner, standing: &Standing, mut reply: Message) -> Option<Vec<u8>> {
    let (mac, error, time) = match standing {
        Standing::Unsigned => return reply.to_vec().ok(),
        Standing::Good { mac } => (mac, None, now()),
        Standing::Bad { error, request } => {
            reply.metadata.response_code = ResponseCode::NotAuth;
            (&request.data.mac, Some(*error), request.data.time)
        }
    };
    let id = reply.metadata.id;
    // Section 5.2.3: what the server's clock says, 48 bits.
    let other = if error == Some(TsigError::BadTime) { now().to_be_bytes()[2..].to_vec() } else { Vec::new() };
    let stub = |algorithm: &tsig::TsigAlgorithm| {
        TSIG::new(algorithm.clone(), time, FUDGE_SECONDS, Vec::new(), id, error, other)
    };
    let (name, data) = match standing {
        Standing::Bad { error: TsigError::BadSig | TsigError::BadKey, request } => {
            (request.name.clone(), stub(&request.data.algorithm))
        }
        _ => {
            let stub = stub(signer.algorithm());
            let signed = signer.encode_response_tbs(mac, &reply.to_vec().ok()?, &stub).ok()?;
            (signer.signer_name().clone(), stub.set_mac(signer.sign(&signed).ok()?))
        }
    };
    reply.set_signature(Box::new(tsig::make_tsig_record(name, data)));
    reply.to_vec().ok()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
